"""The contract of reviews: writing, reading, changing, deleting, and staff who look after them."""

import json
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import AuditEntry
from app.books.models import Book
from app.check import check_in
from app.core.config import Moderation, Reviewers, get_settings
from app.core.rights import Right
from app.orders.models import OrderStatus
from app.users.models import User
from tests.factories import bearer, make_book, make_user
from tests.reviews.buying import buy

API = "/api/v1"
TORTURE = Path(__file__).parents[3] / "shared/data/text/blns.json"


@pytest.fixture
def moderated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Staff look at reviews before they are public."""
    monkeypatch.setattr(get_settings(), "review_moderation", Moderation.BEFORE)


async def make_buyer(session: AsyncSession, book: Book) -> User:
    reader = await make_user(session)
    await buy(session, user_id=reader.id, book_id=book.id)
    return reader


async def write(client: AsyncClient, reader: User, book_id: int, **body: Any) -> dict[str, Any]:
    response = await client.post(
        f"{API}/books/{book_id}/reviews", json={"rating": 4} | body, headers=bearer(reader)
    )
    assert response.status_code == 201, response.text
    review: dict[str, Any] = response.json()
    return review


async def ratings(client: AsyncClient, book_id: int) -> tuple[float | None, int, list[int]]:
    book = (await client.get(f"{API}/books/{book_id}")).json()
    return book["avg_rating"], book["review_count"], book["rating_histogram"]


async def test_a_review_from_writing_to_writing_again(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, title="Emma", author="Jane Austen")
    reader = await make_buyer(db_session, book)
    await db_session.execute(update(User).where(User.id == reader.id).values(full_name="Ada"))
    review = await write(client, reader, book.id, text=" Handsome,\r\nclever\u0007 and rich ")
    assert review == {
        "id": review["id"],
        "book_id": book.id,
        "user_id": reader.id,
        "rating": 4,
        "text": "Handsome,\nclever and rich",
        "verified_purchase": True,
        "status": "published",
        "created_at": review["created_at"],
        "updated_at": review["updated_at"],
        "author": {"user_id": reader.id, "display_name": "Ada", "avatar_url": None},
        "book": {"book_id": book.id, "title": "Emma", "cover_image_url": None},
    }
    path = f"{API}/reviews/{review['id']}"
    assert (await client.get(path)).json() == review
    listed = (await client.get(f"{API}/books/{book.id}/reviews?page=1&size=5")).json()
    assert (listed["items"], listed["total"], listed["page"], listed["size"]) == ([review], 1, 1, 5)
    assert await ratings(client, book.id) == (4.0, 1, [0, 0, 0, 1, 0])

    again = await client.post(
        f"{API}/books/{book.id}/reviews", json={"rating": 1}, headers=bearer(reader)
    )
    assert (again.status_code, again.json()["code"]) == (409, "DUPLICATE_REVIEW")
    assert again.json()["existing_review_id"] == review["id"]

    changed = await client.patch(path, json={"rating": 2}, headers=bearer(reader))
    assert (changed.json()["rating"], changed.json()["text"]) == (2, "Handsome,\nclever and rich")
    cleared = await client.patch(path, json={"text": None}, headers=bearer(reader))
    assert (cleared.json()["rating"], cleared.json()["text"]) == (2, None)
    assert await ratings(client, book.id) == (2.0, 1, [0, 1, 0, 0, 0])

    assert (await client.delete(path, headers=bearer(reader))).status_code == 204
    for gone in (
        await client.get(path),
        await client.delete(path, headers=bearer(reader)),
        await client.patch(path, json={"rating": 1}, headers=bearer(reader)),
    ):
        assert (gone.status_code, gone.json()["code"]) == (404, "REVIEW_NOT_FOUND")
    assert await ratings(client, book.id) == (None, 0, [0, 0, 0, 0, 0])
    anew = await write(client, reader, book.id, rating=5)
    assert anew["id"] != review["id"]
    assert await ratings(client, book.id) == (5.0, 1, [0, 0, 0, 0, 1])
    mine = (await client.get(f"{API}/account/reviews", headers=bearer(reader))).json()
    assert [one["id"] for one in mine] == [anew["id"]]


async def test_only_buyers_write_unless_the_shop_is_open_to_readers(
    client: AsyncClient, db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = await make_book(db_session)
    reader = await make_user(db_session)
    await buy(db_session, user_id=reader.id, book_id=book.id, status=OrderStatus.PENDING)
    await buy(db_session, user_id=reader.id, book_id=book.id, status=OrderStatus.CANCELLED)
    await buy(db_session, user_id=reader.id, book_id=book.id, sent=1, returned=1)
    path = f"{API}/books/{book.id}/reviews"
    refused = await client.post(path, json={"rating": 4}, headers=bearer(reader))
    assert (refused.status_code, refused.json()["code"]) == (403, "NOT_PURCHASED")
    monkeypatch.setattr(get_settings(), "reviews_from", Reviewers.READERS)
    assert (await write(client, reader, book.id))["verified_purchase"] is False


async def test_editions_share_a_readers_review(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_book(db_session)
    other = await make_book(db_session)
    await db_session.execute(update(Book).where(Book.id == other.id).values(work_id=book.work_id))
    await db_session.commit()
    reader = await make_buyer(db_session, book)
    review = await write(client, reader, other.id, rating=3)
    assert review["verified_purchase"]
    refused = await client.post(
        f"{API}/books/{book.id}/reviews", json={"rating": 4}, headers=bearer(reader)
    )
    assert refused.json()["existing_review_id"] == review["id"]
    assert (
        await ratings(client, book.id)
        == await ratings(client, other.id)
        == (
            3.0,
            1,
            [0, 0, 1, 0, 0],
        )
    )


async def test_refusals(client: AsyncClient, db_session: AsyncSession) -> None:
    book = await make_book(db_session)
    reader, stranger = await make_buyer(db_session, book), await make_buyer(db_session, book)
    path = f"{API}/books/{book.id}/reviews"
    missing = await client.post(
        f"{API}/books/999999/reviews", json={"rating": 4}, headers=bearer(reader)
    )
    assert (missing.status_code, missing.json()["code"]) == (404, "BOOK_NOT_FOUND")
    assert (await client.get(f"{API}/books/999999/reviews")).status_code == 404
    for body in (
        {},
        {"rating": 0},
        {"rating": 6},
        {"rating": 4.5},
        {"rating": True},
        {"rating": 4, "text": "x" * 2001},
        {"rating": 4, "verified_purchase": True},
        {"rating": 4, "status": "published"},
    ):
        response = await client.post(path, json=body, headers=bearer(reader))
        assert response.status_code == 422, body
    review = await write(client, reader, book.id, text="x" * 2000)
    own = f"{API}/reviews/{review['id']}"
    for foreign in (
        await client.patch(own, json={"rating": 1}, headers=bearer(stranger)),
        await client.delete(own, headers=bearer(stranger)),
    ):
        assert (foreign.status_code, foreign.json()["code"]) == (403, "NOT_REVIEW_OWNER")
    assert (await client.post(path, json={"rating": 4})).status_code == 401


async def test_the_public_name_is_never_an_address(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_book(db_session)
    reader = await make_buyer(db_session, book)
    for name in (None, reader.email, "me@home"):
        await db_session.execute(update(User).where(User.id == reader.id).values(full_name=name))
        await db_session.commit()
        review = await write(client, reader, book.id)
        assert review["author"]["display_name"] == "Reader"
        public = (await client.get(f"{API}/books/{book.id}/reviews")).text
        assert reader.email.partition("@")[0] not in public
        await client.delete(f"{API}/reviews/{review['id']}", headers=bearer(reader))


@pytest.mark.usefixtures("moderated")
async def test_staff_look_first(client: AsyncClient, db_session: AsyncSession) -> None:
    book = await make_book(db_session)
    reader, other = await make_buyer(db_session, book), await make_user(db_session)
    staff = await make_user(db_session, rights=[Right.REVIEWS])
    review = await write(client, reader, book.id)
    own, path = f"{API}/reviews/{review['id']}", f"{API}/admin/reviews/{review['id']}"
    assert review["status"] == "pending"

    async def seen() -> list[int]:
        return [
            (await client.get(own, headers=headers)).status_code
            for headers in ({}, bearer(other), bearer(reader), bearer(staff))
        ]

    assert await seen() == [404, 404, 200, 200]
    foreign = await client.patch(own, json={"rating": 1}, headers=bearer(other))
    assert foreign.status_code == 404
    assert await ratings(client, book.id) == (None, 0, [0] * 5)
    for _ in range(2):
        approved = await client.post(f"{path}/approve", headers=bearer(staff))
        assert (approved.status_code, approved.json()["status"]) == (200, "published")
    assert await seen() == [200] * 4
    assert await ratings(client, book.id) == (4.0, 1, [0, 0, 0, 1, 0])
    edited = await client.patch(own, json={"text": "Else."}, headers=bearer(reader))
    assert edited.json()["status"] == "pending"
    assert (await ratings(client, book.id))[1] == 0

    hidden = await client.post(f"{path}/hide", json={"reason": "Rude."}, headers=bearer(staff))
    assert (hidden.json()["status"], hidden.json()["hidden_reason"]) == ("hidden", "Rude.")
    edited = await client.patch(own, json={"text": "Kind."}, headers=bearer(reader))
    assert edited.json()["status"] == "hidden"
    assert "reason" not in edited.text
    assert await seen() == [404, 404, 200, 200]
    assert (await client.delete(own, headers=bearer(staff))).status_code == 204
    missing = await client.post(f"{path}/approve", headers=bearer(staff))
    assert (missing.status_code, missing.json()["code"]) == (404, "REVIEW_NOT_FOUND")
    acts = (
        await db_session.execute(
            select(AuditEntry.action, AuditEntry.before, AuditEntry.after).order_by(AuditEntry.id)
        )
    ).all()
    assert [act.action for act in acts] == [
        "review.approve",
        "review.approve",
        "review.hide",
        "review.delete",
    ]
    assert acts[2].after == {"status": "hidden", "hidden_reason": "Rude."}
    assert acts[3].before["text"] == "Kind."


async def test_staff_look_after_many(client: AsyncClient, db_session: AsyncSession) -> None:
    book, other = await make_book(db_session, title="One"), await make_book(db_session)
    staff = await make_user(db_session, rights=[Right.REVIEWS])
    reviews = [
        await write(client, await make_buyer(db_session, book), book.id, rating=stars)
        for stars in (5, 1, 3)
    ]
    reviews.append(await write(client, await make_buyer(db_session, other), other.id, rating=2))
    ids = [review["id"] for review in reviews]
    path = f"{API}/admin/reviews"

    async def listed(query: str) -> list[int]:
        page = (await client.get(f"{path}?{query}", headers=bearer(staff))).json()
        assert page["total_count"] == len(page["items"])
        return [item["rating"] for item in page["items"]]

    assert await listed("") == [2, 3, 1, 5]
    assert await listed("sort_by=rating&sort_dir=asc") == [1, 2, 3, 5]
    assert await listed(f"book_id={book.id}&sort_by=rating&rating_min=2&rating_max=4") == [3]
    assert await listed(f"user_id={reviews[0]['user_id']}") == [5]
    first = await client.get(f"{path}?per_page=3", headers=bearer(staff))
    assert first.json()["total_pages"] == 2
    item = first.json()["items"][-1]
    assert item["book"] == {"book_id": book.id, "title": "One"}
    assert item["author"] == {"user_id": reviews[1]["user_id"], "display_name": "Reader"}

    async def act(method: str, rest: str, **body: Any) -> Any:
        response = await client.request(
            method, f"{path}/bulk{rest}", json={"review_ids": ids} | body, headers=bearer(staff)
        )
        return response.json() if response.status_code == 200 else response.status_code

    assert await act("POST", "/hide", reason="Spam") == {"changed_count": 4}
    assert await act("POST", "/hide", reason="Spam") == {"changed_count": 0}
    assert (await ratings(client, book.id))[1] == 0
    assert await act("POST", "/approve") == {"changed_count": 4}
    assert await ratings(client, book.id) == (3.0, 3, [1, 0, 1, 0, 1])
    assert await act("DELETE", "", review_ids=[]) == 422
    assert await act("DELETE", "", review_ids=list(range(1, 52))) == 422
    assert await act("DELETE", "", review_ids=[*ids[:2], 999999]) == {"deleted_count": 2}
    assert await act("DELETE", "") == {"deleted_count": 2}
    assert await listed("") == []
    entries = (await db_session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
    assert [entry.action for entry in entries] == [
        "review.hide_many",
        "review.hide_many",
        "review.approve_many",
        "review.delete_many",
        "review.delete_many",
    ]
    assert entries[0].after == {"review_ids": sorted(ids), "reason": "Spam"}


async def test_any_text_is_kept_as_typed(client: AsyncClient, db_session: AsyncSession) -> None:
    book = await make_book(db_session)
    reader = await make_buyer(db_session, book)
    review = await write(client, reader, book.id)
    path = f"{API}/reviews/{review['id']}"
    for text in json.loads(TORTURE.read_text()):
        changed = await client.patch(path, json={"text": text}, headers=bearer(reader))
        assert changed.status_code == 200, text
        stored = changed.json()["text"] or ""
        assert not any(ord(letter) < 32 and letter not in "\t\n" for letter in stored)
        assert (await client.get(path)).json()["text"] == changed.json()["text"]
        again = await client.patch(path, json={"text": stored}, headers=bearer(reader))
        assert again.json()["text"] == changed.json()["text"], "cleaning twice changes nothing"
    assert [found for found in await check_in(db_session) if "rating" in found.invariant] == []
