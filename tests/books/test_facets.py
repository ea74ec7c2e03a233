"""How many books of a list are what."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import search, service
from app.books.codes import SubjectScheme
from app.books.models import BookFormat, Publisher, Subject, WorkSubject
from app.books.queries import BookQuery, FacetName
from app.books.repository import facets
from app.books.schemas import FacetValue
from tests.books.test_listing import add, add_row

Counts = dict[str, tuple[int, bool]]
EVERY_FACET = list(FacetName)


@pytest.fixture
async def ids(db_session: AsyncSession) -> dict[str, int]:
    """Six books of three genres; and the ids of what they are."""
    found = {}
    for name in ("Drama", "Poetry", "Empty"):
        found[name] = (await service.create_genre(db_session, name=name)).id
    for name in ("Ace", "Ace Fiction"):
        found[name] = await add_row(db_session, Publisher, name=name)
    for code, heading in (("F", "Fiction"), ("FB", None), ("FBA", None), ("Y", None)):
        found[code] = await add_row(
            db_session, Subject, scheme=SubjectScheme.THEMA, code=code, heading=heading
        )
    found["FIC"] = await add_row(db_session, Subject, scheme=SubjectScheme.BISAC, code="FIC")
    drama, poetry = {"genre_id": found["Drama"]}, {"genre_id": found["Poetry"]}
    rated = {"rating_sum": 9, "rating_count": 2}
    books = [
        await add(db_session, "Volume 1", work=drama | rated, language="en", copies=2),
        await add(db_session, "Volume 2", work=drama, language="en", price=Decimal("4.99")),
        await add(db_session, "Volume 3", work=drama, language="fr", price=Decimal("50.00")),
        await add(db_session, "Volume 4", work=poetry, language="en", format=BookFormat.EBOOK),
        await add(db_session, "Volume 5", publish_date=date(1969, 3, 1), copies=1),
        await add(db_session, "Volume 6", work={"rating_sum": 3, "rating_count": 1}),
    ]
    books[0].publisher_id = books[0].imprint_id = found["Ace"]
    books[1].publisher_id, books[1].imprint_id = found["Ace"], found["Ace Fiction"]
    books[2].publish_year = 1960
    for book, codes in ((books[0], ("FB", "FBA", "FIC")), (books[1], ("F", "Y"))):
        for code in codes:
            db_session.add(WorkSubject(work_id=book.work_id, subject_id=found[code]))
    await add(db_session, "Volume 7, not sold", price=None, language="en")
    await db_session.flush()  # the lists shall find them
    return found


async def count(session: AsyncSession, **query: Any) -> dict[str, list[FacetValue]]:
    asked = BookQuery.model_validate({"facets": EVERY_FACET, **query})
    found = (await service.list_books(session, query=asked)).facets
    assert found is not None
    assert list(found) == asked.facets
    return {name.value: values for name, values in found.items()}


def numbers(values: Sequence[FacetValue]) -> dict[str, int]:
    assert all(value.count_is_exact for value in values)
    return {value.label: value.count for value in values}


EXPECTED = {
    "genre": {"Drama": 3, "Poetry": 1},
    "format": {"Paperback": 5, "E-book": 1},
    "language": {"English": 3, "French": 1},
    "subject": {"Fiction": 2, "Y": 1},
    "publisher": {"Ace": 2, "Ace Fiction": 1},
    "price": {"Under 5": 1, "10 to 20": 4, "50 and more": 1},
    "in_stock": {"In stock": 2},
    "rating": {"4 and more": 1, "3 and more": 2, "2 and more": 2, "1 and more": 2},
    "decade": {"1960s": 2},
}


@pytest.mark.parametrize("query", [{}, {"q": "volume"}])
@pytest.mark.usefixtures("ids")
async def test_books_are_counted_by_what_they_are(
    db_session: AsyncSession, query: dict[str, str]
) -> None:
    found = await count(db_session, **query)
    assert {name: numbers(values) for name, values in found.items()} == EXPECTED
    assert [list(numbers(values)) for values in found.values()] == [
        list(expected) for expected in EXPECTED.values()
    ]
    assert not any(value.is_selected for values in found.values() for value in values)
    nobody = await count(db_session, author="!", **query)
    assert nobody == {name.value: [] for name in FacetName}


@pytest.mark.parametrize("query", [{}, {"q": "volume"}, {"q": "volme"}])
async def test_a_facet_ignores_its_own_choice_and_respects_the_others(
    db_session: AsyncSession, ids: dict[str, int], query: dict[str, str]
) -> None:
    found = await count(db_session, language=["fr"], genre_id=ids["Drama"], **query)
    assert numbers(found["language"]) == {"English": 2, "French": 1}
    assert [value.is_selected for value in found["language"]] == [False, True]
    assert numbers(found["genre"]) == {"Drama": 1}
    assert [value.is_selected for value in found["genre"]] == [True]
    assert numbers(found["price"]) == {"50 and more": 1}
    assert numbers(found["decade"]) == {"1960s": 1}


@pytest.mark.parametrize("query", [{}, {"q": "volume"}])
@pytest.mark.usefixtures("ids")
async def test_what_a_value_chooses_has_as_many_books(
    db_session: AsyncSession, query: dict[str, str]
) -> None:
    for name, values in (await count(db_session, **query)).items():
        for value in values:
            page = await service.list_books(
                db_session,
                query=BookQuery.model_validate(query | value.parameters | {"facets": name}),
            )
            assert page.total == value.count, (name, value)
            assert page.facets is not None
            chosen = [item.value for item in page.facets[FacetName(name)] if item.is_selected]
            assert chosen == [value.value]
            assert [item.count for item in page.facets[FacetName(name)]] == [
                item.count for item in values
            ]


@pytest.mark.parametrize(
    ("query", "facet", "value"),
    [
        ({"format": "jigsaw"}, "format", "jigsaw"),
        ({"language": "tlh"}, "language", "tlh"),
        ({"min_price": "20", "max_price": "49.99"}, "price", "20"),
        ({"min_rating": "4.2", "language": "fr"}, "rating", "4"),
        ({"subject": "Q"}, "subject", "Q"),
        ({"published_from": "2010-01-01", "published_to": "2019-12-31"}, "decade", "2010"),
    ],
)
@pytest.mark.usefixtures("ids")
async def test_a_choice_that_no_book_has_is_shown(
    db_session: AsyncSession, query: dict[str, str], facet: str, value: str
) -> None:
    found = await count(db_session, **query)
    (shown,) = [item for item in found[facet] if item.is_selected]
    assert (shown.value, shown.count, shown.count_is_exact) == (value, 0, True)


@pytest.mark.usefixtures("ids")
async def test_a_range_of_ones_own_is_no_value(db_session: AsyncSession) -> None:
    for query in (
        {"min_price": "5"},
        {"max_price": "9.99"},
        {"published_from": "2010-01-01"},
        {"published_to": "2019-12-31"},
        {"in_stock": False},
    ):
        found = await count(db_session, **query)
        assert not any(value.is_selected for values in found.values() for value in values)


@pytest.mark.usefixtures("ids")
async def test_values_of_a_list_that_is_too_long_are_counted_one_by_one(
    db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three books are read at the most, and each value's first three; two are counted."""
    monkeypatch.setattr(facets, "MAX_READ", 3)
    monkeypatch.setattr(facets, "MAX_COUNT", 2)
    found = {
        name: {value.label: (value.count, value.count_is_exact) for value in values}
        for name, values in (await count(db_session)).items()
    }
    every = {"Ace": (2, True), "Ace Fiction": (1, True)}
    assert found.pop("publisher").items() <= every.items()  # only of books that were read
    assert found == {
        "genre": {"Drama": (2, False), "Poetry": (1, True)},
        "format": {"Paperback": (2, False), "E-book": (1, True)},
        "language": {"English": (2, False), "French": (1, True)},
        "subject": {"Fiction": (2, True), "Y": (1, True)},
        "price": {"Under 5": (1, True), "10 to 20": (2, False), "50 and more": (1, True)},
        "in_stock": {"In stock": (2, True)},
        "rating": {
            "4 and more": (1, True),
            "3 and more": (2, True),
            "2 and more": (2, True),
            "1 and more": (2, True),
        },
        "decade": {"1960s": (2, True)},
    }
    found_in_fr = await count(db_session, language=["fr"])
    assert numbers(found_in_fr["genre"]) == {"Drama": 1}


@pytest.mark.usefixtures("ids")
async def test_what_takes_too_long_to_count_is_at_least_so_many(
    db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = await db_session.scalar(text("SHOW statement_timeout"))
    monkeypatch.setattr(facets, "MAX_READ", 3)
    monkeypatch.setattr(facets, "MAX_MILLISECONDS", 1)
    found = await count(db_session)
    values = found["format"]
    assert sum(value.count for value in values) == 4  # as many as were read
    assert not any(value.count_is_exact for value in values)
    assert await db_session.scalar(text("SHOW statement_timeout")) == usual


@pytest.mark.usefixtures("ids")
async def test_a_fault_while_counting_is_no_long_list(
    db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets, "MAX_READ", 3)
    monkeypatch.setattr(facets, "MAX_COUNT", -2)
    with pytest.raises(DBAPIError):
        await count(db_session)


@pytest.mark.usefixtures("ids")
async def test_a_search_that_is_cut_short_counts_at_least(
    db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MAX_FOUND", 2)
    found = await count(db_session, q="volume", facets="format")
    assert [(value.count, value.count_is_exact) for value in found["format"]] == [(2, False)]


async def test_facets_are_asked_for(client: AsyncClient, ids: dict[str, int]) -> None:
    assert (await client.get("/api/v1/books")).json()["facets"] is None
    answer = (await client.get("/api/v1/books?facets=genre,in_stock&facets=format&q=poe")).json()
    assert answer["facets"] == {"genre": [], "in_stock": [], "format": []}
    answer = (await client.get("/api/v1/books?facets=genre&genre=poetry")).json()
    assert answer["facets"]["genre"][1] == {
        "value": str(ids["Poetry"]),
        "label": "Poetry",
        "count": 1,
        "count_is_exact": True,
        "is_selected": True,
        "parameters": {"genre_id": str(ids["Poetry"])},
    }
    refused = await client.get("/api/v1/books?facets=colour")
    assert refused.status_code == 422
