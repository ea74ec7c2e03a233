"""Many requests at once, each on a connection of its own, committed for real."""

import asyncio
from collections import Counter

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Work
from app.core.rights import Right
from app.main import app
from app.reviews.invariants import find_breaches
from app.reviews.models import Review
from tests.factories import bearer, make_book, make_user
from tests.reviews.buying import buy

API = "/api/v1"
AT_ONCE = 20


def new_client() -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app=app), base_url="http://test")


@pytest.mark.parametrize("attempt", range(3))
async def test_of_many_reviews_of_one_reader_one_is_written(
    committed: AsyncSession, attempt: int
) -> None:
    book = await make_book(committed)
    reader = await make_user(committed)
    await buy(committed, user_id=reader.id, book_id=book.id)
    async with new_client() as client:
        answers = await asyncio.gather(
            *(
                client.post(
                    f"{API}/books/{book.id}/reviews",
                    json={"rating": 1 + (number + attempt) % 5},
                    headers=bearer(reader),
                )
                for number in range(AT_ONCE)
            )
        )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: AT_ONCE - 1}
    [review] = (await committed.scalars(select(Review))).all()
    told = {answer.json().get("existing_review_id", review.id) for answer in answers}
    assert told == {review.id}
    assert await find_breaches(committed) == []


async def test_ratings_hold_while_readers_and_staff_act_at_once(committed: AsyncSession) -> None:
    book, other = await make_book(committed), await make_book(committed)
    staff = await make_user(committed, rights=[Right.REVIEWS, Right.CATALOGUE])
    readers = [await make_user(committed) for _ in range(AT_ONCE)]
    for reader in readers:
        await buy(committed, user_id=reader.id, book_id=book.id)
        await buy(committed, user_id=reader.id, book_id=other.id)
    async with new_client() as client:

        async def act(number: int) -> list[int]:
            headers = bearer(readers[number])
            path = f"{API}/books/{(book, other)[number % 2].id}/reviews"
            written = await client.post(path, json={"rating": 1 + number % 5}, headers=headers)
            own = f"{API}/reviews/{written.json()['id']}"
            edited = await client.patch(own, json={"rating": 5}, headers=headers)
            codes = [written.status_code, edited.status_code]
            if number % 3 == 0:
                codes.append((await client.delete(own, headers=headers)).status_code)
            return codes

        async def merge() -> list[int]:
            answer = await client.post(
                f"{API}/admin/works/{book.work_id}/merge",
                json={"work_ids": [other.work_id]},
                headers=bearer(staff),
            )
            return [answer.status_code]

        async def hide() -> list[int]:
            listed = await client.get(f"{API}/admin/reviews", headers=bearer(staff))
            ids = [item["id"] for item in listed.json()["items"]] or [1]
            answer = await client.request(
                "POST",
                f"{API}/admin/reviews/bulk/hide",
                json={"review_ids": ids, "reason": "Rude."},
                headers=bearer(staff),
            )
            return [answer.status_code]

        first = await asyncio.gather(*map(act, range(AT_ONCE // 2)), hide())
        rest = await asyncio.gather(*map(act, range(AT_ONCE // 2, AT_ONCE)), merge(), hide())
    codes = Counter(code for answer in (*first, *rest) for code in answer)
    assert codes.keys() <= {200, 201, 204}, codes
    assert await find_breaches(committed) == []
    [work] = (await committed.scalars(select(Work))).all()
    assert work.id == book.work_id
