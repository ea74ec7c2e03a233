"""What a record of ONIX 3.0 or 3.1 says, element by element."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.books.codes import DatePrecision
from app.books.importers.onix.codes import Notification
from app.books.importers.onix.facts import territory_columns
from app.books.importers.onix.product import (
    Contributor,
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
from app.books.models import SalesRight as KeptRight
from app.books.pricing import covers
from tests.books.onix.messages import ROOT_30, message, product_30, products, record

WORLD = Territory(regions_included=frozenset({"WORLD"}))


def described(content: str) -> str:
    return f"<DescriptiveDetail>{content}</DescriptiveDetail>"


def titled(*levels: str, type_: str = "01") -> str:
    elements = "".join(f"<TitleElement>{level}</TitleElement>" for level in levels)
    return f"<TitleDetail><TitleType>{type_}</TitleType>{elements}</TitleDetail>"


def level(number: str, content: str) -> str:
    return f"<TitleElementLevel>{number}</TitleElementLevel>{content}"


def identifier(type_: str, value: str) -> str:
    return (
        f"<ProductIdentifier><ProductIDType>{type_}</ProductIDType><IDValue>{value}</IDValue>"
        "</ProductIdentifier>"
    )


def day(year: int, month: int, number: int) -> PartialDate:
    return PartialDate(date(year, month, number), DatePrecision.DAY)


def test_header() -> None:
    header = (
        "<Header><Sender><SenderIdentifier/><SenderName>A &amp;amp; B</SenderName></Sender>"
        "<MessageNumber>7</MessageNumber><SentDateTime>20240102T0304Z</SentDateTime>"
        "<MessageNote>Note</MessageNote><DefaultLanguageOfText>ger</DefaultLanguageOfText>"
        "<DefaultPriceType>02</DefaultPriceType><DefaultCurrencyCode>eur</DefaultCurrencyCode>"
        "</Header>"
    )
    assert message(f"{ROOT_30}{header}</ONIXMessage>").header == OnixHeader(
        release="3.0",
        sender="A & B",
        sent_at=datetime(2024, 1, 2, 3, 4, tzinfo=UTC),
        message_number="7",
        message_note="Note",
        default_language="de",
        default_price_type="02",
        default_currency="EUR",
    )


@pytest.mark.parametrize(
    ("root", "inner", "release"),
    [
        ('<ONIXMessage release="3.1">', "", "3.1"),
        ("<ONIXMessage release='3.1.02'>", "", "3.1"),
        ('<ONIXmessage release=" 3.0 ">', "", "3.0"),
        ('<ONIXMessage release="2.1">', "", "2.1"),
        ('<ONIXMessage release="2.0">', "", "2.1"),
        ('<ONIXMessage xmlns="http://ns.editeur.org/onix/3.1/reference">', "", "3.1"),
        ('<ONIXMessage xmlns="http://www.editeur.org/onix/2.1/short">', "", "2.1"),
        ('<ONIXMessage xmlns="http://wrong.example/">', described(""), "3.0"),
        ("<ONIXMessage>", "<productsupply></productsupply>", "3.0"),
        ("<ONIXMessage>", "<Title/>", "2.1"),
        ("", described(""), "3.0"),
    ],
)
def test_release(root: str, inner: str, release: str) -> None:
    assert message(f"{root}{record('r', inner)}").header.release == release


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("01", Notification.EARLY),
        ("02", Notification.ADVANCE),
        ("03", Notification.CONFIRMED),
        ("04", Notification.UPDATE),
        ("05", Notification.DELETE),
        ("08", Notification.SALE),
        ("09", Notification.ACQUISITION),
        ("88", Notification.TEST_UPDATE),
        ("89", Notification.TEST),
        ("77", None),
    ],
)
def test_notifications(code: str, meaning: Notification | None) -> None:
    (product,) = products(record("r").replace("03", code))
    assert (product.notification, product.raw_notification) == (meaning, code)


def test_block_update() -> None:
    content = (
        "<CollateralDetail/><ContentDetail/><PublishingDetail/><RelatedMaterial/>"
        "<PromotionDetail/><ProductionDetail/>"
    )
    assert product_30(content).blocks == {2, 3, 4, 5, 7, 8}
    assert product_30("<DescriptiveDetail/><ProductSupply/>").blocks == {1, 6}
    assert product_30().blocks == frozenset()


def test_deletion() -> None:
    assert product_30("<DeletionText>Wrong</DeletionText>").deletion_text == "Wrong"


@pytest.mark.parametrize(
    ("identifiers", "isbn", "gtin"),
    [
        ((("15", "978-0-00-723283-3"),), "9780007232833", None),
        ((("02", "073228757X"),), "9780732287573", None),
        ((("03", "9780007232833"),), "9780007232833", None),
        ((("02", "073228757X"), ("03", "9780007232833")), "9780007232833", None),
        ((("15", "9780007232834"), ("03", "9780007232833")), "9780007232833", None),
        ((("15", "9780007232834"),), None, None),
        ((("03", "5012345678900"), ("15", "9780007232833")), "9780007232833", "5012345678900"),
        ((("03", "5012345678900"),), None, "5012345678900"),
        ((("04", "036000291452"),), None, "0036000291452"),
        ((("03", "5012345678901"),), None, None),
        ((("01", "9780007232833"),), None, None),
    ],
)
def test_isbn(identifiers: tuple[tuple[str, str], ...], isbn: str | None, gtin: str | None) -> None:
    composites = "".join(identifier(*pair) for pair in identifiers)
    (product,) = products(f"{ROOT_30}{record('r', composites)}</ONIXMessage>")
    assert (product.isbn, product.gtin) == (isbn, gtin)
    assert product.identifiers == tuple(Identifier(*pair) for pair in identifiers)


@pytest.mark.parametrize("pair", [("15", "9780007232834"), ("02", "x"), ("03", "9780007232834")])
def test_wrong_isbns_are_noted(pair: tuple[str, str]) -> None:
    (product,) = products(record("r", identifier(*pair)))
    assert product.repairs == (Repair(RepairKind.LEFT_OUT, f"ISBN: {pair[1]}", ""),)


def test_form_composition_and_parts() -> None:
    part = (
        f"<ProductPart><PrimaryPart/>{identifier('15', '9780007232833')}<ProductForm>DG"
        "</ProductForm><ProductFormDetail>B105</ProductFormDetail><NumberOfCopies>2"
        "</NumberOfCopies></ProductPart><ProductPart><ProductForm>AC</ProductForm></ProductPart>"
    )
    product = product_30(
        described(
            "<ProductComposition>10</ProductComposition><ProductForm>BC</ProductForm>"
            f"<ProductFormDetail>B105</ProductFormDetail><ProductFormDetail>B504"
            f"</ProductFormDetail>{part}"
        )
    )
    assert (product.composition, product.form, product.form_details) == (
        "10",
        "BC",
        ("B105", "B504"),
    )
    isbn = Identifier("15", "9780007232833")
    assert product.parts == (
        ProductPart((isbn,), isbn.value, "ED", "DG", ("B105",), 2, is_primary=True),
        ProductPart((), None, "AC", "AC", (), 1, is_primary=False),
    )


@pytest.mark.parametrize(
    ("details", "title", "subtitle"),
    [
        (titled(level("01", "<TitleText>A <i>b</i></TitleText>")), "A b", ""),
        (
            titled(
                level(
                    "01",
                    "<TitlePrefix>The</TitlePrefix><TitleWithoutPrefix>End</TitleWithoutPrefix>"
                    "<Subtitle>of it</Subtitle>",
                )
            ),
            "The End",
            "of it",
        ),
        (
            titled(
                level(
                    "01",
                    "<TitlePrefix>L'</TitlePrefix><TitleWithoutPrefix>Autre</TitleWithoutPrefix>",
                )
            ),
            "L'Autre",
            "",
        ),
        (
            titled(level("01", "<NoPrefix/><TitleWithoutPrefix>End</TitleWithoutPrefix>")),
            "End",
            "",
        ),
        (
            titled(level("01", "<TitleText>Original</TitleText>"), type_="03")
            + titled(level("01", "<TitleText>Ours</TitleText>")),
            "Ours",
            "",
        ),
        (
            titled(level("01", "<TitleText>Alternative</TitleText>"), type_="14")
            + titled(level("01", "<TitleText>Undefined</TitleText>"), type_="00"),
            "Undefined",
            "",
        ),
        (
            titled(level("01", "<TitleText>Undefined</TitleText>"), type_="00")
            + titled(level("01", "<TitleText>Distinctive</TitleText>"), type_="01"),
            "Distinctive",
            "",
        ),
        (titled(level("01", "<TitleText>Other</TitleText>"), type_="10"), "Other", ""),
        (titled() + titled(level("01", "<TitleText>Second</TitleText>")), "Second", ""),
        (
            titled(
                level("02", "<TitleText>Asterix</TitleText>"),
                level("01", "<PartNumber>7</PartNumber><Subtitle>sub</Subtitle>"),
            ),
            "Asterix 7",
            "sub",
        ),
        (
            titled(level("02", "<TitleText>Asterix</TitleText><PartNumber>7</PartNumber>")),
            "Asterix 7",
            "",
        ),
        (
            (
                "<TitleDetail><TitleType>01</TitleType><TitleStatement>Stated</TitleStatement>"
                "</TitleDetail>"
            ),
            "Stated",
            "",
        ),
        ("", "", ""),
    ],
)
def test_title(details: str, title: str, subtitle: str) -> None:
    product = product_30(described(details))
    assert (product.title, product.subtitle) == (title, subtitle)


def test_series() -> None:
    def collection(*levels: str, more: str = "") -> str:
        return (
            f"<Collection><CollectionType>10</CollectionType>{more}{titled(*levels)}</Collection>"
        )

    sequence = (
        "<CollectionSequence><CollectionSequenceType>02</CollectionSequenceType>"
        "</CollectionSequence><CollectionSequence><CollectionSequenceType>03"
        "</CollectionSequenceType><CollectionSequenceNumber>5</CollectionSequenceNumber>"
        "</CollectionSequence>"
    )
    no_number = "<CollectionSequence/>"
    product = product_30(
        described(
            collection(level("02", "<TitleText>A</TitleText><PartNumber>1</PartNumber>"))
            + collection(
                level("02", "<TitleText>B</TitleText>"), level("01", "<PartNumber>2</PartNumber>")
            )
            + collection(
                level("02", "<TitleText>C</TitleText><PartNumber>3</PartNumber>"),
                level("03", "<TitleText>D</TitleText><PartNumber>4</PartNumber>"),
            )
            + collection(level("02", "<TitleText>E</TitleText>"), more=sequence)
            + collection(level("02", "<TitleText>A</TitleText><PartNumber>9</PartNumber>"))
            + collection(level("02", "<TitleText>G</TitleText>"), more=no_number)
            + collection(level("02", ""))
            + "<Collection/>"
            + titled(level("02", "<TitleText>F</TitleText><PartNumber>6</PartNumber>"))
        )
    )
    assert product.series == (
        Series("A", "1", "10"),
        Series("B", "2", "10"),
        Series("C", "3", "10"),
        Series("D", "4", "10"),
        Series("E", "5", "10"),
        Series("G", "", "10"),
        Series("F", "6"),
    )


def contributor(content: str, number: int | None = 1, role: str = "A01") -> str:
    sequence = f"<SequenceNumber>{number}</SequenceNumber>" if number else ""
    return (
        f"<Contributor>{sequence}<ContributorRole>{role}</ContributorRole>{content}</Contributor>"
    )


@pytest.mark.parametrize(
    ("content", "name", "sort_name"),
    [
        (
            (
                "<PersonName>Simone de Beauvoir</PersonName><PersonNameInverted>Beauvoir, Simone de"
                "</PersonNameInverted>"
            ),
            "Simone de Beauvoir",
            "Beauvoir, Simone de",
        ),
        (
            (
                "<NamesBeforeKey>Simone</NamesBeforeKey><PrefixToKey>de</PrefixToKey><KeyNames>Beauvoir"
                "</KeyNames>"
            ),
            "Simone de Beauvoir",
            "Beauvoir, Simone de",
        ),
        (
            (
                "<TitlesBeforeNames>Sir</TitlesBeforeNames><NamesBeforeKey>Arthur</NamesBeforeKey>"
                "<KeyNames>Doyle</KeyNames><SuffixToKey>Jr</SuffixToKey>"
            ),
            "Sir Arthur Doyle Jr",
            "Doyle Jr, Arthur",
        ),
        ("<KeyNames>Plato</KeyNames>", "Plato", "Plato"),
        ("<PersonName>Plato</PersonName>", "Plato", "Plato"),
        ("<PersonNameInverted>Küng, Hans</PersonNameInverted>", "Hans Küng", "Küng, Hans"),
        ("<PersonNameInverted>Morton Kate</PersonNameInverted>", "Morton Kate", "Morton Kate"),
        (
            "<PersonNameInverted>A, B; C, D</PersonNameInverted>",
            "A, B; C, D",
            "A, B; C, D",
        ),
        (
            "<PersonNameInverted>Barrett, Robert</PersonNameInverted><KeyNames>Barrett</KeyNames>",
            "Robert Barrett",
            "Barrett, Robert",
        ),
    ],
)
def test_names(content: str, name: str, sort_name: str) -> None:
    product = product_30(described(contributor(content)))
    assert product.contributors == (Contributor(1, ("A01",), name, sort_name, is_body=False),)


def test_contributors() -> None:
    identified = (
        "<NameIdentifier><NameIDType>16</NameIDType><IDValue>0001</IDValue></NameIdentifier>"
    )
    product = product_30(
        described(
            contributor("<CorporateName>Duden</CorporateName>", 3, "B01")
            + contributor("<UnnamedPersons>04</UnnamedPersons>", 2)
            + contributor(
                "<ContributorRole>A12</ContributorRole><PersonName>A</PersonName>"
                f"<CorporateName>B</CorporateName>{identified}"
                "<BiographicalNote></BiographicalNote><BiographicalNote textformat='05'><p>One."
                "</p><p>Two &amp; three.</p></BiographicalNote>"
                "<AlternativeName><PersonName>Z</PersonName></AlternativeName>"
            )
            + contributor("<UnnamedPersons>99</UnnamedPersons>", 4)
            + contributor(
                "<CorporateName>The Firm</CorporateName><CorporateNameInverted>Firm, The"
                "</CorporateNameInverted>",
                5,
            )
        )
    )
    assert product.contributors == (
        Contributor(
            1,
            ("A01", "A12"),
            "A",
            "A",
            is_body=False,
            biography="One.\nTwo & three.",
            identifiers=(Identifier("16", "0001"),),
        ),
        Contributor(2, ("A01",), "Various", "Various", is_body=False, unnamed="04"),
        Contributor(3, ("B01",), "Duden", "Duden", is_body=True),
        Contributor(5, ("A01",), "The Firm", "Firm, The", is_body=True),
    )


def test_contributors_without_numbers_keep_their_order() -> None:
    people = contributor("<PersonName>A</PersonName>", 2) + contributor(
        "<PersonName>B</PersonName>", None
    )
    names = [person.name for person in product_30(described(people)).contributors]
    assert names == ["A", "B"]


def language(role: str, code: str) -> str:
    return (
        f"<Language><LanguageRole>{role}</LanguageRole><LanguageCode>{code}</LanguageCode>"
        "</Language>"
    )


def test_languages() -> None:
    both = product_30(described(language("01", "fre") + language("02", "swe") + "<Language/>"))
    assert both.languages == (Language("01", "fr", "fre"), Language("02", "sv", "swe"))
    assert (both.text_languages, both.original_language) == (("fr",), "sv")
    header = "<Header><DefaultLanguageOfText>ger</DefaultLanguageOfText></Header>"
    assert product_30(described(language("02", "eng")), header=header).text_languages == ("de",)
    assert product_30(described(language("01", "eng")), header=header).text_languages == ("en",)
    assert product_30().original_language is None


def extents(*all_extents: tuple[str, str, str]) -> str:
    return described(
        "".join(
            f"<Extent><ExtentType>{type_}</ExtentType><ExtentValue>{value}</ExtentValue>"
            f"<ExtentUnit>{unit}</ExtentUnit></Extent>"
            for type_, value, unit in all_extents
        )
    )


@pytest.mark.parametrize(
    ("written", "pages", "minutes"),
    [
        ((("00", "245", "03"), ("04", "16", "03")), 245, None),
        ((("08", "300", "03"), ("00", "0", "03"), ("11", "250", "03")), 250, None),
        ((("10", "213", "03"), ("22", "654961", "17")), 213, None),
        ((("00", "245", "02"),), None, None),
        ((("09", "524", "05"),), None, 524),
        ((("09", "8.75", "04"),), None, 525),
        ((("09", "8,75", "04"),), None, 525),
        ((("09", "31440", "06"),), None, 524),
        ((("09", "008", "14"),), None, 480),
        ((("09", "00844", "15"),), None, 524),
        ((("09", "44", "15"),), None, 44),
        ((("09", "0084431", "16"),), None, 525),
        ((("14", "500", "05"), ("09", "524", "05")), None, 524),
        ((("09", "8:44", "15"),), None, None),
        ((("09", "0", "05"),), None, None),
        ((("09", "524", "99"),), None, None),
    ],
)
def test_extents(
    written: tuple[tuple[str, str, str], ...], pages: int | None, minutes: int | None
) -> None:
    product = product_30(extents(*written))
    assert (product.pages, product.minutes) == (pages, minutes)
    assert product.extents == tuple(Extent(*extent) for extent in written)


def measures(*all_measures: tuple[str, str, str]) -> str:
    return described(
        "".join(
            f"<Measure><MeasureType>{type_}</MeasureType><Measurement>{value}</Measurement>"
            f"<MeasureUnitCode>{unit}</MeasureUnitCode></Measure>"
            for type_, value, unit in all_measures
        )
    )


def test_measures() -> None:
    metric = product_30(
        measures(("01", "197", "mm"), ("02", "13,5", "cm"), ("03", "18", "MM"), ("08", "0.3", "kg"))
    )
    assert metric.measures == Measures(
        Decimal(197), Decimal("135.0"), Decimal(18), Decimal("300.0")
    )
    imperial = product_30(measures(("01", "10", "in"), ("08", "16", "oz"), ("08", "2", "lb")))
    assert imperial.measures == Measures(height_mm=Decimal("254.0"), weight_g=Decimal("453.6"))
    assert product_30(measures(("08", "2", "lb"))).measures == Measures(weight_g=Decimal("907.2"))
    nothing = measures(
        ("01", "0", "mm"), ("02", "5", "miles"), ("03", "x", "mm"), ("09", "5", "mm")
    )
    assert product_30(nothing).measures == Measures()


def test_subjects_and_audience() -> None:
    product = product_30(
        described(
            "<Subject><MainSubject/><SubjectSchemeIdentifier>93</SubjectSchemeIdentifier>"
            "<SubjectCode>FFP</SubjectCode></Subject><Subject><SubjectSchemeIdentifier>24"
            "</SubjectSchemeIdentifier><SubjectSchemeName>Ours</SubjectSchemeName><SubjectCode>1"
            "</SubjectCode><SubjectHeadingText>Crime</SubjectHeadingText></Subject>"
            "<Audience><AudienceCodeType>01</AudienceCodeType><AudienceCodeValue>02"
            "</AudienceCodeValue></Audience><Audience/>"
        )
    )
    assert product.subjects == (
        Subject("93", "FFP", "", is_main=True),
        Subject("24", "1", "Crime", is_main=False, scheme_name="Ours"),
    )
    assert product.audience_codes == (("01", "02"),)


def test_edition() -> None:
    product = product_30(
        described(
            "<EditionType>REV</EditionType><EditionType>ILL</EditionType><EditionNumber>2"
            "</EditionNumber><EditionStatement>Second, revised</EditionStatement>"
        )
    )
    assert product.edition_types == ("REV", "ILL")
    assert (product.edition_number, product.edition_statement) == (2, "Second, revised")


def text(type_: str, content: str, *audiences: str, more: str = "", attributes: str = "") -> str:
    public = "".join(f"<ContentAudience>{code}</ContentAudience>" for code in audiences)
    return (
        f"<TextContent><TextType>{type_}</TextType>{public}<Text{attributes}>{content}</Text>{more}"
        "</TextContent>"
    )


def collateral(*content: str) -> str:
    return f"<CollateralDetail>{''.join(content)}</CollateralDetail>"


def test_texts() -> None:
    product = product_30(
        collateral(
            text("03", "For the trade", "02"),
            text(
                "03",
                "<p>One <b>bold</b>\nword.</p><p>Two.</p>",
                "00",
                attributes=' textformat="05"',
            ),
            text("02", "<![CDATA[Short &amp; <i>sweet</i>]]>", "01", "03"),
            text("04", "1&lt;br/&gt;2<?x y?>", "00"),
            text(
                "06",
                "Great",
                more="<TextAuthor>Me</TextAuthor><SourceTitle>Times</SourceTitle>",
            ),
            text("06", ""),
            "<TextContent><TextType>03</TextType></TextContent>",
        )
    )
    assert product.description == "One bold word.\nTwo."
    assert product.short_description == "Short & sweet"
    assert product.table_of_contents == "1\n2"
    assert product.texts == (
        Text("03", "03", "02", "For the trade"),
        Text("03", "03", "00", "One bold word.\nTwo."),
        Text("02", "02", "03", "Short & sweet"),
        Text("04", "04", "00", "1\n2"),
        Text("06", "06", "", "Great", "Me", "Times"),
    )


def test_the_cover_copy_serves_where_there_is_no_description() -> None:
    product = product_30(collateral(text("30", "Abstract"), text("05", "Cover copy")))
    assert product.description == "Cover copy"


def resource(kind: str, *versions: str, mode: str = "03", audience: str = "00") -> str:
    return (
        f"<SupportingResource><ResourceContentType>{kind}</ResourceContentType><ContentAudience>"
        f"{audience}</ContentAudience><ResourceMode>{mode}</ResourceMode>{''.join(versions)}"
        "</SupportingResource>"
    )


def version(link: str, *features: tuple[str, str]) -> str:
    described_by = "".join(
        f"<ResourceVersionFeature><ResourceVersionFeatureType>{kind}</ResourceVersionFeatureType>"
        f"<FeatureValue>{value}</FeatureValue></ResourceVersionFeature>"
        for kind, value in features
    )
    return f"<ResourceVersion>{described_by}<ResourceLink>{link}</ResourceLink></ResourceVersion>"


def test_resources() -> None:
    small, large = "https://x/small.jpg", "HTTP://x/large.jpg"
    product = product_30(
        collateral(
            resource("01", version("https://x/plain.jpg"), version(small, ("02", "100"))),
            resource("01", version(large, ("02", "800"), ("03", "600"), ("01", "D502"))),
            resource("01", version(small)),
            resource("01", version("9780.jpg")),
            resource("01", version("https://x/trade.jpg"), audience="02"),
            resource("01", version("https://x/film.mp4"), mode="05"),
            resource("15", version("https://x/sample.pdf"), mode="04"),
        )
    )
    assert product.cover_urls == (large, small, "https://x/plain.jpg")
    assert product.resources[1] == Resource("01", "03", "00", (large,))
    assert product.resources[-1] == Resource("15", "04", "00", ("https://x/sample.pdf",))
    assert len(product.resources) == 7
    assert product.repairs == (Repair(RepairKind.LEFT_OUT, "Cover image: 9780.jpg", ""),)


def published(content: str) -> str:
    return f"<PublishingDetail>{content}</PublishingDetail>"


def dated(name: str, role: str, text_: str, form: str = "", attribute: str = "") -> str:
    written = f"<DateFormat>{form}</DateFormat>" if form else ""
    return (
        f"<{name}><{name}Role>{role}</{name}Role>{written}<Date{attribute}>{text_}</Date></{name}>"
    )


def test_publishing() -> None:
    product = product_30(
        published(
            "<Imprint><ImprintIdentifier/></Imprint><Imprint><ImprintName>Imprint</ImprintName>"
            "</Imprint><Publisher><PublishingRole>02</PublishingRole><PublisherName>Co"
            "</PublisherName></Publisher><Publisher><PublishingRole>01</PublishingRole>"
            "<PublisherName>Main</PublisherName></Publisher><Publisher/>"
            "<PublishingStatus>04</PublishingStatus>"
            + dated("PublishingDate", "01", "2006", attribute=' dateformat="05"')
            + dated("PublishingDate", "02", "200608", form="01")
            + dated("PublishingDate", "20", "1965")
            + dated("PublishingDate", "01", "soon")
            + "<PublishingDate><PublishingDateRole>11</PublishingDateRole></PublishingDate>"
        )
    )
    assert product.publishers == (Publisher("02", "Co"), Publisher("01", "Main"))
    assert (product.publisher, product.imprint, product.publishing_status) == (
        "Main",
        "Imprint",
        "04",
    )
    assert product.publication_date == PartialDate(date(2006, 1, 1), DatePrecision.YEAR)
    assert product.on_sale_date == PartialDate(date(2006, 8, 1), DatePrecision.MONTH)
    assert product.first_publication_date == PartialDate(date(1965, 1, 1), DatePrecision.YEAR)
    assert [repair.before for repair in product.repairs] == ["Date: soon"]


def test_the_first_publisher_counts_where_none_has_the_role() -> None:
    product = product_30(
        published(
            "<Publisher><PublishingRole>02</PublishingRole><PublisherName>Co</PublisherName>"
            "</Publisher>"
        )
    )
    assert product.publisher == "Co"


def kept(territory: Territory) -> KeptRight:
    """A right in this territory, as the catalogue keeps it."""
    return KeptRight(type_code="01", **territory_columns(territory))


def test_a_list_of_countries_that_is_longer_than_all_countries_is_read_like_any() -> None:
    written = "gb ie " * 400
    product = product_30(
        published(
            "<SalesRights><SalesRightsType>01</SalesRightsType><Territory><CountriesIncluded>"
            f"{written}</CountriesIncluded></Territory></SalesRights>"
        )
    )
    local = Territory(countries_included=frozenset({"GB", "IE"}))
    assert product.sales_rights == (SalesRight("01", local),)


def test_sales_rights() -> None:
    product = product_30(
        published(
            "<SalesRights><SalesRightsType>01</SalesRightsType><Territory><CountriesIncluded>GB ie"
            "</CountriesIncluded><RegionsExcluded>GB-NIR</RegionsExcluded></Territory>"
            "</SalesRights><SalesRights><SalesRightsType>02</SalesRightsType><Territory>"
            "<RegionsIncluded>WORLD</RegionsIncluded><CountriesExcluded>US,CA</CountriesExcluded>"
            "</Territory></SalesRights><ROWSalesRightsType>03</ROWSalesRightsType>"
        )
    )
    local = Territory(
        countries_included=frozenset({"GB", "IE"}), regions_excluded=frozenset({"GB-NIR"})
    )
    world = Territory(
        regions_included=frozenset({"WORLD"}), countries_excluded=frozenset({"US", "CA"})
    )
    assert product.sales_rights == (SalesRight("01", local), SalesRight("02", world))
    assert product.rest_of_world_rights == "03"
    assert [covers(kept(local), country) for country in ("IE", "FR")] == [True, False]
    assert [covers(kept(world), country) for country in ("FR", "US")] == [True, False]
    euro = Territory(regions_included=frozenset({"ECZ"}))
    assert [covers(kept(euro), country) for country in ("FR", "PL")] == [True, False]
    rest = Territory(regions_included=frozenset({"WORLD"}), regions_excluded=frozenset({"ECZ"}))
    assert [covers(kept(rest), country) for country in ("FR", "PL")] == [False, True]
    assert kept(Territory(regions_included=frozenset({"ROW"}))).countries == ["ROW"]


def test_related_material() -> None:
    isbn = "9780007324378"
    product = product_30(
        "<RelatedMaterial><RelatedWork><WorkRelationCode>01</WorkRelationCode><WorkIdentifier>"
        "<WorkIDType>11</WorkIDType><IDValue>A02</IDValue></WorkIdentifier></RelatedWork>"
        "<RelatedProduct><ProductRelationCode>06</ProductRelationCode><ProductRelationCode>27"
        f"</ProductRelationCode>{identifier('15', isbn)}<ProductForm>ED</ProductForm>"
        "</RelatedProduct></RelatedMaterial>"
    )
    assert product.related_works == (RelatedWork("01", (Identifier("11", "A02"),)),)
    assert product.related_products == (
        RelatedProduct(("06", "27"), (Identifier("15", isbn),), isbn, "ED"),
    )


def supply(content: str, *, market: str = "", header: str = "") -> SupplyDetail:
    detail = f"<ProductSupply>{market}<SupplyDetail>{content}</SupplyDetail></ProductSupply>"
    (found,) = product_30(detail, header=header).supplies
    return found


def test_supply() -> None:
    market = (
        "<Market><Territory><CountriesIncluded>FR</CountriesIncluded></Territory></Market>"
        "<MarketPublishingDetail><MarketPublishingStatus>04</MarketPublishingStatus>"
        + dated("MarketDate", "01", "20240301")
        + dated("MarketDate", "02", "20240302")
        + "</MarketPublishingDetail>"
    )
    found = supply(
        "<Supplier><SupplierRole>06</SupplierRole><SupplierName>S</SupplierName></Supplier>"
        "<ProductAvailability>21</ProductAvailability>"
        + dated("SupplyDate", "08", "20240401")
        + "<OrderTime>7</OrderTime><Stock><OnHand>3</OnHand></Stock><Stock><OnHand>4</OnHand>"
        "</Stock><Stock/><PackQuantity>16</PackQuantity><UnpricedItemType>01</UnpricedItemType>",
        market=market,
    )
    assert found == SupplyDetail(
        supplier="S",
        supplier_role="06",
        availability="21",
        raw_availability="21",
        order_time_days=7,
        pack_quantity=16,
        on_sale_date=day(2024, 3, 2),
        expected_date=day(2024, 4, 1),
        stock=7,
        unpriced="01",
        market=Territory(countries_included=frozenset({"FR"})),
        market_status="04",
        market_publication_date=day(2024, 3, 1),
    )
    own = supply(dated("SupplyDate", "02", "20240305"), market=market)
    assert own.on_sale_date == day(2024, 3, 5)
    assert own.stock is None


def test_prices() -> None:
    found = supply(
        "<Price><PriceType>04</PriceType><PriceQualifier>05</PriceQualifier><PriceCondition>"
        "<PriceConditionType>02</PriceConditionType><PriceConditionQuantity>"
        "<PriceConditionQuantityType>04</PriceConditionQuantityType><Quantity>10</Quantity>"
        "</PriceConditionQuantity></PriceCondition><DiscountCoded><DiscountCodeType>01"
        "</DiscountCodeType><DiscountCode>AHACP</DiscountCode></DiscountCoded><PriceStatus>02"
        "</PriceStatus><PriceAmount>6,99</PriceAmount><Tax><TaxType>01</TaxType><TaxRateCode>R"
        "</TaxRateCode><TaxRatePercent>5,5 %</TaxRatePercent><TaxableAmount>6.63</TaxableAmount>"
        "<TaxAmount>0.36</TaxAmount></Tax><CurrencyCode>EUR</CurrencyCode><Territory>"
        "<RegionsIncluded>WORLD</RegionsIncluded></Territory>"
        + dated("PriceDate", "14", "20240101")
        + dated("PriceDate", "15", "202402")
        + "</Price><Price><PriceType>99</PriceType><PriceAmount>5</PriceAmount></Price>"
        "<Price><PriceType>01</PriceType><PriceAmount>1,234</PriceAmount></Price>"
        "<Price><UnpricedItemType>02</UnpricedItemType></Price>"
    )
    assert found.unpriced == "02"
    assert found.prices == (
        Price(
            type="04",
            amount=Decimal("6.99"),
            currency="EUR",
            tax_included=True,
            taxes=(Tax("01", "R", Decimal("5.5"), Decimal("6.63"), Decimal("0.36")),),
            qualifier="05",
            status="02",
            territory=WORLD,
            valid_from=date(2024, 1, 1),
            valid_until=date(2024, 2, 29),
            minimum_quantity=10,
            discount_code="AHACP",
        ),
        Price(type="99", amount=Decimal(5), currency=None, tax_included=None),
    )


def test_prices_take_from_the_header_what_they_leave_out() -> None:
    header = (
        "<Header><DefaultPriceType>01</DefaultPriceType><DefaultCurrencyCode>CHF"
        "</DefaultCurrencyCode></Header>"
    )
    (price,) = supply("<Price><PriceAmount>5</PriceAmount></Price>", header=header).prices
    assert (price.type, price.currency, price.tax_included) == ("01", "CHF", False)


def test_conditions_that_count_no_copies() -> None:
    condition = (
        "<Price><PriceAmount>5</PriceAmount><PriceCondition><PriceConditionQuantity>"
        "<PriceConditionQuantityType>01</PriceConditionQuantityType><Quantity>10</Quantity>"
        "</PriceConditionQuantity></PriceCondition></Price>"
    )
    assert supply(condition).prices[0].minimum_quantity is None


def test_tags_in_namespaces_of_their_own() -> None:
    (product,) = products(
        '<ONIXMessage><Product xmlns="urn:x"><RecordReference>r</RecordReference>'
        "<descriptivedetail><EDITIONNUMBER>1</EDITIONNUMBER><b057>3</b057></descriptivedetail>"
        "</Product></ONIXMessage>"
    )
    assert (product.record_reference, product.edition_number) == ("r", 3)
    assert product.blocks == {1}
