"""What a record of ONIX 2.1 says where that release has other elements or codes."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.books.codes import DatePrecision
from app.books.importers.onix.product import (
    Extent,
    Identifier,
    Language,
    Measures,
    OnixHeader,
    PartialDate,
    Price,
    ProductPart,
    Publisher,
    RelatedProduct,
    RelatedWork,
    Resource,
    SalesRight,
    Series,
    Subject,
    SupplyDetail,
    Tax,
    Territory,
    Text,
)
from app.books.importers.report import Repair, RepairKind
from tests.books.onix.messages import ROOT_21, message, product_21, products

HEADER_FIELDS = (
    "<FromCompany>Firm</FromCompany><FromPerson>Clerk</FromPerson><SentDate>20080328</SentDate>"
    "<DefaultLanguageOfText>eng</DefaultLanguageOfText><DefaultPriceTypeCode>01"
    "</DefaultPriceTypeCode><DefaultCurrencyCode>USD</DefaultCurrencyCode><DefaultLinearUnit>in"
    "</DefaultLinearUnit><DefaultWeightUnit>oz</DefaultWeightUnit>"
)
HEADER = f"<Header>{HEADER_FIELDS}</Header>"


@pytest.mark.parametrize("header", [HEADER, HEADER.lower(), HEADER_FIELDS])
def test_header_with_or_without_an_element_of_its_own(header: str) -> None:
    header = header.replace("usd", "USD").replace("firm", "Firm")
    assert message(f"{ROOT_21}{header}</ONIXMessage>").header == OnixHeader(
        release="2.1",
        sender="Firm",
        sent_at=datetime(2008, 3, 28, tzinfo=UTC),
        default_language="en",
        default_price_type="01",
        default_currency="USD",
        default_length_unit="in",
        default_weight_unit="oz",
    )


def test_no_header() -> None:
    assert message(f"{ROOT_21}</ONIXMessage>").header == OnixHeader(release="2.1")


def test_bare_identifiers() -> None:
    (product,) = products(
        "<Product><ISBN>073228757X</ISBN><EAN13>9780732287573</EAN13><UPC>036000291452</UPC>"
        "</Product>"
    )
    assert product.identifiers == (
        Identifier("02", "073228757X"),
        Identifier("03", "9780732287573"),
        Identifier("04", "036000291452"),
    )
    assert (product.record_reference, product.isbn) == ("", "9780732287573")


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        ("BC", "BC"),
        ("DD", "DI"),
        ("DG", "ED"),
        ("DH", "EC"),
        ("FB", "FF"),
        ("VB", "VJ"),
        ("VD", "VK"),
        ("WW", "SA"),
        ("WX", "SA"),
    ],
)
def test_forms(raw: str, form: str) -> None:
    product = product_21(f"<ProductForm>{raw}</ProductForm>")
    assert (product.form, product.raw_form) == (form, raw)


def test_electronic_books() -> None:
    product = product_21("<ProductForm>DG</ProductForm><EpubType>029</EpubType>")
    assert product.form_details == ("E101",)
    both = "<EpubType>002</EpubType><ProductFormDetail>E107</ProductFormDetail>"
    assert product_21(both).form_details == ("E107",)


def test_contained_items() -> None:
    product = product_21(
        "<ContainedItem><ISBN>073228757X</ISBN><ProductForm>BC</ProductForm><ItemQuantity>5"
        "</ItemQuantity></ContainedItem>"
    )
    assert product.parts == (
        ProductPart(
            (Identifier("02", "073228757X"),), "9780732287573", "BC", "BC", (), 5, is_primary=False
        ),
    )


@pytest.mark.parametrize(
    ("content", "title", "subtitle"),
    [
        (
            "<Title><TitleType>01</TitleType><TitleText>A</TitleText><Subtitle>B</Subtitle></Title>",
            "A",
            "B",
        ),
        (
            (
                "<Title><TitleType>05</TitleType><TitleText>A</TitleText></Title><Title><TitleType>00"
                "</TitleType><TitlePrefix>The</TitlePrefix><TitleWithoutPrefix>B</TitleWithoutPrefix>"
                "</Title>"
            ),
            "The B",
            "",
        ),
        ("<DistinctiveTitle>A</DistinctiveTitle><Subtitle>B</Subtitle>", "A", "B"),
        (
            "<TitlePrefix>The</TitlePrefix><TitleWithoutPrefix>B</TitleWithoutPrefix>",
            "The B",
            "",
        ),
    ],
)
def test_titles(content: str, title: str, subtitle: str) -> None:
    product = product_21(content)
    assert (product.title, product.subtitle) == (title, subtitle)


def test_series() -> None:
    product = product_21(
        "<Series><TitleOfSeries>A</TitleOfSeries><NumberWithinSeries>1</NumberWithinSeries>"
        "</Series><Series><Title><TitleType>01</TitleType><TitleText>B</TitleText></Title></Series>"
        "<Series/>"
    )
    assert product.series == (Series("A", "1"), Series("B", ""))


def test_languages_extent_and_measures() -> None:
    product = product_21(
        "<LanguageOfText>fre</LanguageOfText><OriginalLanguage>ger</OriginalLanguage>"
        "<NumberOfPages>237</NumberOfPages><Extent><ExtentType>00</ExtentType><ExtentValue>240"
        "</ExtentValue><ExtentUnit>03</ExtentUnit></Extent><Height>10</Height><Weight>16</Weight>"
        "<Measure><MeasureTypeCode>02</MeasureTypeCode><Measurement>7</Measurement>"
        "<MeasureUnitCode>in</MeasureUnitCode></Measure>",
        header=HEADER,
    )
    assert product.languages == (Language("01", "fr", "fre"), Language("02", "de", "ger"))
    assert product.pages == 237
    assert product.extents == (Extent("00", "240", "03"),)
    assert product.measures == Measures(
        Decimal("254.0"), Decimal("177.8"), weight_g=Decimal("453.6")
    )


def test_subjects_and_audience() -> None:
    product = product_21(
        "<BASICMainSubject>REL012120</BASICMainSubject><BICMainSubject>FA</BICMainSubject>"
        "<MainSubject><MainSubjectSchemeIdentifier>26</MainSubjectSchemeIdentifier><SubjectCode>1"
        "</SubjectCode></MainSubject><Subject><SubjectSchemeIdentifier>12"
        "</SubjectSchemeIdentifier><SubjectCode>F</SubjectCode></Subject><AudienceCode>01"
        "</AudienceCode><EditionTypeCode>REV</EditionTypeCode>"
    )
    assert product.subjects == (
        Subject("10", "REL012120", "", is_main=True),
        Subject("12", "FA", "", is_main=True),
        Subject("26", "1", "", is_main=True),
        Subject("12", "F", "", is_main=False),
    )
    assert product.audience_codes == (("01", "01"),)
    assert product.edition_types == ("REV",)


def other_text(type_: str, content: str, text_format: str = "") -> str:
    return (
        f"<OtherText><TextTypeCode>{type_}</TextTypeCode><TextFormat>{text_format}</TextFormat>"
        f"<Text>{content}</Text></OtherText>"
    )


def test_texts() -> None:
    product = product_21(
        other_text("03", "Long")
        + other_text("01", "&lt;x&gt;Main&lt;/x&gt;", "02")
        + other_text("02", "Short")
        + other_text("04", "1<br/>2")
        + other_text("25", "For salespeople")
    )
    assert (product.description, product.short_description) == ("Main", "Short")
    assert product.table_of_contents == "1\n2"
    assert product.texts == (
        Text("03", "03", "", "Long"),
        Text("03", "01", "", "Main"),
        Text("02", "02", "", "Short"),
        Text("04", "04", "", "1\n2"),
        Text("", "25", "", "For salespeople"),
    )
    bare = product_21("<Annotation>Short</Annotation><MainDescription>Main</MainDescription>")
    assert (bare.description, bare.short_description) == ("Main", "Short")


def media(kind: str, link: str, link_type: str = "01") -> str:
    return (
        f"<MediaFile><MediaFileTypeCode>{kind}</MediaFileTypeCode><MediaFileLinkTypeCode>"
        f"{link_type}</MediaFileLinkTypeCode><MediaFileLink>{link}</MediaFileLink></MediaFile>"
    )


def test_pictures() -> None:
    product = product_21(
        media("07", "http://x/thumbnail.jpg")
        + media("04", "http://x/front.jpg")
        + media("06", "http://x/best.jpg")
        + media("04", "front.jpg", "06")
        + media("17", "http://x/logo.jpg")
        + "<CoverImageLinkTypeCode>01</CoverImageLinkTypeCode>"
        "<CoverImageLink>http://x/cover.jpg</CoverImageLink>"
    )
    assert product.cover_urls == (
        "http://x/best.jpg",
        "http://x/front.jpg",
        "http://x/cover.jpg",
        "http://x/thumbnail.jpg",
    )
    assert product.resources[-1] == Resource("17", "", "", ("http://x/logo.jpg",))
    name = "<CoverImageLinkTypeCode>06</CoverImageLinkTypeCode><CoverImageLink>x</CoverImageLink>"
    assert product_21(name + media("04", "")).cover_urls == ()


def test_publishing() -> None:
    product = product_21(
        "<ImprintName>I</ImprintName><PublisherName>P</PublisherName><PublicationDate>200607"
        "</PublicationDate><YearFirstPublished>1999</YearFirstPublished>"
    )
    assert product.publishers == (Publisher("01", "P"),)
    assert (product.publisher, product.imprint) == ("P", "I")
    assert product.publication_date == PartialDate(date(2006, 7, 1), DatePrecision.MONTH)
    assert product.first_publication_date == PartialDate(date(1999, 1, 1), DatePrecision.YEAR)


def test_sales_rights() -> None:
    product = product_21(
        "<SalesRights><SalesRightsType>01</SalesRightsType><RightsCountry>AU NZ</RightsCountry>"
        "<RightsCountry>FJ</RightsCountry></SalesRights><SalesRights><SalesRightsType>02"
        "</SalesRightsType><RightsTerritory>ROW</RightsTerritory></SalesRights><SalesRights>"
        "<SalesRightsType>02</SalesRightsType><RightsRegion>000</RightsRegion><RightsRegion>003"
        "</RightsRegion></SalesRights><NotForSale><RightsCountry>US</RightsCountry></NotForSale>"
    )
    assert product.sales_rights == (
        SalesRight("01", Territory(countries_included=frozenset({"AU", "NZ", "FJ"}))),
        SalesRight("02", Territory(regions_included=frozenset({"ROW"}))),
        SalesRight("02", Territory(regions_included=frozenset({"WORLD", "003"}))),
        SalesRight("03", Territory(countries_included=frozenset({"US"}))),
    )


def test_related_works_and_products() -> None:
    product = product_21(
        "<WorkIdentifier><WorkIDType>01</WorkIDType><IDTypeName>Biblio</IDTypeName><IDValue>21"
        "</IDValue></WorkIdentifier><RelatedProduct><RelationCode>13</RelationCode><EAN13>"
        "9780732287573</EAN13></RelatedProduct><ReplacedByISBN>073228757X</ReplacedByISBN>"
        "<AlternativeFormatEAN13>9780732287573</AlternativeFormatEAN13>"
    )
    gtin = Identifier("03", "9780732287573")
    assert product.related_works == (RelatedWork("01", (Identifier("01", "21", "Biblio"),)),)
    assert product.related_products == (
        RelatedProduct(("13",), (gtin,), gtin.value),
        RelatedProduct(("05",), (Identifier("02", "073228757X"),), gtin.value),
        RelatedProduct(("06",), (gtin,), gtin.value),
    )


def supply(content: str, more: str = "") -> SupplyDetail:
    (found,) = product_21(f"<SupplyDetail>{content}</SupplyDetail>{more}", header=HEADER).supplies
    return found


def test_supply() -> None:
    represented = (
        "<MarketRepresentation><MarketPublishingStatus>02</MarketPublishingStatus><MarketDate>"
        "<MarketDateRole>01</MarketDateRole><Date>20080701</Date></MarketDate>"
        "</MarketRepresentation>"
    )
    content = (
        "<SupplierName>S</SupplierName><SupplierRole>01</SupplierRole><SupplyToCountry>AU NZ"
        "</SupplyToCountry><AvailabilityCode>TO</AvailabilityCode><DateFormat>01</DateFormat>"
        "<ExpectedShipDate>200807</ExpectedShipDate><OnSaleDate>20080702</OnSaleDate><OrderTime>14"
        "</OrderTime><Stock><OnHand>NYP</OnHand></Stock>"
    )
    expected = SupplyDetail(
        supplier="S",
        supplier_role="01",
        availability="22",
        raw_availability="TO",
        order_time_days=14,
        on_sale_date=PartialDate(date(2008, 7, 2), DatePrecision.DAY),
        expected_date=PartialDate(date(2008, 7, 1), DatePrecision.MONTH),
        market=Territory(countries_included=frozenset({"AU", "NZ"})),
        market_status="02",
        market_publication_date=PartialDate(date(2008, 7, 1), DatePrecision.DAY),
    )
    assert supply(content, represented) == expected
    assert supply(content, represented * 2).market_status == ""


@pytest.mark.parametrize(
    ("raw", "meaning"),
    [
        ("AB", "01"),
        ("AD", "44"),
        ("CS", "99"),
        ("EX", "43"),
        ("IP", "20"),
        ("MD", "23"),
        ("NP", "10"),
        ("NY", "11"),
        ("OF", "42"),
        ("OI", "40"),
        ("OP", "51"),
        ("OR", "41"),
        ("PP", "09"),
        ("RF", "43"),
        ("RM", "47"),
        ("RP", "32"),
        ("RU", "32"),
        ("TO", "22"),
        ("TP", "31"),
        ("TU", "30"),
        ("UR", "33"),
        ("WR", "20"),
        ("WS", "46"),
        ("ZZ", "ZZ"),
    ],
)
def test_availabilities(raw: str, meaning: str) -> None:
    found = supply(f"<AvailabilityCode>{raw}</AvailabilityCode>")
    assert (found.availability, found.raw_availability) == (meaning, raw)


def test_prices() -> None:
    found = supply(
        "<Price><PriceTypeCode>02</PriceTypeCode><MinimumOrderQuantity>5</MinimumOrderQuantity>"
        "<PriceAmount>19.99</PriceAmount><CurrencyCode>AUD</CurrencyCode><TaxRateCode1>S"
        "</TaxRateCode1><TaxRatePercent1>10</TaxRatePercent1><TaxableAmount1>18.17"
        "</TaxableAmount1><TaxAmount1>1.82</TaxAmount1><TaxRatePercent2>1</TaxRatePercent2>"
        "<CountryCode>AU</CountryCode><CountryCode>NZ</CountryCode><Territory>WORLD</Territory>"
        "<CountryExcluded>US</CountryExcluded><TerritoryExcluded>ROW</TerritoryExcluded>"
        "<PriceEffectiveFrom>20240101</PriceEffectiveFrom><PriceEffectiveUntil>2024"
        "</PriceEffectiveUntil></Price><Price><PriceAmount>18</PriceAmount></Price>"
    )
    assert found.prices == (
        Price(
            type="02",
            amount=Decimal("19.99"),
            currency="AUD",
            tax_included=True,
            taxes=(
                Tax("", "S", Decimal(10), Decimal("18.17"), Decimal("1.82")),
                Tax("", "", Decimal(1), None, None),
            ),
            territory=Territory(
                frozenset({"AU", "NZ"}),
                frozenset({"WORLD"}),
                frozenset({"US"}),
                frozenset({"ROW"}),
            ),
            valid_from=date(2024, 1, 1),
            valid_until=date(2024, 12, 31),
            minimum_quantity=5,
        ),
        Price(type="01", amount=Decimal(18), currency="USD", tax_included=False),
    )


def test_what_was_escaped_twice() -> None:
    product = product_21("<PublisherName>Allen &amp;amp; Unwin</PublisherName>")
    assert product.publisher == "Allen & Unwin"
    assert product.repairs == (Repair(RepairKind.ENTITIES, "Allen &amp; Unwin", "Allen & Unwin"),)
