"""What the books of a list are, value by value, with how many there are of each.

A facet's counts ignore what was chosen of the facet itself and respect everything else, so that
one sees what another choice would give.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.codes import BookFormat
from app.books.queries import PRICE_BANDS, BookQuery, FacetName
from app.books.repository import BookFilter, facets, list_all_genres
from app.books.repository.facets import Value
from app.books.schemas import FacetValue
from app.core.config import get_settings
from app.core.languages import language_name

MAX_VALUES = 50
"""How many values of a facet are shown: those with the most books, and what was chosen."""

MAX_YEAR = 9999
FIRST_DECADE, LAST_DECADE = 1900, 2090
STARS = range(4, 0, -1)
CENT = Decimal("0.01")

OWN_FIELDS: Mapping[FacetName, tuple[str, ...]] = {
    FacetName.GENRE: ("genre_id",),
    FacetName.FORMAT: ("formats",),
    FacetName.LANGUAGE: ("languages",),
    FacetName.SUBJECT: ("subject_ids",),
    FacetName.PUBLISHER: ("publisher_id",),
    FacetName.PRICE: ("min_price", "max_price"),
    FacetName.IN_STOCK: ("in_stock",),
    FacetName.RATING: ("min_rating",),
    FacetName.DECADE: ("published_from", "published_to"),
}
"""What of a filter is the choice of a facet's own values."""

IN_OWN_ORDER = {FacetName.PRICE, FacetName.RATING, FacetName.DECADE}
"""Facets whose values are in an order of their own, not in that of their counts."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """How many books have a value: so many, or at least so many."""

    count: int
    is_exact: bool


def without_own(books: BookFilter, facet: FacetName) -> BookFilter:
    """Return the filter without what was chosen of the facet itself."""
    return replace(books, **dict.fromkeys(OWN_FIELDS[facet]))


async def count_facets(
    session: AsyncSession,
    *,
    query: BookQuery,
    lists: Mapping[FacetName, BookFilter],
    are_complete: bool,
) -> dict[FacetName, list[FacetValue]]:
    """Return the values of facets, each counted among the books of its list.

    Of lists that are cut short, as searches are, counts are of at least so many.
    """
    numbers = await _count_all(session, lists)
    if not are_complete:
        numbers = {key: replace(number, is_exact=False) for key, number in numbers.items()}
    chosen = {facet: _chosen(query, facet) for facet in lists}
    for facet, values in chosen.items():
        for value in values:
            numbers.setdefault((facet, value), Number(count=0, is_exact=True))
    shown = {facet: _arrange(facet, numbers, chosen[facet]) for facet in lists}
    labels = await _labels(session, shown)
    return {
        facet: [
            FacetValue(
                value=value,
                label=labels.get((facet, value)) or LABELS.get(facet, str)(value),
                count=min(number.count, facets.MAX_COUNT),
                count_is_exact=number.is_exact and number.count <= facets.MAX_COUNT,
                is_selected=value in chosen[facet],
                parameters=parameters_of(facet, value),
            )
            for value, number in values
        ]
        for facet, values in shown.items()
    }


def parameters_of(facet: FacetName, value: str) -> dict[str, str]:
    """Return the parameters of an address that choose a facet's value."""
    match facet:
        case FacetName.GENRE:
            return {"genre_id": value}
        case FacetName.PUBLISHER:
            return {"publisher_id": value}
        case FacetName.RATING:
            return {"min_rating": value}
        case FacetName.PRICE:
            fields = _price_fields(value)
            return {name: str(amount) for name, amount in fields.items()}
        case FacetName.DECADE:
            return {name: day.isoformat() for name, day in _decade_fields(value).items()}
    return {facet.value: value}


async def _count_all(
    session: AsyncSession, lists: Mapping[FacetName, BookFilter]
) -> dict[tuple[FacetName, str], Number]:
    """Count at once what is in lists that can be read whole, value by value what is not."""
    grouped: list[tuple[BookFilter, list[FacetName]]] = []
    for facet, books in lists.items():
        same = next((names for others, names in grouped if others == books), None)
        if same is None:
            grouped.append((books, [facet]))
        else:
            same.append(facet)
    numbers: dict[tuple[FacetName, str], Number] = {}
    long: set[FacetName] = set()
    rows = [
        (FacetName(row.facet), row.value, row.number)
        for row in await facets.count_values(session, grouped)
    ]
    for facet, value, count in rows:
        if value is not None:
            numbers[facet, value] = Number(count=count, is_exact=True)
        elif count > facets.MAX_READ:
            long.add(facet)
    if FacetName.RATING in lists:
        _add_up_ratings(numbers)
    if long:
        numbers |= await _count_long(session, lists, long, numbers)
    return numbers


async def _count_long(
    session: AsyncSession,
    lists: Mapping[FacetName, BookFilter],
    long: Collection[FacetName],
    read: Mapping[tuple[FacetName, str], Number],
) -> dict[tuple[FacetName, str], Number]:
    """Count each value of the facets whose list is too long to be read.

    Where already the books that were read are more than anybody wants counted, that is enough.
    """
    numbers = {
        key: replace(number, is_exact=False) for key, number in read.items() if key[0] in long
    }
    known = {facet: {value for name, value in read if name is facet} for facet in long}
    values = [
        (lists[facet], value)
        for facet in long
        for value in await _possible_values(session, facet, known[facet])
        if value.value not in known[facet] or read[facet, value.value].count <= facets.MAX_COUNT
    ]
    for row in await facets.count_each(session, values) or ():
        numbers[FacetName(row.facet), row.value] = Number(count=row.number, is_exact=True)
    return {key: number for key, number in numbers.items() if number.count}


async def _possible_values(
    session: AsyncSession, facet: FacetName, read: Collection[str]
) -> list[Value]:
    """Return the values that a facet can have: all there are, or for publishers those read."""
    subjects: dict[str, list[int]] = {}
    match facet:
        case FacetName.GENRE:
            values = [str(genre.id) for genre in await list_all_genres(session)]
        case FacetName.LANGUAGE:
            values = list(await facets.list_languages(session, limit=MAX_VALUES))
        case FacetName.SUBJECT:
            subjects = await facets.list_top_subjects(session)
            values = list(subjects)
        case _:
            values = list({*FIXED_VALUES[facet], *read})
    return [
        Value(
            facet=facet,
            value=value,
            fields={"subject_ids": subjects[value]} if subjects else FIELDS[facet](value),
        )
        for value in sorted(values)[: 2 * MAX_VALUES]
    ]


def _price_fields(value: str) -> Mapping[str, Decimal]:
    bounds = [*PRICE_BANDS, None]
    following = bounds[bounds.index(Decimal(value)) + 1]
    fields = {"min_price": Decimal(value)}
    return fields if following is None else {**fields, "max_price": following - CENT}


def _decade_fields(value: str) -> Mapping[str, date]:
    year = int(value)
    return {
        "published_from": date(max(1, year), 1, 1),
        "published_to": date(min(year + 9, MAX_YEAR), 12, 31),
    }


def _add_up_ratings(numbers: dict[tuple[FacetName, str], Number]) -> None:
    """Make of the books with so many stars those with at least so many."""
    total = 0
    for stars in (5, *STARS):
        number = numbers.pop((FacetName.RATING, str(stars)), None)
        total += number.count if number else 0
        if total and stars in STARS:
            numbers[FacetName.RATING, str(stars)] = Number(count=total, is_exact=True)


def _chosen(query: BookQuery, facet: FacetName) -> set[str]:
    """Return which of a facet's values the query chooses."""
    chosen: dict[FacetName, Sequence[object]] = {
        FacetName.GENRE: [query.genre_id],
        FacetName.FORMAT: query.format or [],
        FacetName.LANGUAGE: query.language or [],
        FacetName.SUBJECT: [query.subject and query.subject.strip()[:1].upper()],
        FacetName.PUBLISHER: [query.publisher_id],
        FacetName.IN_STOCK: ["true" if query.in_stock else None],
        FacetName.RATING: [query.min_rating and int(query.min_rating)],
        FacetName.PRICE: [
            band
            for band in PRICE_BANDS
            if {"min_price": query.min_price, "max_price": query.max_price}
            == {"max_price": None, **_price_fields(str(band))}
        ],
        FacetName.DECADE: [
            query.published_from.year // 10 * 10
            if query.published_from
            and {"published_from": query.published_from, "published_to": query.published_to}
            == _decade_fields(str(query.published_from.year // 10 * 10))
            else None
        ],
    }
    return {str(value) for value in chosen[facet] if value is not None}


def _arrange(
    facet: FacetName, numbers: Mapping[tuple[FacetName, str], Number], chosen: Collection[str]
) -> list[tuple[str, Number]]:
    """Return the values that are shown, in the order in which they are."""
    own = [(value, number) for (name, value), number in numbers.items() if name is facet]
    own.sort(key=lambda item: (item[0] not in chosen, -item[1].count, item[0]))
    own = own[:MAX_VALUES]
    if facet in IN_OWN_ORDER:
        own.sort(key=lambda item: int(item[0]), reverse=facet is not FacetName.PRICE)
    else:
        own.sort(key=lambda item: (-item[1].count, item[0]))
    return own


async def _labels(
    session: AsyncSession, shown: Mapping[FacetName, Sequence[tuple[str, Number]]]
) -> Mapping[tuple[FacetName, str], str]:
    def values(facet: FacetName) -> list[str]:
        return [value for value, _ in shown.get(facet, ())]

    return await facets.list_labels(
        session,
        genre_ids=[int(value) for value in values(FacetName.GENRE)],
        publisher_ids=[int(value) for value in values(FacetName.PUBLISHER)],
        subject_codes=values(FacetName.SUBJECT),
    )


def _price_label(value: str) -> str:
    if "max_price" not in _price_fields(value):
        return f"{value} and more"
    upper = PRICE_BANDS[PRICE_BANDS.index(Decimal(value)) + 1]
    return f"{value} to {upper}" if int(value) else f"Under {upper}"


FIELDS: Mapping[FacetName, Callable[[str], Mapping[str, Any]]] = {
    FacetName.GENRE: lambda value: {"genre_id": int(value)},
    FacetName.FORMAT: lambda value: {"formats": [BookFormat(value)]},
    FacetName.LANGUAGE: lambda value: {"languages": [value]},
    FacetName.PUBLISHER: lambda value: {"publisher_id": int(value)},
    FacetName.PRICE: _price_fields,
    FacetName.IN_STOCK: lambda _value: {"in_stock": True},
    FacetName.RATING: lambda value: {"min_rating": Decimal(value)},
    FacetName.DECADE: _decade_fields,
}
"""The fields of a ``BookFilter`` that choose a value; a subject's are its ids."""

LABELS: Mapping[FacetName, Callable[[str], str]] = {
    FacetName.FORMAT: str.capitalize,
    FacetName.LANGUAGE: lambda value: language_name(value, get_settings().locale),
    FacetName.IN_STOCK: lambda _value: "In stock",
    FacetName.RATING: lambda value: f"{value} and more",
    FacetName.DECADE: lambda value: f"{value}s",
    FacetName.PRICE: _price_label,
}
"""What people call a value that is no row's name."""

FIXED_VALUES: Mapping[FacetName, Sequence[str]] = {
    FacetName.FORMAT: [book_format.value for book_format in BookFormat],
    FacetName.PRICE: [str(band) for band in PRICE_BANDS],
    FacetName.IN_STOCK: ["true"],
    FacetName.RATING: [str(stars) for stars in STARS],
    FacetName.DECADE: [str(year) for year in range(FIRST_DECADE, LAST_DECADE + 1, 10)],
    FacetName.PUBLISHER: [],
}
