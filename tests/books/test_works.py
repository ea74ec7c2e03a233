"""Staff who put editions together and apart."""

from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import event, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.books import picks, service, works
from app.books.errors import (
    EditionNotOfWorkError,
    WorkMergedWithItselfError,
    WorkNotFoundError,
    WorkWouldBeEmptyError,
)
from app.books.models import (
    Book,
    Contribution,
    Contributor,
    ContributorRole,
    MergedWork,
    SeriesMembership,
    StaffPick,
    Stock,
    Subject,
    SubjectScheme,
    Work,
    WorkAlias,
    WorkIdentifier,
    WorkSubject,
)
from app.books.schemas import BookCreate, BookRead
from app.core.findings import Finding
from app.core.pagination import PageQuery
from app.core.security import Role
from app.reviews.models import Review, ReviewStatus
from tests.factories import bearer, make_book, make_user, withdraw_book

UNKNOWN = 2**31 - 1


async def create(session: AsyncSession, **fields: Any) -> BookRead:
    details = {"title": "Dune", "author": "Frank Herbert", "price": "9.99", **fields}
    return await service.create_book(session, book=BookCreate(**details), currency="USD")


async def add_edition(session: AsyncSession, work_id: int, **fields: Any) -> int:
    details = {"work_id": work_id, "price": Decimal("5.00"), "currency": "USD", **fields}
    book_id = (await session.scalars(insert(Book).values(**details).returning(Book.id))).one()
    await session.execute(insert(Stock).values(book_id=book_id))
    return book_id


async def everything(session: AsyncSession) -> list[Any]:
    """Return all rows that a merge or a split could have touched."""
    session.expunge_all()
    models = (Work, Book, Contribution, SeriesMembership, WorkSubject, WorkIdentifier, WorkAlias)
    return [
        (
            await session.scalars(
                select(text(f"{table}::text")).select_from(text(table)).order_by(text("1"))
            )
        ).all()
        for table in (*(model.__tablename__ for model in models), "staff_picks", "merged_works")
    ]


async def test_a_merge_unites_what_is_known_of_works(db_session: AsyncSession) -> None:
    genre = await service.create_genre(db_session, name="Fantasy")
    kept = await create(
        db_session, title="Good Omens", author="Terry Pratchett", series="Discs", series_number="1"
    )
    other = await create(
        db_session,
        title="Good Omens!",
        author="PRATCHETT, Terry|Neil Gaiman",
        series="Omens",
        description="The end.",
        genre_id=genre.id,
    )
    third = await create(db_session, title="Omens, Good", author="Neil Gaiman", genre_id=genre.id)
    subjects = [
        Subject(scheme=SubjectScheme.THEMA, code="FM"),
        Subject(scheme=SubjectScheme.THEMA, code="FU"),
    ]
    narrator = Contributor(name="Martin Jarvis")
    db_session.add_all([*subjects, narrator])
    await db_session.flush()
    db_session.add_all(
        [
            WorkSubject(work_id=other.work_id, subject_id=subjects[0].id, is_main=True),
            WorkSubject(work_id=third.work_id, subject_id=subjects[0].id),
            WorkSubject(work_id=third.work_id, subject_id=subjects[1].id),
            WorkIdentifier(scheme="01", value="W7", work_id=other.work_id),
            StaffPick(work_id=third.work_id, note="Funny.", picked_by="Ada", position=3),
            StaffPick(work_id=other.work_id, note="Twice.", picked_by="Bo", position=5),
            Contribution(
                work_id=third.work_id,
                position=1,
                contributor_id=narrator.id,
                role=ContributorRole.NARRATOR,
            ),
        ]
    )
    for book, popularity in ((kept, 2**31 - 5), (other, 10), (third, 1)):
        await db_session.execute(
            update(Work).where(Work.id == book.work_id).values(popularity=popularity)
        )
        reader = await make_user(db_session)
        db_session.add(
            Review(
                user_id=reader.id,
                book_id=book.id,
                work_id=book.work_id,
                rating=4,
                status=ReviewStatus.PUBLISHED,
                verified_purchase=True,
            )
        )
    await db_session.commit()

    work = await works.merge_works(
        db_session, work_id=kept.work_id, other_ids=[third.work_id, other.work_id, third.work_id]
    )

    assert (work.id, work.title, work.description) == (kept.work_id, "Good Omens", "The end.")
    assert work.author == "Terry Pratchett, Neil Gaiman"
    assert [(person.name, person.role) for person in work.contributors] == [
        ("Terry Pratchett", "author"),
        ("Neil Gaiman", "author"),
        ("Martin Jarvis", "narrator"),
    ]
    assert (work.series, work.series_number) == ("Discs", "1")
    assert [(entry.title, entry.number) for entry in work.series_list] == [
        ("Discs", "1"),
        ("Omens", None),
    ]
    assert [(subject.code, subject.is_main) for subject in work.subjects] == [
        ("FM", True),
        ("FU", False),
    ]
    assert work.genre == genre
    assert (work.avg_rating, work.review_count) == (4.0, 3)
    assert [edition.id for edition in work.editions] == [kept.id, other.id, third.id]
    assert work.edition_count == 3
    assert await db_session.scalar(select(Work.popularity)) == 2**31 - 1
    pick = (await db_session.scalars(select(StaffPick))).one()
    assert (pick.work_id, pick.note, pick.picked_by, pick.position) == (
        kept.work_id,
        "Funny.\n\nTwice.",
        "Ada, Bo",
        3,
    )
    identifier = (await db_session.scalars(select(WorkIdentifier))).one()
    assert identifier.work_id == kept.work_id
    aliases = await db_session.execute(
        select(WorkAlias.work_id, WorkAlias.title, WorkAlias.author).order_by(WorkAlias.id)
    )
    assert aliases.all() == [
        (kept.work_id, "Good Omens!", "PRATCHETT, Terry"),
        (kept.work_id, "Omens, Good", "Neil Gaiman"),
    ]
    read = await service.get_book(db_session, book_id=third.id)
    assert (read.work_id, read.title) == (kept.work_id, "Good Omens")


async def test_a_work_without_people_and_series_takes_the_others(db_session: AsyncSession) -> None:
    bare = await make_book(db_session, title="Emma", author="Unknown")
    full = await create(db_session, title="Emma", author="Jane Austen", series="Novels")
    work = await works.merge_works(db_session, work_id=bare.work_id, other_ids=[full.work_id])
    assert (work.author, work.series) == ("Jane Austen", "Novels")


async def test_addresses_of_merged_works_lead_on(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    first, second, third = [(await make_book(db_session)).work_id for _ in range(3)]
    await works.merge_works(db_session, work_id=second, other_ids=[first])
    await works.merge_works(db_session, work_id=third, other_ids=[second])
    for old in (first, second):
        response = await client.get(f"/api/v1/works/{old}")
        assert (response.status_code, response.headers["Location"]) == (
            301,
            f"/api/v1/works/{third}",
        )
    assert (await client.get(f"/api/v1/works/{third}")).json()["edition_count"] == 3


async def test_a_split_makes_a_work_with_a_copy_of_the_facts(db_session: AsyncSession) -> None:
    book = await create(
        db_session,
        title="Emma",
        subtitle="A Novel",
        author="Jane Austen",
        series="Novels",
        series_number="4",
        description="Matches.",
    )
    subject = Subject(scheme=SubjectScheme.THEMA, code="FBC")
    db_session.add(subject)
    await db_session.flush()
    db_session.add_all(
        [
            WorkSubject(work_id=book.work_id, subject_id=subject.id, is_main=True),
            WorkIdentifier(scheme="01", value="W7", work_id=book.work_id),
            StaffPick(work_id=book.work_id, note="Kind.", picked_by="Ada"),
        ]
    )
    retelling = await add_edition(db_session, book.work_id)
    await db_session.execute(update(Work).values(popularity=7, rating_sum=9, rating_count=2))
    await db_session.commit()

    plain = await works.split_work(db_session, work_id=book.work_id, book_ids=[retelling])
    old = await works.get_work(db_session, work_id=book.work_id)

    assert plain.id != book.work_id
    assert [edition.id for edition in plain.editions] == [retelling]
    assert [edition.id for edition in old.editions] == [book.id]
    changed = {"id", "editions", "avg_rating", "review_count"}
    assert plain.model_dump(exclude=changed) == old.model_dump(exclude=changed)
    assert (plain.avg_rating, plain.review_count, old.review_count) == (None, 0, 2)
    rows = await db_session.execute(select(Work.popularity, Work.is_curated))
    assert rows.all() == [(7, False), (7, False)]
    for model in (WorkIdentifier, StaffPick):
        assert await db_session.scalar(select(model.work_id)) == book.work_id

    await works.merge_works(db_session, work_id=book.work_id, other_ids=[plain.id])
    named = await works.split_work(
        db_session, work_id=book.work_id, book_ids=[retelling], title="Emma: a retelling"
    )
    assert (named.title, named.subtitle, named.author) == (
        "Emma: a retelling",
        None,
        "Jane Austen",
    )
    assert named.editions[0].url == f"/books/{retelling}/emma-a-retelling-jane-austen"
    assert await db_session.scalar(select(Work.is_curated).where(Work.id == named.id))


@pytest.mark.parametrize(
    ("others", "error", "items"),
    [
        (("kept",), WorkMergedWithItselfError, None),
        (("other", "kept"), WorkMergedWithItselfError, None),
        (("other", UNKNOWN), WorkNotFoundError, [{"work_id": UNKNOWN}]),
    ],
)
async def test_merges_that_are_refused_change_nothing(
    db_session: AsyncSession,
    others: tuple[Any, ...],
    error: type[WorkNotFoundError],
    items: list[Any] | None,
) -> None:
    ids = {name: (await make_book(db_session)).work_id for name in ("kept", "other")}
    before = await everything(db_session)
    with pytest.raises(error) as refused:
        await works.merge_works(
            db_session, work_id=ids["kept"], other_ids=[ids.get(name, name) for name in others]
        )
    assert refused.value.field == "work_ids"
    assert refused.value.extra.get("items") == items
    assert await everything(db_session) == before


async def test_a_merge_into_nothing_is_refused(db_session: AsyncSession) -> None:
    book = await make_book(db_session)
    with pytest.raises(WorkNotFoundError):
        await works.merge_works(db_session, work_id=UNKNOWN, other_ids=[book.work_id])
    assert await db_session.scalar(select(Work.id)) == book.work_id


async def test_splits_that_are_refused_change_nothing(db_session: AsyncSession) -> None:
    book = await make_book(db_session)
    second = await add_edition(db_session, book.work_id)
    deleted = await add_edition(db_session, book.work_id)
    foreign = (await make_book(db_session)).id
    await db_session.commit()
    await withdraw_book(db_session, await db_session.get_one(Book, deleted))
    before = await everything(db_session)
    with pytest.raises(EditionNotOfWorkError) as refused:
        await works.split_work(
            db_session, work_id=book.work_id, book_ids=[second, UNKNOWN, foreign]
        )
    assert refused.value.extra == {"items": [{"book_id": foreign}, {"book_id": UNKNOWN}]}
    for all_of_it in ([book.id, second], [book.id, second, deleted]):
        with pytest.raises(WorkWouldBeEmptyError):
            await works.split_work(db_session, work_id=book.work_id, book_ids=all_of_it)
    with pytest.raises(WorkNotFoundError):
        await works.split_work(db_session, work_id=UNKNOWN, book_ids=[second])
    assert await everything(db_session) == before


async def test_works_as_json(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = bearer(await make_user(db_session, role=Role.ADMIN))
    one, two = [await make_book(db_session, copies=copies) for copies in (5, 0)]
    address = f"/api/v1/admin/works/{one.work_id}"
    merged = await client.post(
        f"{address}/merge", json={"work_ids": [two.work_id]}, headers=headers
    )
    assert merged.status_code == 200
    assert [edition["in_stock"] for edition in merged.json()["editions"]] == [True, False]
    split = await client.post(f"{address}/split", json={"book_ids": [two.id]}, headers=headers)
    assert split.status_code == 201
    read = await client.get(f"/api/v1/works/{split.json()['id']}")
    assert read.json() == split.json()
    everything_split = await client.post(
        f"{address}/split", json={"book_ids": [one.id]}, headers=headers
    )
    assert (everything_split.status_code, everything_split.json()["code"]) == (
        409,
        "WORK_WOULD_BE_EMPTY",
    )


@pytest.mark.parametrize(
    ("path", "body"), [("merge", {"work_ids": [2]}), ("split", {"book_ids": [2]})]
)
async def test_only_staff_change_works(
    client: AsyncClient, db_session: AsyncSession, path: str, body: dict[str, Any]
) -> None:
    address = f"/api/v1/admin/works/1/{path}"
    assert (await client.post(address, json=body)).status_code == 401
    reader = bearer(await make_user(db_session))
    assert (await client.post(address, json=body, headers=reader)).status_code == 403
    admin = bearer(await make_user(db_session, role=Role.ADMIN))
    name = next(iter(body))
    wrongs: list[dict[str, Any]] = [{}, {name: []}, {name: [0]}, body | {"x": 1}]
    for wrong in wrongs:
        assert (await client.post(address, json=wrong, headers=admin)).status_code == 422
    assert (await client.post(address, json=body, headers=admin)).status_code == 404


async def test_a_work_of_which_nothing_is_sold_is_for_staff(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_book(db_session)
    await withdraw_book(db_session, book)
    response = await client.get(f"/api/v1/works/{book.work_id}")
    assert (response.status_code, response.json()["code"]) == (404, "WORK_NOT_FOUND")
    work = await works.get_work(db_session, work_id=book.work_id, is_staff=True)
    assert [edition.is_sold for edition in work.editions] == [False]
    assert (await client.get(f"/api/v1/works/{UNKNOWN}")).status_code == 404
    assert await db_session.scalar(select(func.count()).select_from(MergedWork)) == 0


async def test_what_readers_keep_follows_a_book_into_its_new_work(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = bearer(await make_user(db_session))
    kept = await make_book(db_session, title="Emma", author="Jane Austen")
    book = await make_book(db_session, title="EMMA", author="Austen")
    for address in ("/api/v1/wishlist", "/api/v1/cart/items"):
        response = await client.post(address, json={"book_id": book.id}, headers=headers)
        assert response.status_code == 201
    await works.merge_works(db_session, work_id=kept.work_id, other_ids=[book.work_id])
    wished = (await client.get("/api/v1/wishlist", headers=headers)).json()
    assert [(item["book_id"], item["book"]["title"]) for item in wished] == [(book.id, "Emma")]
    cart = (await client.get("/api/v1/cart", headers=headers)).json()
    assert [item["book"]["author"] for item in cart["items"]] == ["Jane Austen"]


async def test_works_without_an_edition_are_found(db_session: AsyncSession) -> None:
    book = await make_book(db_session)
    await withdraw_book(db_session, book)
    assert await works.find_empty(db_session) == []
    statement = insert(Work).values(title="Emma", author="Jane Austen").returning(Work.id)
    work_id = (await db_session.scalars(statement)).one()
    assert await works.find_empty(db_session) == [
        Finding(
            invariant="every work has an edition",
            subject=f"work {work_id}",
            detail="no book is an edition of 'Emma'",
        )
    ]


async def test_works_and_picks_need_as_many_statements_for_one_row_as_for_many(
    test_engine: AsyncEngine, db_session: AsyncSession
) -> None:
    statements: list[str] = []

    def remember(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    book = await make_book(db_session)
    counts = {}
    for more in (0, 9, 91):
        for _ in range(more):
            await add_edition(db_session, book.work_id)
            other = (await make_book(db_session)).work_id
            db_session.add(StaffPick(work_id=other, note="Good.", picked_by="Nora"))
        await db_session.commit()
        event.listen(test_engine.sync_engine, "before_cursor_execute", remember)
        statements.clear()
        work = await works.get_work(db_session, work_id=book.work_id)
        listed = await picks.list_picks(db_session, query=PageQuery(size=100))
        event.remove(test_engine.sync_engine, "before_cursor_execute", remember)
        counts[len(work.editions), work.edition_count, len(listed.items)] = len(statements)
    assert list(counts) == [(1, 1, 0), (10, 10, 9), (100, 101, 100)]
    assert len(set(counts.values())) == 1
