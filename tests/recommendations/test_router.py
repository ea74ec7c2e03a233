"""What is recommended beside a book, and the lists, as JSON."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import request_time
from app.main import app
from app.recommendations.refreshing import refresh_also_bought, refresh_bestsellers
from app.recommendations.service import GROUP_BOOKS
from tests.recommendations.buying import DAY, NOW, add_edition, buy, make_books

API = "/api/v1"
TODAY = date(2026, 3, 1)
LONG_AGO = date(1999, 1, 1)


@pytest.fixture(autouse=True)
def at_noon() -> Any:
    """Have every request come at ``NOW``."""

    async def noon() -> datetime:
        return NOW

    app.dependency_overrides[request_time] = noon
    yield
    app.dependency_overrides.pop(request_time, None)


async def groups(client: AsyncClient, book_id: int) -> dict[str, list[tuple[int, str]]]:
    response = await client.get(f"{API}/books/{book_id}/recommendations")
    assert response.status_code == 200, response.text
    return {
        group["kind"]: [(item["id"], item["reason"]) for item in group["items"]]
        for group in response.json()
    }


async def listed(client: AsyncClient, name: str, query: str = "") -> list[int]:
    response = await client.get(f"{API}/lists/{name}{query}")
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json()["items"]]


async def let_readers_buy(session: AsyncSession, *book_ids: int, readers: int = 3) -> None:
    for number in range(readers):
        await buy(session, book_ids, email=f"reader{number}@example.com")
    (else_,) = await make_books(session, 1)
    for number in range(20):
        await buy(session, [else_], email=f"crowd{number}@example.com")
    await refresh_also_bought(session, now=NOW)
    await session.commit()


async def withdraw(session: AsyncSession, book_id: int, change: str) -> None:
    statement = f"UPDATE books SET {change} WHERE id = :id"  # noqa: S608 (from this file)
    await session.execute(text(statement), {"id": book_id})
    await session.commit()


async def test_readers_also_bought(client: AsyncClient, db_session: AsyncSession) -> None:
    one, other = await make_books(db_session, 2)
    await let_readers_buy(db_session, one, other, readers=4)
    response = await client.get(f"{API}/books/{one}/recommendations")
    (group,) = response.json()
    assert group["kind"] == "also_bought"
    assert group["title"] == "Readers also bought"
    (item,) = group["items"]
    book = (await client.get(f"{API}/books?q=volume")).json()["items"]
    (summary,) = [found for found in book if found["id"] == other]
    assert item == summary | {"reason": "4 readers of this book also chose it"}


@pytest.mark.parametrize(
    "change",
    ["deleted_at = now()", "price = NULL", "on_sale_date = CURRENT_DATE + 2"],
)
async def test_a_book_that_is_withdrawn_vanishes_at_once(
    client: AsyncClient, db_session: AsyncSession, change: str
) -> None:
    one, other = await make_books(db_session, 2)
    await let_readers_buy(db_session, one, other)
    assert await groups(client, one)
    await withdraw(db_session, other, change)
    assert await groups(client, one) == {}


async def test_a_book_that_is_sold_out_vanishes_at_once(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    one, other = await make_books(db_session, 2)
    await let_readers_buy(db_session, one, other)
    await db_session.execute(
        text("UPDATE stock SET on_hand = 0, sold = 5 WHERE book_id = :id"), {"id": other}
    )
    await db_session.commit()
    assert await groups(client, one) == {}


async def test_a_book_that_may_not_be_sold_here_is_not_recommended(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    one, other = await make_books(db_session, 2)
    await let_readers_buy(db_session, one, other)
    await db_session.execute(
        text("INSERT INTO sales_rights (book_id, type_code, countries) VALUES (:id, '03', '{US}')"),
        {"id": other},
    )
    await db_session.commit()
    assert await groups(client, one) == {}


async def test_another_edition_stands_in_for_one_that_is_sold_out(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    one, other = await make_books(db_session, 2)
    await let_readers_buy(db_session, one, other)
    hardback = await add_edition(db_session, other)
    await withdraw(db_session, other, "deleted_at = now()")
    reason = "3 readers of this book also chose it"
    assert await groups(client, one) == {"also_bought": [(hardback, reason)]}


async def test_no_recommendations_of_a_book_that_is_not_sold(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    (one,) = await make_books(db_session, 1)
    await withdraw(db_session, one, "deleted_at = now()")
    for book_id in (one, 2**31 - 1):
        response = await client.get(f"{API}/books/{book_id}/recommendations")
        assert response.status_code == 404
        assert response.json()["code"] == "BOOK_NOT_FOUND"


async def put_into_series(session: AsyncSession, title: str, numbers: dict[int, str]) -> None:
    series = await session.scalar(
        text("INSERT INTO series (title) VALUES (:title) RETURNING id"), {"title": title}
    )
    for book_id, number in numbers.items():
        await session.execute(
            text(
                "INSERT INTO series_memberships (work_id, position, series_id, number)"
                " SELECT work_id, 0, :series, :number FROM books WHERE id = :id"
            ),
            {"series": series, "number": number, "id": book_id},
        )
    await session.commit()


async def test_next_in_series_by_number(client: AsyncClient, db_session: AsyncSession) -> None:
    books = await make_books(db_session, 6)
    numbers = ("2", "10", "2,5", "1", "Prologue", "3b")
    await put_into_series(db_session, "Saga", dict(zip(books, numbers, strict=True)))
    assert await groups(client, books[0]) == {
        "next_in_series": [
            (books[2], "Saga, no. 2,5"),
            (books[5], "Saga, no. 3b"),
            (books[1], "Saga, no. 10"),
        ]
    }
    assert await groups(client, books[1]) == {}
    assert await groups(client, books[4]) == {}


async def let_write(session: AsyncSession, name: str, book_ids: list[int], role: str) -> None:
    person = await session.scalar(
        text(
            "INSERT INTO contributors (name) VALUES (:name)"
            " ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id"
        ),
        {"name": name},
    )
    await session.execute(
        text(
            "INSERT INTO contributions (work_id, position, contributor_id, role)"
            " SELECT work_id, 9 - :person % 9, :person, :role FROM books WHERE id = ANY(:ids)"
        ),
        {"person": person, "role": role, "ids": book_ids},
    )
    await session.commit()


async def test_more_by_the_author(client: AsyncClient, db_session: AsyncSession) -> None:
    mine, famous, rest, translated = await make_books(db_session, 4)
    await let_write(db_session, "Ann", [mine, famous, rest], "author")
    await let_write(db_session, "Bob", [mine, translated], "translator")
    await db_session.execute(
        text(
            "UPDATE works SET popularity = 7 WHERE id = (SELECT work_id FROM books WHERE id = :id)"
        ),
        {"id": famous},
    )
    await db_session.commit()
    assert await groups(client, mine) == {
        "same_author": [(famous, "Also by Ann"), (rest, "Also by Ann")]
    }


async def say_about(session: AsyncSession, code: str, heading: str, book_ids: list[int]) -> None:
    subject = await session.scalar(
        text(
            "INSERT INTO subjects (scheme, code, heading) VALUES ('thema', :code, :heading)"
            " RETURNING id"
        ),
        {"code": code, "heading": heading},
    )
    await session.execute(
        text(
            "INSERT INTO work_subjects (work_id, subject_id)"
            " SELECT work_id, :subject FROM books WHERE id = ANY(:ids)"
        ),
        {"subject": subject, "ids": book_ids},
    )
    await session.commit()


async def test_rare_subjects_weigh_more(client: AsyncClient, db_session: AsyncSession) -> None:
    one, rarely, often, both, *others = await make_books(db_session, 12)
    await say_about(db_session, "WNJ", "Bees", [one, rarely, both])
    await say_about(db_session, "FBA", "Fiction", [one, often, both, *others])
    (found,) = (await groups(client, one)).values()
    assert found[:2] == [(both, "Also about: Bees"), (rarely, "Also about: Bees")]
    assert {reason for _, reason in found[2:]} == {"Also about: Fiction"}
    assert len(found) == GROUP_BOOKS


async def test_no_work_is_in_two_groups(client: AsyncClient, db_session: AsyncSession) -> None:
    one, two, three = await make_books(db_session, 3)
    await put_into_series(db_session, "Saga", {one: "1", two: "2"})
    await let_write(db_session, "Ann", [one, two, three], "author")
    await let_readers_buy(db_session, one, two)
    assert await groups(client, one) == {
        "next_in_series": [(two, "Saga, no. 2")],
        "same_author": [(three, "Also by Ann")],
    }


async def test_the_lists_are_told(client: AsyncClient) -> None:
    found = (await client.get(f"{API}/lists")).json()
    names = ["bestsellers-week", "bestsellers-month", "new", "coming-soon", "staff-picks"]
    assert [item["name"] for item in found] == names
    for name in names:
        assert await listed(client, name) == []


async def test_no_such_list(client: AsyncClient) -> None:
    response = await client.get(f"{API}/lists/worst")
    assert response.status_code == 404
    assert response.json()["code"] == "LIST_NOT_FOUND"


async def test_bestsellers_at_the_edges_of_their_time(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    instant = timedelta(microseconds=1)
    moments = (
        NOW,
        NOW + instant,
        NOW - 7 * DAY,
        NOW - 7 * DAY - instant,
        NOW - 30 * DAY,
        NOW - 30 * DAY - instant,
    )
    books = await make_books(db_session, len(moments))
    for book_id, at in zip(books, moments, strict=True):
        await buy(db_session, [book_id], email="ada@example.com", at=at)
    await refresh_bestsellers(db_session, now=NOW)
    assert await listed(client, "bestsellers-week") == [books[0], books[2]]
    assert await listed(client, "bestsellers-month") == [books[0], books[2], books[3], books[4]]


async def test_bestsellers_count_copies_that_were_kept(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    few, many, returned, unpaid = await make_books(db_session, 4)
    await buy(db_session, [few], email="ada@example.com", copies=3)
    await buy(db_session, [many], email="ada@example.com", copies=9, returned=2, dropped=2)
    await buy(db_session, [returned], email="ada@example.com", copies=9, returned=9)
    await buy(db_session, [unpaid], email="ada@example.com", copies=9, payment="due")
    await refresh_bestsellers(db_session, now=NOW)
    response = await client.get(f"{API}/lists/bestsellers-week")
    items = response.json()["items"]
    assert [(item["rank"], item["id"]) for item in items] == [(1, many), (2, few)]
    copies = await db_session.scalars(
        text("SELECT copies FROM bestsellers WHERE period = 'week' ORDER BY rank")
    )
    assert copies.all() == [5, 3]


async def test_a_bestseller_is_shown_by_the_edition_that_sells_best(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    paperback, other = await make_books(db_session, 2)
    hardback = await add_edition(db_session, paperback)
    await buy(db_session, [paperback], email="ada@example.com", copies=2)
    await buy(db_session, [hardback], email="ada@example.com", copies=3)
    await buy(db_session, [other], email="ada@example.com", copies=4)
    await refresh_bestsellers(db_session, now=NOW)
    await db_session.commit()
    assert await listed(client, "bestsellers-week") == [hardback, other]
    await withdraw(db_session, hardback, "deleted_at = now()")
    assert await listed(client, "bestsellers-week") == [other]
    await refresh_bestsellers(db_session, now=NOW)
    assert await listed(client, "bestsellers-week") == [other, paperback]


async def test_bestsellers_come_in_pages(client: AsyncClient, db_session: AsyncSession) -> None:
    books = await make_books(db_session, 5)
    for copies, book_id in enumerate(reversed(books), 1):
        await buy(db_session, [book_id], email="ada@example.com", copies=copies)
    await refresh_bestsellers(db_session, now=NOW)
    first = (await client.get(f"{API}/lists/bestsellers-week?size=2")).json()
    assert (first["total"], first["total_is_exact"]) == (5, True)
    cursor = first["next_cursor"]
    assert await listed(client, "bestsellers-week", f"?size=2&cursor={cursor}") == books[2:4]
    assert await listed(client, "bestsellers-week", "?size=2&page=3") == books[4:]
    foreign = await client.get(f"{API}/lists/bestsellers-month?cursor={cursor}")
    assert foreign.status_code == 422


async def publish(
    session: AsyncSession, book_ids: list[int], day: date | None, precision: str = "day"
) -> None:
    await session.execute(
        text(
            "UPDATE books SET publish_date = :day, publish_date_precision = :precision"
            " WHERE id = ANY(:ids)"
        ),
        {"day": day, "precision": precision, "ids": book_ids},
    )
    await session.commit()


async def test_new_and_coming_books_at_the_edges(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    days = (
        TODAY - 61 * DAY,
        TODAY - 60 * DAY,
        TODAY,
        TODAY + DAY,
        TODAY + 120 * DAY,
        TODAY + 121 * DAY,
    )
    books = await make_books(db_session, len(days))
    for book_id, day in zip(books, days, strict=True):
        await publish(db_session, [book_id], day)
    assert await listed(client, "new") == [books[2], books[1]]
    assert await listed(client, "coming-soon") == [books[3], books[4]]


async def test_a_book_of_which_only_the_year_is_known_is_not_new(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    year, month, withdrawn = await make_books(db_session, 3)
    await publish(db_session, [year], date(2026, 1, 1), "year")
    await publish(db_session, [month], date(2026, 2, 1), "month")
    await publish(db_session, [withdrawn], date(2026, 2, 1))
    await withdraw(db_session, withdrawn, "deleted_at = now()")
    assert await listed(client, "new") == [month]


async def test_of_a_work_one_new_edition_is_shown(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    (old,) = await make_books(db_session, 1)
    editions = [await add_edition(db_session, old) for _ in range(2)]
    await publish(db_session, [old], LONG_AGO)
    await publish(db_session, editions, TODAY - DAY)
    assert await listed(client, "new") == editions[:1]
    await withdraw(db_session, editions[0], "price = NULL")
    assert await listed(client, "new") == editions[1:]


async def test_staff_picks_come_with_their_notes(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    books = await make_books(db_session, 2)
    for position, book_id in enumerate(books):
        await db_session.execute(
            text(
                "INSERT INTO staff_picks (work_id, note, picked_by, position)"
                " SELECT work_id, 'Read it.', 'Ann', :position FROM books WHERE id = :id"
            ),
            {"position": position, "id": book_id},
        )
    await db_session.commit()
    items = (await client.get(f"{API}/lists/staff-picks")).json()["items"]
    told = [(item["id"], item["note"], item["picked_by"], item["rank"]) for item in items]
    assert told == [(book_id, "Read it.", "Ann", None) for book_id in books]
