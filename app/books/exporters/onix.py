"""The catalogue as an ONIX for Books 3.0 message, with reference tags.

Each edition is a record; one that the shop removed is a deletion. Codes that ONIX does not know and
characters that XML cannot hold are left out, so that the message is always valid.
"""

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Self

from lxml import etree
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.codes import DatePrecision, format_of
from app.books.exporters.catalogue import Edition, Person, SubjectOfWork, read_editions
from app.books.exporters.onix_codes import (
    CODES,
    FORMS,
    ROLE_CODES,
    CodeList,
    is_code,
    language_code,
)
from app.books.importers.onix.elements import Element
from app.books.models import Price, SubjectScheme
from app.books.pricing import choose_price
from app.core.config import Settings

NAMESPACE = "http://ns.editeur.org/onix/3.0/reference"
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML cannot hold."""

CONFIRMED, DELETE = "03", "05"
PROPRIETARY, GTIN13, ISBN13 = "01", "03", "15"
GTIN_DIGITS = 13
OWN_NUMBER = "Shop's own number"
UNKNOWN_AVAILABILITY, PRICE_UNKNOWN, RECOMMENDED_WITH_TAX = "99", "02", "02"
OTHER_FORMAT = "06"
BISAC, BIC, THEMA = "10", "12", "93"
THEMA_QUALIFIERS = {"1": "94", "2": "95", "3": "96", "4": "97", "5": "98", "6": "99"}
DATE_FORMS = {
    DatePrecision.DAY: ("00", 8),
    DatePrecision.MONTH: ("01", 6),
    DatePrecision.YEAR: ("05", 4),
}
"""Forms of list 55, and how many digits of a date they have."""


@dataclass(frozen=True, kw_only=True)
class OnixOptions:
    """Who sends the message and when; the shop's currency (ISO 4217) and country (ISO 3166)."""

    sender: str
    now: datetime
    currency: str
    country: str

    @classmethod
    def of_shop(cls, settings: Settings, *, now: datetime) -> Self:
        """Return what the shop's settings say."""
        return cls(
            sender=settings.shop_name,
            now=now,
            currency=settings.currency,
            country=settings.country,
        )


class OnixParts:
    """Writes the message piece by piece: what ``stream_export`` and ``write_export`` take."""

    def __init__(self, options: OnixOptions) -> None:
        self._options = options

    async def __call__(self, session: AsyncSession) -> AsyncIterator[bytes]:
        """Yield the header, then so many editions at a time, then the end."""
        yield _beginning(self._options)
        async for editions in read_editions(session, with_prices=True):
            records = (_record(edition, self._options) for edition in editions)
            yield b"".join(etree.tostring(record, encoding="utf-8") + b"\n" for record in records)
        yield b"</ONIXMessage>\n"


def _beginning(options: OnixOptions) -> bytes:
    header = etree.Element("Header")
    sender = etree.SubElement(header, "Sender")
    _add(sender, "SenderName", _line(options.sender) or "Bookshop")
    _add(header, "SentDateTime", options.now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"))
    return (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        + f'<ONIXMessage release="3.0" xmlns="{NAMESPACE}">\n'.encode()
        + etree.tostring(header, encoding="utf-8")
        + b"\n"
    )


def _add(parent: Element, name: str, text: object = None) -> Element:
    """Add an element, with a text if it has one."""
    element = etree.SubElement(parent, name)
    if text is not None:
        element.text = str(text)
    return element


def _add_told(parent: Element, name: str, text: str | None) -> None:
    """Add an element if there is anything to be said in it."""
    if told := _line(text):
        _add(parent, name, told)


def _line(text: str | None) -> str:
    return " ".join(FORBIDDEN.sub("", text or "").split())


def _prose(text: str | None) -> str:
    return FORBIDDEN.sub("", text or "").strip()


def _record(edition: Edition, options: OnixOptions) -> Element:
    facts = edition.facts
    record = etree.Element("Product")
    number = facts.isbn or facts.gtin
    _add(record, "RecordReference", number or f"book-{facts.id}")
    is_removed = facts.deleted_at is not None
    _add(record, "NotificationType", DELETE if is_removed else CONFIRMED)
    _add_identifiers(record, edition)
    if is_removed:
        return record
    _describe(_add(record, "DescriptiveDetail"), edition)
    for block in (_collateral(edition), _publishing(edition), _related(edition)):
        if len(block):
            record.append(block)
    _supply(record, edition, options)
    return record


def _add_identifiers(record: Element, edition: Edition) -> None:
    facts = edition.facts
    if facts.isbn:
        _identify(record, ISBN13, facts.isbn)
        _identify(record, GTIN13, facts.isbn)
    elif facts.gtin and len(facts.gtin) == GTIN_DIGITS:
        _identify(record, GTIN13, facts.gtin)
    else:
        _identify(record, PROPRIETARY, facts.gtin or facts.id, name=OWN_NUMBER)


def _identify(parent: Element, kind: str, value: object, *, name: str | None = None) -> None:
    identifier = _add(parent, "ProductIdentifier")
    _add(identifier, "ProductIDType", kind)
    if name is not None:
        _add(identifier, "IDTypeName", name)
    _add(identifier, "IDValue", value)


def _describe(detail: Element, edition: Edition) -> None:
    facts = edition.facts
    _add(detail, "ProductComposition", "00")
    form, details = _form(edition)
    _add(detail, "ProductForm", form)
    for code in details:
        _add(detail, "ProductFormDetail", code)
    sizes: Sequence[tuple[str, int | None, str]] = (
        ("01", facts.height_mm, "mm"),
        ("02", facts.width_mm, "mm"),
        ("03", facts.thickness_mm, "mm"),
        ("08", facts.weight_g, "gr"),
    )
    for kind, size, unit in sizes:
        if size:
            measure = _add(detail, "Measure")
            _add(measure, "MeasureType", kind)
            _add(measure, "Measurement", size)
            _add(measure, "MeasureUnitCode", unit)
    _add_series(detail, edition)
    _add_title(detail, facts.title, facts.subtitle)
    for sequence, person in enumerate(edition.people, start=1):
        _add_person(detail, person, sequence)
    _add_told(detail, "EditionStatement", facts.edition_statement)
    for role, language in (("01", facts.language), ("02", facts.original_language)):
        if language_told := language_code(language):
            spoken = _add(detail, "Language")
            _add(spoken, "LanguageRole", role)
            _add(spoken, "LanguageCode", language_told)
    for kind, extent, unit in (("00", facts.pages, "03"), ("09", facts.minutes, "05")):
        if extent:
            element = _add(detail, "Extent")
            _add(element, "ExtentType", kind)
            _add(element, "ExtentValue", extent)
            _add(element, "ExtentUnit", unit)
    for subject in edition.subjects:
        _add_subject(detail, subject)


def _form(edition: Edition) -> tuple[str, Sequence[str]]:
    """Return form and details: those of the feed, if they are still those of the format."""
    facts = edition.facts
    details = [code for code in facts.form_details or () if is_code(code, CodeList.FORM_DETAIL)]
    form: str | None = facts.product_form
    is_known = form is not None and is_code(form, CodeList.PRODUCT_FORM)
    if form is not None and is_known and format_of(form, details) is facts.format:
        return form, details
    return FORMS[facts.format]


def _add_series(detail: Element, edition: Edition) -> None:
    facts = edition.facts
    first = [(facts.series, facts.series_number)] if facts.series else []
    for title, number in [*first, *edition.more_series]:
        if not _line(title):
            continue
        collection = _add(detail, "Collection")
        _add(collection, "CollectionType", "10")
        titles = _add(collection, "TitleDetail")
        _add(titles, "TitleType", "01")
        if _line(number):
            own = _add(titles, "TitleElement")
            _add(own, "TitleElementLevel", "01")
            _add(own, "PartNumber", _line(number))
        level = _add(titles, "TitleElement")
        _add(level, "TitleElementLevel", "02")
        _add(level, "TitleText", _line(title))


def _add_title(detail: Element, title: str, subtitle: str | None) -> None:
    titles = _add(detail, "TitleDetail")
    _add(titles, "TitleType", "01")
    level = _add(titles, "TitleElement")
    _add(level, "TitleElementLevel", "01")
    _add(level, "TitleText", _line(title) or "?")
    _add_told(level, "Subtitle", subtitle)


def _add_person(detail: Element, person: Person, sequence: int) -> None:
    name = _line(person.name)
    if not name:
        return
    contributor = _add(detail, "Contributor")
    _add(contributor, "SequenceNumber", sequence)
    _add(contributor, "ContributorRole", ROLE_CODES[person.role])
    kind = "CorporateName" if person.is_body else "PersonName"
    _add(contributor, kind, name)
    _add_told(contributor, f"{kind}Inverted", person.sort_name)
    if biography := _prose(person.biography):
        _add(contributor, "BiographicalNote", biography)


def _add_subject(detail: Element, subject: SubjectOfWork) -> None:
    code = _line(subject.code)
    if not code:
        return
    element = _add(detail, "Subject")
    if subject.is_main:
        _add(element, "MainSubject")
    _add(element, "SubjectSchemeIdentifier", _scheme(subject))
    _add(element, "SubjectCode", code)
    _add_told(element, "SubjectHeadingText", subject.heading)


def _scheme(subject: SubjectOfWork) -> str:
    """Return the scheme (list 27); Thema's qualifiers have schemes of their own."""
    if subject.scheme is SubjectScheme.THEMA:
        return THEMA_QUALIFIERS.get(subject.code[:1], THEMA)
    return BISAC if subject.scheme is SubjectScheme.BISAC else BIC


def _collateral(edition: Edition) -> Element:
    facts = edition.facts
    block = etree.Element("CollateralDetail")
    for kind, text in (
        ("02", facts.short_description),
        ("03", facts.description),
        ("04", facts.table_of_contents),
    ):
        if told := _prose(text):
            content = _add(block, "TextContent")
            _add(content, "TextType", kind)
            _add(content, "ContentAudience", "00")
            _add(content, "Text", told)
    url = _line(facts.cover_image_url)
    if url.startswith(("https://", "http://")):
        resource = _add(block, "SupportingResource")
        _add(resource, "ResourceContentType", "01")
        _add(resource, "ContentAudience", "00")
        _add(resource, "ResourceMode", "03")
        version = _add(resource, "ResourceVersion")
        _add(version, "ResourceForm", "02")
        _add(version, "ResourceLink", url)
    return block


def _publishing(edition: Edition) -> Element:
    facts = edition.facts
    block = etree.Element("PublishingDetail")
    if imprint := _line(facts.imprint):
        _add(_add(block, "Imprint"), "ImprintName", imprint)
    if publisher := _line(facts.publisher):
        element = _add(block, "Publisher")
        _add(element, "PublishingRole", "01")
        _add(element, "PublisherName", publisher)
    dates = list(_dates(edition))
    has_status = is_code(facts.publishing_status, CodeList.PUBLISHING_STATUS)
    if not len(block) and (dates or has_status):
        _add_unknown_publisher(block)
    if has_status:
        _add(block, "PublishingStatus", facts.publishing_status)
    for role, day, precision in dates:
        element = _add(block, "PublishingDate")
        _add(element, "PublishingDateRole", role)
        form, digits = DATE_FORMS[precision]
        _add(element, "Date", f"{day:%Y%m%d}".zfill(8)[:digits]).set("dateformat", form)
    return block


def _add_unknown_publisher(block: Element) -> None:
    """Say that somebody publishes the book, without whom ONIX has no place for dates."""
    publisher = _add(block, "Publisher")
    _add(publisher, "PublishingRole", "01")
    identifier = _add(publisher, "PublisherIdentifier")
    _add(identifier, "PublisherIDType", PROPRIETARY)
    _add(identifier, "IDTypeName", OWN_NUMBER)
    _add(identifier, "IDValue", "unknown")


def _dates(edition: Edition) -> Iterator[tuple[str, date, DatePrecision]]:
    """Yield publication, embargo and first publication; ONIX knows no years before year 1."""
    facts = edition.facts
    precision = facts.publish_date_precision
    if facts.publish_date and precision is not DatePrecision.YEAR:
        yield "01", facts.publish_date, precision
    elif facts.publish_year:
        yield "01", date(facts.publish_year, 1, 1), DatePrecision.YEAR
    if facts.on_sale_date:
        yield "02", facts.on_sale_date, DatePrecision.DAY
    if facts.first_published and facts.first_published > 0:
        yield "11", date(facts.first_published, 1, 1), DatePrecision.YEAR


def _related(edition: Edition) -> Element:
    """Return the first edition of the same work, to tell that they belong together."""
    block = etree.Element("RelatedMaterial")
    facts = edition.facts
    first = facts.edition_of
    if first and first not in {facts.isbn, facts.gtin} and len(first) == GTIN_DIGITS:
        product = _add(block, "RelatedProduct")
        _add(product, "ProductRelationCode", OTHER_FORMAT)
        _identify(product, ISBN13 if first.startswith(("978", "979")) else GTIN13, first)
    return block


def _supply(record: Element, edition: Edition, options: OnixOptions) -> None:
    facts = edition.facts
    detail = _add(_add(record, "ProductSupply"), "SupplyDetail")
    supplier = _add(detail, "Supplier")
    _add(supplier, "SupplierRole", "11")
    _add(supplier, "SupplierName", _line(options.sender) or "Bookshop")
    known = is_code(facts.availability_code, CodeList.AVAILABILITY)
    _add(detail, "ProductAvailability", facts.availability_code if known else UNKNOWN_AVAILABILITY)
    if facts.order_time_days:
        _add(detail, "OrderTime", facts.order_time_days)
    prices = list(_prices(edition, options))
    for price in prices:
        _add_price(detail, price)
    if not prices:
        _add(detail, "UnpricedItemType", PRICE_UNKNOWN)


def _prices(edition: Edition, options: OnixOptions) -> Iterable[Price]:
    """Return what suppliers ask, if the shop's price is one of these; else the shop's own."""
    facts = edition.facts
    if all(map(_can_be_told, edition.prices)):
        chosen = choose_price(
            edition.prices,
            currency=options.currency,
            country=options.country,
            day=options.now.date(),
        )
        if (round(chosen.amount, 2) if chosen else None) == facts.price:
            return edition.prices
    if facts.price is None or not is_code(facts.currency, CodeList.CURRENCY):
        return ()
    return [Price(type_code=RECOMMENDED_WITH_TAX, amount=facts.price, currency=facts.currency)]


def _can_be_told(price: Price) -> bool:
    """Tell whether ONIX has words for all that a price says."""
    included, excluded = price.countries or (), price.excluded_countries or ()
    countries = CODES[CodeList.COUNTRY]
    return (
        price.amount > 0
        and (countries.isdisjoint(included) or countries.isdisjoint(excluded))
        and (not price.type_code or is_code(price.type_code, CodeList.PRICE_TYPE))
        and (not price.qualifier or is_code(price.qualifier, CodeList.PRICE_QUALIFIER))
        and is_code(price.currency, CodeList.CURRENCY)
        and all(
            is_code(place, CodeList.COUNTRY) or is_code(place, CodeList.REGION)
            for place in (*included, *excluded)
        )
    )


def _add_price(detail: Element, price: Price) -> None:
    element = _add(detail, "Price")
    _add_told(element, "PriceType", price.type_code)
    _add_told(element, "PriceQualifier", price.qualifier)
    if price.minimum_quantity:
        _add(element, "MinimumOrderQuantity", price.minimum_quantity)
    _add(element, "PriceAmount", _amount(price.amount))
    _add(element, "CurrencyCode", price.currency)
    _add_territory(element, price)
    for role, day in (("14", price.valid_from), ("15", price.valid_until)):
        if day:
            dated = _add(element, "PriceDate")
            _add(dated, "PriceDateRole", role)
            _add(dated, "Date", f"{day:%Y%m%d}").set("dateformat", "00")


def _amount(amount: Decimal) -> str:
    """Return an amount with two decimals, or three where it has them."""
    return f"{amount:.2f}" if amount == round(amount, 2) else f"{amount:f}"


def _add_territory(parent: Element, price: Price) -> None:
    """Say where a price holds; what is only left out is left out of the world."""
    included, excluded = price.countries or (), price.excluded_countries or ()
    if not (included or excluded):
        return
    territory = _add(parent, "Territory")
    for name, places, code_list in (
        ("CountriesIncluded", included, CodeList.COUNTRY),
        ("RegionsIncluded", included or ("WORLD",), CodeList.REGION),
        ("CountriesExcluded", excluded, CodeList.COUNTRY),
        ("RegionsExcluded", excluded, CodeList.REGION),
    ):
        if told := [place for place in places if is_code(place, code_list)]:
            _add(territory, name, " ".join(told))
