"""What a record says about a work and a book, as the values of their columns.

A full record tells all groups of facts; a block update only those of the blocks that it has. Within
a group, what the record leaves empty changes nothing: a feed without blurbs does not delete blurbs.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from app.books.codes import ONIX_ROLES, ContributorRole, DatePrecision, format_of
from app.books.importers.onix.codes import Notification
from app.books.importers.onix.product import (
    Contributor,
    OnixProduct,
    PartialDate,
    Price,
    SupplyDetail,
    Territory,
)
from app.books.models import SubjectScheme

DESCRIPTION, COLLATERAL, PUBLISHING, SUPPLY = 1, 2, 4, 6
"""Blocks of a 3.x record that say something the shop keeps."""

ALL_BLOCKS = frozenset({DESCRIPTION, COLLATERAL, PUBLISHING, SUPPLY})

SUBJECT_SCHEMES = {
    "10": SubjectScheme.BISAC,
    "12": SubjectScheme.BIC,
    **dict.fromkeys(("93", "94", "95", "96", "97", "98", "99"), SubjectScheme.THEMA),
}
"""Schemes of ONIX list 27; 94 to 99 are Thema's qualifiers."""

NOT_FOR_SHOPPERS = frozenset(
    ["XA", "XB", "XC", "XD", "XE", "XF", "XG", "XH", "XI", "XJ", "XK", "XO"]
)
"""Product forms (ONIX list 150) that are made for the trade: dumpbins, promotional posters."""

SMALLINT = 2**15 - 1


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who made the work, in one role."""

    name: str
    role: ContributorRole
    sort_name: str | None
    is_body: bool
    biography: str | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a record says; ``None`` in place of a list where it says nothing of that kind.

    ``prices`` and ``rights`` are rows of their tables. ``publisher`` and ``imprint`` are names.
    """

    work: Mapping[str, Any]
    book: Mapping[str, Any]
    publisher: str | None = None
    imprint: str | None = None
    people: tuple[Person, ...] | None = None
    series: tuple[tuple[str, str | None], ...] | None = None
    subjects: Mapping[tuple[SubjectScheme, str], tuple[str | None, bool]] | None = None
    """By scheme and code: heading, and whether it is a main subject."""

    prices: tuple[Mapping[str, Any], ...] | None = None
    rights: tuple[Mapping[str, Any], ...] | None = None
    work_identifiers: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    related_isbns: frozenset[str] = field(default_factory=frozenset)
    """Other editions of the same work, by the record's own word."""


OTHER_EDITIONS = frozenset({"06", "13", "27", "30"})
"""Relations of ONIX list 51 between editions of one text: other format, e-book of, print of."""

SAME_WORK = frozenset({"01"})
"""Relations of ONIX list 164: the product is an edition of the work."""


def told_blocks(product: OnixProduct) -> frozenset[int]:
    """Return the blocks whose facts the record tells."""
    if product.notification is Notification.UPDATE and product.blocks:
        return product.blocks & ALL_BLOCKS
    return ALL_BLOCKS


def read_facts(product: OnixProduct) -> Facts:
    """Return what the record says."""
    blocks = told_blocks(product)
    work: dict[str, Any] = {}
    book: dict[str, Any] = {}
    lists: dict[str, Any] = {}
    if DESCRIPTION in blocks:
        work |= _described_work(product)
        book |= _described_book(product)
        lists["people"] = tuple(_people(product)) or None
        lists["series"] = _series(product) or None
        lists["subjects"] = _subjects(product) or None
    if COLLATERAL in blocks:
        work |= {
            "short_description": product.short_description or None,
            "description": product.description or None,
            "table_of_contents": product.table_of_contents or None,
        }
        book["cover_image_url"] = next(iter(product.cover_urls), None)
    if PUBLISHING in blocks:
        work["first_published"] = _year(product.first_publication_date)
        book |= _publication(product)
        lists["publisher"] = product.publisher or None
        lists["imprint"] = product.imprint or None
        lists["rights"] = tuple(_rights(product)) or None
    if SUPPLY in blocks:
        book |= _supply(product)
        lists["prices"] = tuple(_prices(product)) if product.supplies else None
    book["on_sale_date"] = _on_sale_date(product, blocks)
    return Facts(
        work=_told(work),
        book=_told(book),
        work_identifiers=_work_identifiers(product),
        related_isbns=_related_isbns(product),
        **lists,
    )


def main_supply(product: OnixProduct) -> SupplyDetail | None:
    """Return the supply that counts: the first that says anything about availability."""
    supplies = product.supplies
    return next((supply for supply in supplies if supply.availability), next(iter(supplies), None))


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _described_work(product: OnixProduct) -> dict[str, Any]:
    first = product.series[0] if product.series else None
    return {
        "title": product.title or None,
        "subtitle": product.subtitle or None,
        "author": _display(product),
        "series": first.name if first else None,
        "series_number": (first.number or None) if first else None,
        "original_language": product.original_language,
    }


def _described_book(product: OnixProduct) -> dict[str, Any]:
    measures = product.measures
    return {
        "format": format_of(product.form, product.form_details) if product.form else None,
        "product_form": product.form or None,
        "form_details": list(product.form_details) or None,
        "language": next(iter(product.text_languages), None),
        "edition_statement": product.edition_statement or None,
        "pages": _small(product.pages),
        "minutes": _small(product.minutes),
        "height_mm": _small(measures.height_mm),
        "width_mm": _small(measures.width_mm),
        "thickness_mm": _small(measures.thickness_mm),
        "weight_g": _whole(measures.weight_g),
    }


def _publication(product: OnixProduct) -> dict[str, Any]:
    published = product.publication_date
    values: dict[str, Any] = {
        "publishing_status": product.publishing_status or None,
    }
    if published is not None:
        precision = published.precision
        values["publish_date_precision"] = precision
        values["publish_year"] = published.value.year
        if precision is not DatePrecision.YEAR:
            values["publish_date"] = published.value
    return values


def _supply(product: OnixProduct) -> dict[str, Any]:
    supply = main_supply(product)
    if supply is None:
        return {}
    return {
        "availability_code": supply.availability or None,
        "order_time_days": _small(supply.order_time_days),
    }


def _on_sale_date(product: OnixProduct, blocks: Collection[int]) -> date | None:
    """Return the day before which no copy may leave the shop: the later of two embargoes."""
    supply = main_supply(product) if SUPPLY in blocks else None
    embargoes = (
        product.on_sale_date if PUBLISHING in blocks else None,
        supply.on_sale_date if supply else None,
    )
    return max((embargo.value for embargo in embargoes if embargo), default=None)


def _display(product: OnixProduct) -> str | None:
    """Return the author line: the authors, or else whoever comes first, or the publisher."""
    names = [
        person.name
        for person in _in_order(product)
        if person.name and any(role[:1] == "A" for role in person.roles)
    ]
    main = [person.name for person in _in_order(product) if person.name and "A01" in person.roles]
    others = [person.name for person in _in_order(product) if person.name]
    return ", ".join(dict.fromkeys(main or names[:1] or others[:1])) or None


def _in_order(product: OnixProduct) -> list[Contributor]:
    """Return the contributors as the title page has them."""
    last = len(product.contributors)
    return sorted(
        product.contributors,
        key=lambda person: last if person.sequence is None else person.sequence,
    )


def _people(product: OnixProduct) -> Iterator[Person]:
    seen = set()
    for person in _in_order(product):
        for code in person.roles or ("Z99",):
            role = ONIX_ROLES.get(code, ContributorRole.OTHER)
            if person.name and (person.name, role) not in seen:
                seen.add((person.name, role))
                yield Person(
                    name=person.name,
                    role=role,
                    sort_name=person.sort_name or None,
                    is_body=person.is_body,
                    biography=person.biography or None,
                )


def _series(product: OnixProduct) -> tuple[tuple[str, str | None], ...]:
    named = {series.name: series.number or None for series in reversed(product.series)}
    return tuple(
        (series.name, named.pop(series.name)) for series in product.series if series.name in named
    )


def _subjects(
    product: OnixProduct,
) -> dict[tuple[SubjectScheme, str], tuple[str | None, bool]]:
    subjects: dict[tuple[SubjectScheme, str], tuple[str | None, bool]] = {}
    for subject in product.subjects:
        scheme = SUBJECT_SCHEMES.get(subject.scheme)
        if scheme is None or not subject.code:
            continue
        heading, is_main = subjects.get((scheme, subject.code), (None, False))
        subjects[scheme, subject.code] = (
            heading or subject.heading or None,
            is_main or subject.is_main,
        )
    return subjects


def _rights(product: OnixProduct) -> Iterator[dict[str, Any]]:
    for right in product.sales_rights:
        yield {"type_code": right.type, **territory_columns(right.territory)}
    if product.rest_of_world_rights:
        yield {
            "type_code": product.rest_of_world_rights,
            "countries": ["ROW"],
            "excluded_countries": None,
        }


def _prices(product: OnixProduct) -> Iterator[dict[str, Any]]:
    for supply in product.supplies:
        for price in supply.prices:
            if price.currency is not None:
                yield price_row(price, market=supply.market)


def price_row(price: Price, *, market: Territory | None) -> dict[str, Any]:
    """Return a price as a row of its table; the market is where its supply is for."""
    return {
        "type_code": price.type,
        "qualifier": price.qualifier or None,
        "amount": price.amount,
        "currency": price.currency,
        "includes_tax": price.tax_included,
        "minimum_quantity": price.minimum_quantity,
        **territory_columns(price.territory or market),
        "valid_from": price.valid_from,
        "valid_until": price.valid_until,
    }


def territory_columns(territory: Territory | None) -> dict[str, list[str] | None]:
    """Return a territory as columns of a price or a sales right; None is everywhere."""
    if territory is None:
        return {"countries": None, "excluded_countries": None}
    included = sorted(territory.countries_included | territory.regions_included)
    excluded = sorted(territory.countries_excluded | territory.regions_excluded)
    return {"countries": included or None, "excluded_countries": excluded or None}


def _work_identifiers(product: OnixProduct) -> frozenset[tuple[str, str]]:
    return frozenset(
        (identifier.type, f"{identifier.type_name}:{identifier.value}")
        if identifier.type == PROPRIETARY
        else (identifier.type, identifier.value)
        for related in product.related_works
        if related.relation in SAME_WORK
        for identifier in related.identifiers
        if identifier.value
    )


PROPRIETARY = "01"
"""A type of identifier (ONIX list 16) whose values mean something only with the type's own name."""


def _related_isbns(product: OnixProduct) -> frozenset[str]:
    return frozenset(
        related.isbn
        for related in product.related_products
        if related.isbn and not OTHER_EDITIONS.isdisjoint(related.relations)
    )


def _year(when: PartialDate | None) -> int | None:
    return when.value.year if when else None


def _whole(number: Decimal | int | None) -> int | None:
    rounded = None if number is None else round(number)
    return rounded if rounded and rounded > 0 else None


def _small(number: Decimal | int | None) -> int | None:
    """Return the number if its column can hold it."""
    whole = _whole(number)
    return whole if whole is not None and whole <= SMALLINT else None


def is_for_the_trade(product: OnixProduct) -> bool:
    """Tell whether it is a display or a pack that no shopper buys."""
    return product.form in NOT_FOR_SHOPPERS
