"""What an ONIX message says, in plain values: amounts in decimals, dates with their precision.

The codes are those of the ONIX code lists that are named beside them. Where release 2.1 has other
codes, the field holds the code of 3.0 and a field named ``raw_…`` what was written.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from app.books.codes import DatePrecision
from app.books.importers.onix.codes import Notification
from app.books.importers.report import Repair


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date of some precision; ``value`` is its first day."""

    value: date
    precision: DatePrecision


@dataclass(frozen=True, slots=True, kw_only=True)
class OnixHeader:
    """Who sent the message, when, and what its records leave unsaid.

    ``release`` is "2.1", "3.0" or "3.1". The languages are as in ``Language.code``.
    """

    release: str
    sender: str = ""
    sent_at: datetime | None = None
    message_number: str = ""
    message_note: str = ""
    default_language: str = ""
    default_price_type: str = ""
    default_currency: str = ""
    default_length_unit: str = ""
    default_weight_unit: str = ""


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier; ``type`` is of list 5 for products, 16 for works, 44 for people."""

    type: str
    value: str
    type_name: str = ""


@dataclass(frozen=True, slots=True)
class ProductPart:
    """A product inside another; ``isbn`` has thirteen digits."""

    identifiers: tuple[Identifier, ...]
    isbn: str | None
    form: str
    raw_form: str
    form_details: tuple[str, ...]
    quantity: int
    is_primary: bool


@dataclass(frozen=True, slots=True)
class Series:
    """Membership in a series; ``type`` is of list 148: 10 the publisher's own, 20 ascribed."""

    name: str
    number: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class Contributor:
    """Somebody who made the product; ``roles`` are of list 17.

    ``name`` is for display, ``sort_name`` has the key names first. ``unnamed`` (list 19) says why
    there is no real name. ``biography`` is plain text.
    """

    sequence: int | None
    roles: tuple[str, ...]
    name: str
    sort_name: str
    is_body: bool
    biography: str = ""
    unnamed: str = ""
    identifiers: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True)
class Language:
    """A language; ``role`` is of list 22: 01 of the text, 02 the original.

    ``code`` is that of ISO 639-1 where there is one, else the terminological one of 639-2.
    """

    role: str
    code: str
    raw_code: str


@dataclass(frozen=True, slots=True)
class Extent:
    """An extent as it was written: type of list 23, unit of list 24."""

    type: str
    value: str
    unit: str


@dataclass(frozen=True, slots=True)
class Measures:
    """Size in millimetres and weight in grams; what is not known or zero is None."""

    height_mm: Decimal | None = None
    width_mm: Decimal | None = None
    thickness_mm: Decimal | None = None
    weight_g: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject; ``scheme`` is of list 27: 10 BISAC, 12 BIC, 20 keywords, 93 to 99 Thema."""

    scheme: str
    code: str
    heading: str
    is_main: bool
    scheme_name: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A text in plain words, a line for each paragraph; ``type`` is of list 153.

    ``type`` is empty where 2.1 has a text that 3.0 has no type for. ``audience`` is of list 154.
    """

    type: str
    raw_type: str
    audience: str
    text: str
    author: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """A file about the product: content type of list 158 (38 in 2.1), mode of list 159, links."""

    content_type: str
    mode: str
    audience: str
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Publisher:
    """A publisher or the like; ``role`` is of list 45: 01 the publisher."""

    role: str
    name: str


@dataclass(frozen=True, slots=True)
class Territory:
    """Countries (ISO 3166-1) and regions (list 49, and ROW in 2.1) that are meant or left out."""

    countries_included: frozenset[str] = frozenset()
    regions_included: frozenset[str] = frozenset()
    countries_excluded: frozenset[str] = frozenset()
    regions_excluded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SalesRight:
    """Where the product may be sold or not; ``type`` is of list 46."""

    type: str
    territory: Territory


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax within or on top of a price: type of list 171, rate of list 62, and amounts."""

    type: str
    rate_code: str
    percent: Decimal | None
    taxable: Decimal | None
    amount: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A price: type of list 58, qualifier of list 59, status of list 61.

    ``currency`` is None where neither the price nor the header says it. ``territory`` is None for
    wherever the supply is for. ``valid_until`` is the last day.
    """

    type: str
    amount: Decimal
    currency: str | None
    tax_included: bool | None
    taxes: tuple[Tax, ...] = ()
    qualifier: str = ""
    status: str = ""
    territory: Territory | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    minimum_quantity: int | None = None
    discount_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyDetail:
    """What one supplier offers in one market.

    ``availability`` is of list 65, ``supplier_role`` of list 93, ``unpriced`` of list 57,
    ``market_status`` of list 68. ``on_sale_date`` is the supplier's embargo, else the market's.
    ``stock`` is what all locations have on hand. ``market`` is None for everywhere.
    """

    supplier: str
    supplier_role: str = ""
    availability: str = ""
    raw_availability: str = ""
    order_time_days: int | None = None
    pack_quantity: int | None = None
    on_sale_date: PartialDate | None = None
    expected_date: PartialDate | None = None
    stock: int | None = None
    unpriced: str = ""
    prices: tuple[Price, ...] = ()
    market: Territory | None = None
    market_status: str = ""
    market_publication_date: PartialDate | None = None


@dataclass(frozen=True, slots=True)
class RelatedWork:
    """A work and what it is to the product (list 164: 01 the product is an edition of it)."""

    relation: str
    identifiers: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True)
class RelatedProduct:
    """Another product and what it is to this one (list 51: 06 other format, 03 and 05 replaced)."""

    relations: tuple[str, ...]
    identifiers: tuple[Identifier, ...]
    isbn: str | None
    form: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnixProduct:
    """A record; ``line`` is where it begins in the file, counted from 1.

    ``record_reference`` is empty if the record has none, ``notification`` None if it has none that
    is known. ``isbn`` has thirteen proved digits; ``gtin`` is the bar code of what is no book.
    ``blocks`` are the numbers of the 3.x blocks that are present; 2.1 has none. ``form`` is of list
    150, ``form_details`` of list 175, ``composition`` of list 2, ``publishing_status`` of list 64,
    ``edition_types`` of list 21, ``audience_codes`` pairs of list 29 and a code,
    ``rest_of_world_rights`` of list 46. ``on_sale_date`` is the publisher's embargo, beside which
    a supply may have its own. ``pages`` and ``minutes`` are whole. Descriptions and contents are
    plain text, a line for each paragraph; ``texts`` are all, for whomever. ``cover_urls`` begin
    with the best.
    """

    line: int
    record_reference: str
    notification: Notification | None
    raw_notification: str
    deletion_text: str = ""
    isbn: str | None = None
    gtin: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    blocks: frozenset[int] = frozenset()
    form: str = ""
    raw_form: str = ""
    form_details: tuple[str, ...] = ()
    composition: str = ""
    parts: tuple[ProductPart, ...] = ()
    title: str = ""
    subtitle: str = ""
    series: tuple[Series, ...] = ()
    contributors: tuple[Contributor, ...] = ()
    edition_number: int | None = None
    edition_statement: str = ""
    edition_types: tuple[str, ...] = ()
    languages: tuple[Language, ...] = ()
    pages: int | None = None
    minutes: int | None = None
    extents: tuple[Extent, ...] = ()
    measures: Measures = field(default_factory=Measures)
    subjects: tuple[Subject, ...] = ()
    audience_codes: tuple[tuple[str, str], ...] = ()
    short_description: str = ""
    description: str = ""
    table_of_contents: str = ""
    texts: tuple[Text, ...] = ()
    cover_urls: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = ()
    publisher: str = ""
    publishers: tuple[Publisher, ...] = ()
    imprint: str = ""
    publishing_status: str = ""
    publication_date: PartialDate | None = None
    first_publication_date: PartialDate | None = None
    on_sale_date: PartialDate | None = None
    sales_rights: tuple[SalesRight, ...] = ()
    rest_of_world_rights: str = ""
    related_works: tuple[RelatedWork, ...] = ()
    related_products: tuple[RelatedProduct, ...] = ()
    supplies: tuple[SupplyDetail, ...] = ()
    repairs: tuple[Repair, ...] = ()

    @property
    def text_languages(self) -> tuple[str, ...]:
        """The languages that the text is in."""
        return tuple(language.code for language in self.languages if language.role == "01")

    @property
    def original_language(self) -> str | None:
        """The language that the text was translated from."""
        return next((language.code for language in self.languages if language.role == "02"), None)


@dataclass(frozen=True, slots=True)
class BrokenProduct:
    """A record that cannot be read: where it begins, its reference if it was found, and why."""

    line: int
    reference: str
    reason: str
