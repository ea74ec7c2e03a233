"""People, series and publishers that staff mend and merge, and books that name them in full."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import names, service, works
from app.books.errors import (
    ContributorNotFoundError,
    NameConflictError,
    NameMergedWithItselfError,
)
from app.books.models import (
    Book,
    Contribution,
    Contributor,
    ContributorRole,
    Publisher,
    Series,
    SeriesMembership,
    Subject,
    Work,
)
from app.books.name_schemas import ContributorUpdate
from app.books.queries import BookQuery
from app.books.schemas import BookCreate, BookRead, BookUpdate
from app.core.security import Role
from tests.factories import bearer, make_user

UNKNOWN = 2**31 - 1


async def create(session: AsyncSession, **fields: Any) -> BookRead:
    details = {"title": "Dune", "author": "Frank Herbert", "price": "9.99", **fields}
    return await service.create_book(session, book=BookCreate(**details), currency="USD")


async def id_of(session: AsyncSession, name: str) -> int:
    statement = select(Contributor.id).where(Contributor.name == name)
    return (await session.scalars(statement)).one()


async def rename(session: AsyncSession, contributor_id: int, **change: Any) -> None:
    await names.update_contributor(
        session, contributor_id=contributor_id, change=ContributorUpdate(**change)
    )


async def author_lines(session: AsyncSession) -> list[str]:
    return list(await session.scalars(select(Work.author).order_by(Work.id)))


async def people(session: AsyncSession, work_id: int) -> list[tuple[str, str]]:
    work = await works.get_work(session, work_id=work_id, is_staff=True)
    return [(person.name, person.role) for person in work.contributors]


async def test_author_lines_follow_a_contributors_name(db_session: AsyncSession) -> None:
    await create(db_session, author="Ann")
    await create(db_session, author="Joanna|Ann")
    await db_session.execute(update(Work).where(Work.author != "Ann").values(author="Joanna, Ann"))
    other = await create(db_session, author="Anna")
    await rename(
        db_session, await id_of(db_session, "Ann"), name=r"Ann \1 (Ed.)", biography="Wrote."
    )
    assert await author_lines(db_session) == [r"Ann \1 (Ed.)", r"Joanna, Ann \1 (Ed.)", "Anna"]
    ann = await id_of(db_session, r"Ann \1 (Ed.)")
    await rename(db_session, ann, name="Ann", sort_name="Ann, The", biography=None, is_body=True)
    assert await author_lines(db_session) == ["Ann", "Joanna, Ann", "Anna"]
    person = (await db_session.scalars(select(Contributor).where(Contributor.id == ann))).one()
    await db_session.refresh(person)
    assert (person.sort_name, person.biography, person.is_body) == ("Ann, The", None, True)
    page = await service.list_books(db_session, query=BookQuery(q="joanna ann"))
    assert [book.author for book in page.items] == ["Joanna, Ann"]
    with pytest.raises(NameConflictError) as refused:
        await rename(db_session, ann, name="Anna", biography="Not hers.")
    assert refused.value.field == "name"
    with pytest.raises(ContributorNotFoundError):
        await rename(db_session, UNKNOWN, name="Nobody")
    assert (await author_lines(db_session))[2] == other.author
    await db_session.refresh(person)
    assert (person.name, person.biography) == ("Ann", None)


async def test_doubled_contributors_become_one(db_session: AsyncSession) -> None:
    first = await create(db_session, author="Jane Austen")
    second = await create(db_session, author="Austen, Jane")
    both = await create(
        db_session,
        contributors=[
            {"name": "Austen, Jane"},
            {"name": "Jane Austen"},
            {"name": "Jane Austen", "role": "editor"},
            {"name": "Somebody"},
        ],
    )
    kept, doubled = [await id_of(db_session, name) for name in ("Jane Austen", "Austen, Jane")]
    await rename(db_session, doubled, biography="Wrote.", sort_name="Austen, Jane")
    merged = await names.merge_contributors(
        db_session, contributor_id=kept, other_ids=[doubled, doubled]
    )
    assert (merged.name, merged.biography, merged.sort_name) == (
        "Jane Austen",
        "Wrote.",
        "Austen, Jane",
    )
    assert await author_lines(db_session) == [
        "Jane Austen",
        "Jane Austen",
        "Jane Austen, Somebody",
    ]
    for book in (first, second):
        assert await people(db_session, book.work_id) == [("Jane Austen", "author")]
    assert await people(db_session, both.work_id) == [
        ("Jane Austen", "author"),
        ("Jane Austen", "editor"),
        ("Somebody", "author"),
    ]
    positions = select(Contribution.position).where(Contribution.work_id == both.work_id)
    assert sorted(await db_session.scalars(positions)) == [0, 1, 2]
    assert await db_session.scalar(select(func.count()).select_from(Contributor)) == 2


async def test_series_and_publishers_are_renamed_and_merged(db_session: AsyncSession) -> None:
    one = await create(db_session, series="Discworld", series_number="1", publisher="Gollanz")
    two = await create(db_session, series="Disc World", publisher="Corgi", imprint="Gollanz")
    both = await create(
        db_session,
        series_list=[
            {"title": "Novels", "number": "9"},
            {"title": "Disc World"},
            {"title": "Discworld", "number": "3"},
        ],
    )
    ids = dict((await db_session.execute(select(Series.title, Series.id))).all())
    await names.merge_series(db_session, series_id=ids["Discworld"], other_ids=[ids["Disc World"]])
    renamed = await names.update_series(
        db_session, series_id=ids["Discworld"], title="The Discworld"
    )
    assert renamed.model_dump() == {"id": ids["Discworld"], "title": "The Discworld"}
    lines = await db_session.execute(select(Work.series, Work.series_number).order_by(Work.id))
    assert lines.all() == [("The Discworld", "1"), ("The Discworld", None), ("Novels", "9")]
    entries = (await works.get_work(db_session, work_id=both.work_id)).series_list
    assert [(entry.title, entry.number) for entry in entries] == [
        ("Novels", "9"),
        ("The Discworld", "3"),
    ]
    with pytest.raises(NameConflictError) as refused:
        await names.update_series(db_session, series_id=ids["Novels"], title="The Discworld")
    assert refused.value.field == "title"

    ids = dict((await db_session.execute(select(Publisher.name, Publisher.id))).all())
    await names.update_publisher(db_session, publisher_id=ids["Gollanz"], name="Gollancz")
    assert (await service.get_book(db_session, book_id=one.id)).publisher == "Gollancz"
    await names.merge_publishers(db_session, publisher_id=ids["Corgi"], other_ids=[ids["Gollanz"]])
    book = await service.get_book(db_session, book_id=two.id)
    assert (book.publisher, book.imprint) == ("Corgi", "Corgi")
    assert (await service.get_book(db_session, book_id=one.id)).publisher == "Corgi"
    assert await db_session.scalar(select(func.count()).select_from(Publisher)) == 1


async def test_merges_of_names_that_are_refused_change_nothing(db_session: AsyncSession) -> None:
    await create(db_session)
    herbert = await id_of(db_session, "Frank Herbert")
    with pytest.raises(NameMergedWithItselfError):
        await names.merge_contributors(db_session, contributor_id=herbert, other_ids=[herbert])
    with pytest.raises(ContributorNotFoundError) as refused:
        await names.merge_contributors(db_session, contributor_id=herbert, other_ids=[UNKNOWN])
    assert refused.value.extra == {"items": [{"id": UNKNOWN}]}
    with pytest.raises(ContributorNotFoundError):
        await names.merge_contributors(db_session, contributor_id=UNKNOWN, other_ids=[herbert])
    assert await author_lines(db_session) == ["Frank Herbert"]


async def test_names_as_json(client: AsyncClient, db_session: AsyncSession) -> None:
    one = await create(db_session, series="Dune", publisher="Ace")
    await create(db_session, author="F. Herbert", series="DUNE", publisher="ACE")
    headers = bearer(await make_user(db_session, role=Role.ADMIN))
    reader = bearer(await make_user(db_session))
    for path, model, change, code in (
        ("contributors", Contributor, {"name": "Herbert"}, "CONTRIBUTOR_NOT_FOUND"),
        ("series", Series, {"title": "The Dune Books"}, "SERIES_NOT_FOUND"),
        ("publishers", Publisher, {"name": "Ace Books"}, "PUBLISHER_NOT_FOUND"),
    ):
        first, second = await db_session.scalars(select(model.id).order_by(model.id))
        address = f"/api/v1/admin/{path}/{first}"
        assert (await client.patch(address, json=change)).status_code == 401
        assert (await client.patch(address, json=change, headers=reader)).status_code == 403
        changed = await client.patch(address, json=change, headers=headers)
        assert changed.status_code == 200
        assert changed.json().items() >= ({"id": first} | change).items()
        wrong = await client.patch(address, json={next(iter(change)): None}, headers=headers)
        assert wrong.status_code == 422
        merge = {"ids": [second]}
        assert (await client.post(f"{address}/merge", json=merge)).status_code == 401
        refused = await client.post(f"{address}/merge", json=merge, headers=reader)
        assert refused.status_code == 403
        merged = await client.post(f"{address}/merge", json=merge, headers=headers)
        assert (merged.status_code, merged.json()) == (200, changed.json())
        gone = await client.patch(f"/api/v1/admin/{path}/{second}", json=change, headers=headers)
        assert (gone.status_code, gone.json()["code"]) == (404, code)
    book = await service.get_book(db_session, book_id=one.id)
    assert (book.author, book.series, book.publisher) == ("Herbert", "The Dune Books", "Ace Books")


async def test_lists_win_over_lines(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = bearer(await make_user(db_session, role=Role.ADMIN))
    lists = {
        "contributors": [
            {"name": "Terry Pratchett", "role": "author"},
            {"name": "Josh Kirby", "role": "illustrator"},
            {"name": "Neil Gaiman"},
            {"name": "Neil Gaiman"},
        ],
        "subjects": [
            {"scheme": "thema", "code": "FM", "is_main": True},
            {"scheme": "bisac", "code": "FIC009000"},
            {"scheme": "thema", "code": "1DDU-GB-E"},
        ],
        "series_list": [
            {"title": "Omens", "number": "1"},
            {"title": "Classics"},
            {"title": "Omens", "number": "2"},
        ],
    }
    line = {"title": "Good Omens", "author": "Nobody", "price": "9.99", "series": "None"}
    made = await client.post("/api/v1/books", json=line | lists, headers=headers)
    assert made.status_code == 201, made.text
    book = made.json()
    assert (book["author"], book["series"], book["series_number"]) == (
        "Terry Pratchett, Neil Gaiman",
        "Omens",
        "1",
    )
    work = (await client.get(f"/api/v1/works/{book['work_id']}")).json()
    assert [(person["name"], person["role"]) for person in work["contributors"]] == [
        ("Terry Pratchett", "author"),
        ("Josh Kirby", "illustrator"),
        ("Neil Gaiman", "author"),
    ]
    assert [(subject["scheme"], subject["code"]) for subject in work["subjects"]] == [
        ("thema", "FM"),
        ("bisac", "FIC009000"),
        ("thema", "1DDU-GB-E"),
    ]
    assert work["series_list"] == [
        {"title": "Omens", "number": "1"},
        {"title": "Classics", "number": None},
    ]
    assert await db_session.scalar(select(func.count()).select_from(Contributor)) == 3
    address = f"/api/v1/books/{book['id']}"
    change = {"contributors": [{"name": "Rob Wilkins", "role": "editor"}], "series_list": []}
    changed = (await client.put(address, json=change, headers=headers)).json()
    assert (changed["author"], changed["series"]) == ("Rob Wilkins", None)
    work = (await client.get(f"/api/v1/works/{book['work_id']}")).json()
    assert len(work["subjects"]) == 3
    assert work["series_list"] == []
    cleared = await client.put(address, json={"subjects": None}, headers=headers)
    assert cleared.status_code == 200
    assert (await client.get(f"/api/v1/works/{book['work_id']}")).json()["subjects"] == []
    rows = await db_session.execute(select(Subject.code).order_by(Subject.code))
    assert rows.scalars().all() == ["1DDU-GB-E", "FIC009000", "FM"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"contributors": []},
        {"contributors": [{"name": " "}]},
        {"contributors": [{"name": "A", "role": "king"}]},
        {"contributors": [{"name": "A"}] * 101},
        {"subjects": [{"scheme": "dewey", "code": "1"}]},
        {"subjects": [{"scheme": "thema", "code": "fm"}]},
        {"series_list": [{"title": ""}]},
    ],
)
async def test_malformed_lists_are_refused(
    client: AsyncClient, db_session: AsyncSession, wrong: dict[str, Any]
) -> None:
    headers = bearer(await make_user(db_session, role=Role.ADMIN))
    line = {"title": "Emma", "author": "Jane Austen", "price": "9.99"}
    response = await client.post("/api/v1/books", json=line | wrong, headers=headers)
    assert (response.status_code, response.json()["code"]) == (422, "VALIDATION_ERROR")
    assert await db_session.scalar(select(func.count()).select_from(Book)) == 0


async def test_a_book_that_comes_back_has_the_new_lists(db_session: AsyncSession) -> None:
    book = await create(db_session, isbn="9780141439518")
    await db_session.execute(update(Book).values(deleted_at=func.now()))
    again = await create(
        db_session,
        isbn="9780141439518",
        contributors=[{"name": "Jane Austen", "role": ContributorRole.AUTHOR}],
        series_list=[{"title": "Novels"}],
    )
    assert (again.id, again.author, again.series) == (book.id, "Jane Austen", "Novels")
    assert await people(db_session, again.work_id) == [("Jane Austen", "author")]
    with pytest.raises(ValueError, match="must not be null"):
        BookUpdate(contributors=None)
    assert await db_session.scalar(select(func.count()).select_from(SeriesMembership)) == 1


async def test_what_is_said_already_changes_nothing(db_session: AsyncSession) -> None:
    await create(db_session, series="Dune", publisher="Ace")
    rows = [
        (await db_session.scalars(select(model.id))).one()
        for model in (Contributor, Series, Publisher)
    ]
    await rename(db_session, rows[0])
    await rename(db_session, rows[0], name="Frank Herbert")
    await names.update_series(db_session, series_id=rows[1], title="Dune")
    await names.update_publisher(db_session, publisher_id=rows[2], name="Ace")
    book = (await service.list_books(db_session, query=BookQuery())).items[0]
    assert (book.author, book.series) == ("Frank Herbert", "Dune")
