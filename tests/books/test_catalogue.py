"""People, series, publishers and subjects as programs read them."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.codes import ContributorRole, SubjectScheme
from app.books.models import (
    Contribution,
    Contributor,
    Publisher,
    Series,
    SeriesMembership,
    Subject,
    WorkSubject,
)
from tests.factories import make_book

API = "/api/v1"


async def add_row(session: AsyncSession, model: type[Any], **values: Any) -> int:
    statement = insert(model).values(**values).returning(model.id)
    return int((await session.execute(statement)).scalar_one())


async def names(client: AsyncClient, path: str, **params: str) -> list[str]:
    answer = (await client.get(f"{API}{path}", params=params)).json()
    assert answer["total"] == len(answer["items"])
    return [item.get("name") or item.get("title") or item["code"] for item in answer["items"]]


async def test_a_contributor_is_read(client: AsyncClient, db_session: AsyncSession) -> None:
    person = await add_row(
        db_session,
        Contributor,
        name="Ursula K. Le Guin",
        sort_name="Le Guin, Ursula K.",
        biography="She wrote.",
    )
    book = await make_book(db_session)
    for role in (ContributorRole.EDITOR, ContributorRole.AUTHOR, ContributorRole.AUTHOR):
        book = await make_book(db_session)
        db_session.add(
            Contribution(work_id=book.work_id, position=0, contributor_id=person, role=role)
        )
    await db_session.flush()  # the request shall find them
    listed = (await client.get(f"{API}/contributors")).json()
    summary = {
        "id": person,
        "name": "Ursula K. Le Guin",
        "sort_name": "Le Guin, Ursula K.",
        "is_body": False,
    }
    assert listed == {
        "items": [summary],
        "total": 1,
        "total_is_exact": True,
        "page": 1,
        "size": 20,
        "next_cursor": None,
        "previous_cursor": None,
    }
    read = (await client.get(f"{API}/contributors/{person}")).json()
    assert read == summary | {"biography": "She wrote.", "roles": ["author", "editor"]}
    shown = (await client.get(f"{API}/books/{book.id}")).json()["contributors"]
    assert shown == [{"id": person, "name": "Ursula K. Le Guin", "role": "author"}]


@pytest.mark.parametrize(
    ("path", "model", "column"),
    [
        ("/contributors", Contributor, "name"),
        ("/publishers", Publisher, "name"),
        ("/series", Series, "title"),
    ],
)
async def test_names_are_found_by_their_words(
    client: AsyncClient, db_session: AsyncSession, path: str, model: type[Any], column: str
) -> None:
    for name in ("García & Sons", "J. R. R. Tolkien", "Sons of Garrick"):
        await add_row(db_session, model, **{column: name})
    assert await names(client, path) == ["García & Sons", "J. R. R. Tolkien", "Sons of Garrick"]
    assert await names(client, path, q="garcia and sons") == ["García & Sons"]
    assert await names(client, path, q="sons gar") == ["García & Sons", "Sons of Garrick"]
    assert await names(client, path, q="jrr tolk") == ["J. R. R. Tolkien"]
    assert await names(client, path, q="' ! :* \\") == []
    assert await names(client, path, q="arcia") == []

    first = (await client.get(f"{API}{path}", params={"size": 2, "q": "s"})).json()
    assert (len(first["items"]), first["total"], first["next_cursor"]) == (2, 2, None)
    first = (await client.get(f"{API}{path}", params={"size": 2})).json()
    second = (
        await client.get(f"{API}{path}", params={"size": 2, "cursor": first["next_cursor"]})
    ).json()
    assert [item[column] for item in second["items"]] == ["Sons of Garrick"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/contributors/5", "CONTRIBUTOR_NOT_FOUND"),
        ("/publishers/5", "PUBLISHER_NOT_FOUND"),
        ("/series/5", "SERIES_NOT_FOUND"),
        ("/subjects/thema/FB", "SUBJECT_NOT_FOUND"),
    ],
)
async def test_what_there_is_not(client: AsyncClient, path: str, code: str) -> None:
    response = await client.get(f"{API}{path}")
    assert (response.status_code, response.json()["code"]) == (404, code)


async def test_a_publisher_is_read(client: AsyncClient, db_session: AsyncSession) -> None:
    publisher = await add_row(db_session, Publisher, name="Ace")
    imprint = await add_row(db_session, Publisher, name="Ace Science Fiction")
    read = (await client.get(f"{API}/publishers/{publisher}")).json()
    assert read == {"id": publisher, "name": "Ace"}
    book = await make_book(db_session)
    book = await db_session.merge(book)
    book.publisher_id, book.imprint_id = publisher, imprint
    await db_session.flush()  # the request shall find it
    shown = (await client.get(f"{API}/books/{book.id}")).json()
    assert (shown["publisher_id"], shown["imprint_id"]) == (publisher, imprint)
    assert (shown["publisher"], shown["imprint"]) == ("Ace", "Ace Science Fiction")


async def test_volumes_come_by_number_then_by_word(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    series = await add_row(db_session, Series, title="Hainish Cycle")
    other = await add_row(db_session, Series, title="Everything")
    book = await make_book(db_session, title="In no series")
    expected = ["0,5", "1", "2", "2.5", "#10", "10b", "999999999", "Epilogue", "Prologue 1", None]
    for number in (*expected[::2], *expected[1::2]):
        book = await make_book(db_session, title=f"Volume {number}")
        db_session.add(
            SeriesMembership(work_id=book.work_id, position=0, series_id=series, number=number)
        )
    gone = await db_session.merge(await make_book(db_session, title="Not sold"))
    gone.price = None
    db_session.add(SeriesMembership(work_id=gone.work_id, position=0, series_id=series, number="3"))
    db_session.add(SeriesMembership(work_id=book.work_id, position=1, series_id=other, number="1"))
    await db_session.flush()  # the request shall find them
    read = (await client.get(f"{API}/series/{series}")).json()
    volumes = read.pop("volumes")
    assert read == {"id": series, "title": "Hainish Cycle"}
    assert [volume["number"] for volume in volumes["items"]] == expected
    assert [volume["book"]["title"] for volume in volumes["items"]] == [
        f"Volume {number}" for number in expected
    ]
    assert (volumes["total"], volumes["total_is_exact"]) == (len(expected), True)

    numbers: list[str | None] = []
    params: dict[str, Any] = {"size": 3}
    while True:
        part = (await client.get(f"{API}/series/{series}", params=params)).json()["volumes"]
        numbers += [volume["number"] for volume in part["items"]]
        if part["next_cursor"] is None:
            break
        params["cursor"] = part["next_cursor"]
    assert numbers == expected

    shown = (await client.get(f"{API}/books/{book.id}")).json()
    assert shown["series_list"] == [
        {"id": series, "title": "Hainish Cycle", "number": None},
        {"id": other, "title": "Everything", "number": "1"},
    ]


@pytest.fixture
def thema() -> list[tuple[str, str | None, str | None]]:
    """Codes as the list has them, and three (without anything above them) that only feeds named."""
    return [
        ("F", "Fiction", None),
        ("FB", "Fiction: general", "F"),
        ("FBA", "Modern fiction", "FB"),
        ("1DDF", "France", None),
        ("1DDF-FR-XA", "Auvergne-Rhône-Alpes", "1DDF"),
        ("1DDF-FR-V", "Rhône-Alpes", "1DDF-FR-XA"),
        ("FBAX", None, None),
        ("FBAXY", None, None),
        ("ZZ", None, None),
    ]


async def test_subjects_are_a_tree(
    client: AsyncClient,
    db_session: AsyncSession,
    thema: list[tuple[str, str | None, str | None]],
) -> None:
    for code, heading, parent in thema:
        await add_row(
            db_session,
            Subject,
            scheme=SubjectScheme.THEMA,
            code=code,
            heading=heading,
            parent_code=parent,
        )
    await add_row(db_session, Subject, scheme=SubjectScheme.BISAC, code="FIC000000")
    assert await names(client, "/subjects") == ["1DDF", "F", "ZZ"]
    assert await names(client, "/subjects", scheme="bisac") == ["FIC000000"]
    assert await names(client, "/subjects", parent="fb") == ["FBA"]
    assert await names(client, "/subjects", parent="FBA") == ["FBAX"]
    assert await names(client, "/subjects", parent="1DDF") == ["1DDF-FR-XA"]
    assert await names(client, "/subjects", q="fict gen") == ["FB"]
    assert await names(client, "/subjects", q="RHONE alpes") == ["1DDF-FR-V", "1DDF-FR-XA"]
    assert await names(client, "/subjects", q="fiction", parent="F") == ["FB"]
    assert await names(client, "/subjects", q="!") == []

    read = (await client.get(f"{API}/subjects/thema/fba")).json()
    assert read == {
        "scheme": "thema",
        "code": "FBA",
        "heading": "Modern fiction",
        "parents": [
            {"scheme": "thema", "code": "F", "heading": "Fiction"},
            {"scheme": "thema", "code": "FB", "heading": "Fiction: general"},
        ],
        "children": [{"scheme": "thema", "code": "FBAX", "heading": None}],
    }
    read = (await client.get(f"{API}/subjects/thema/1DDF-FR-V")).json()
    assert [step["code"] for step in read["parents"]] == ["1DDF", "1DDF-FR-XA"]


async def test_a_book_shows_what_it_is_about(
    client: AsyncClient,
    db_session: AsyncSession,
    thema: list[tuple[str, str | None, str | None]],
) -> None:
    ids = {}
    for code, heading, parent in thema:
        ids[code] = await add_row(
            db_session,
            Subject,
            scheme=SubjectScheme.THEMA,
            code=code,
            heading=heading,
            parent_code=parent,
        )
    book = await make_book(db_session)
    assert (await client.get(f"{API}/books/{book.id}")).json()["subjects"] == []
    for code, is_main in (("F", False), ("FBAXY", True), ("1DDF-FR-V", False)):
        db_session.add(WorkSubject(work_id=book.work_id, subject_id=ids[code], is_main=is_main))
    await db_session.flush()  # the request shall find them
    shown = (await client.get(f"{API}/books/{book.id}")).json()["subjects"]
    assert [(item["code"], item["heading"], item["is_main"]) for item in shown] == [
        ("FBAXY", None, True),
        ("F", "Fiction", False),
        ("1DDF-FR-V", "Rhône-Alpes", False),
    ]
    assert [item["path"] for item in shown] == [
        ["Fiction", "Fiction: general", "Modern fiction", "FBAX", "FBAXY"],
        ["Fiction"],
        ["France", "Auvergne-Rhône-Alpes", "Rhône-Alpes"],
    ]


async def test_a_list_that_goes_round_in_circles_ends(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    for code, parent in (("A", "AB"), ("AB", "A")):
        await add_row(
            db_session, Subject, scheme=SubjectScheme.THEMA, code=code, parent_code=parent
        )
    read = (await client.get(f"{API}/subjects/thema/A")).json()
    assert len(read["parents"]) == 20
    assert (await client.get(f"{API}/books?subject=A")).status_code == 200
