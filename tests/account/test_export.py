"""A copy of everything that the shop keeps of a reader."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from httpx import ASGITransport, AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.account.export import export_account
from app.core.config import get_settings
from app.main import app
from app.notifications.service import write_mail
from app.orders.models import OrderStatus
from app.prebooks.service import add_prebook
from app.promotions import gift_cards
from app.reviews.models import Review, ReviewStatus
from app.users.deps import SESSION
from app.users.models import User
from app.users.sessions import start_session
from app.users.tokens import start_family
from app.wishlist.service import add_item
from tests.account.test_addresses import HOME, PATH
from tests.factories import bearer, make_book, withdraw_book
from tests.orders.test_buyers import ADDRESS, place
from tests.users.readers import make_reader

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def export(user: User) -> dict[str, Any]:
    parts = [part async for part in export_account(user_id=user.id, now=NOW)]
    document: dict[str, Any] = json.loads(b"".join(parts))
    return document


async def test_an_empty_account_is_a_whole_document(committed: AsyncSession) -> None:
    user = await make_reader(committed)
    document = await export(user)
    assert document["format"] == 1
    assert document["exported_at"] == NOW.isoformat()
    assert document["account"]["email"] == "ada@example.com"
    lists = ["addresses", "sign_ins", "basket", "wish_list", "waiting_list", "orders"]
    lists += ["checkouts", "messages", "reviews"]
    assert {name: document[name] for name in lists} == {name: [] for name in lists}
    assert document["connected_accounts"] == []
    assert document["two_step_sign_in"]["is_on"] is False
    assert document.keys() == {
        *("format", "exported_at", "account", "connected_accounts", "two_step_sign_in"),
        *lists,
    }


async def test_everything_is_in_it_and_nothing_of_others(committed: AsyncSession) -> None:
    user, other = await make_reader(committed), await make_reader(committed, "other@example.com")
    settings = get_settings()
    wished, awaited = (
        await make_book(committed, title="Wished"),
        await make_book(committed, copies=0),
    )
    for reader in (user, other):
        await start_session(committed, user_id=reader.id, now=NOW, lifetime=timedelta(days=1))
        await start_family(
            committed, user_id=reader.id, role=reader.role, now=NOW, settings=settings
        )
        await add_item(committed, user_id=reader.id, book_id=wished.id)
        await add_prebook(committed, user_id=reader.id, book_id=awaited.id)
        await place(committed, user=reader, email=reader.email, status=OrderStatus.DECLINED)
        await place(committed, user=reader, email=reader.email, idempotency_key="second")
        committed.add(
            Review(
                user_id=reader.id,
                book_id=wished.id,
                work_id=wished.work_id,
                rating=4,
                text=f"By {reader.email}.",
                status=ReviewStatus.HIDDEN,
                verified_purchase=True,
                hidden_reason="Rude.",
            )
        )
        await write_mail(
            committed,
            event_id=uuid4(),
            recipient=reader.email,
            template="password_changed",
            values={},
            settings=settings,
        )
    await committed.commit()
    await withdraw_book(committed, wished)
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://test") as client:
        await client.post(PATH, json=HOME, headers=bearer(user))
        body = {"book_id": (await make_book(committed)).id, "quantity": 2}
        await client.post("/api/v1/cart/items", json=body, headers=bearer(user))
        answer = await client.get("/api/v1/account/export", headers=bearer(user))
        assert (await client.get("/api/v1/account/export")).status_code == 401
        token = await start_session(
            committed, user_id=user.id, now=datetime.now(UTC), lifetime=timedelta(days=1)
        )
        await committed.commit()
        client.cookies.set(SESSION.name(settings), token)
        page = await client.get("/account/export")

    assert answer.headers["Content-Disposition"] == 'attachment; filename="my-account.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    document = answer.json()
    of_the_page = page.json()
    assert len(of_the_page.pop("sign_ins")) == 1 + len(document["sign_ins"])
    same = document.keys() - {"sign_ins", "exported_at"}
    assert {name: of_the_page[name] for name in same} == {name: document[name] for name in same}
    assert document["account"]["email"] == "ada@example.com"
    assert [address["street"] for address in document["addresses"]] == [HOME["street"]]
    assert document["basket"] == [body]
    assert [wish["title"] for wish in document["wish_list"]] == ["Wished"]
    assert [review["text"] for review in document["reviews"]] == ["By ada@example.com."]
    assert [wait["book_id"] for wait in document["waiting_list"]] == [awaited.id]
    assert [order["status"] for order in document["orders"]] == ["confirmed", "declined"]
    assert document["orders"][0]["shipping_address"] == ADDRESS
    assert document["orders"][0]["items"][0]["book"]["title"] == "Emma"
    assert document["orders"][0]["payment"]["amount"] == "9.99"
    assert [message["template"] for message in document["messages"]] == ["password_changed"]
    assert "other@example.com" not in answer.text
    assert "argon2" not in answer.text


async def test_checkouts_that_were_begun_are_in_it(committed: AsyncSession) -> None:
    user, other = await make_reader(committed), await make_reader(committed, "other@example.com")
    card = await gift_cards.issue(committed, amount=Decimal(5), currency="USD", actor="x")
    book = await make_book(committed, price="20.00")
    await committed.commit()
    began = []
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://test") as client:
        for reader, street in ((user, "1 Road"), (user, "2 Road"), (other, "3 Road")):
            headers = bearer(reader)
            await client.post("/api/v1/cart/items", json={"book_id": book.id}, headers=headers)
            chosen = {
                "shipping_address": ADDRESS | {"street": street},
                "coupon_codes": ["TEN"],
                "gift_card_codes": [card.code],
            }
            answer = await client.post("/api/v1/checkouts", json=chosen, headers=headers)
            assert answer.status_code == 201, answer.text
            began.append(answer.json())
    document = await export(user)
    kept = document["checkouts"]
    assert [one["id"] for one in kept] == [began[1]["id"], began[0]["id"]]
    assert [one["shipping_address"]["street"] for one in kept] == ["2 Road", "1 Road"]
    assert (kept[0]["email"], kept[0]["coupon_codes"]) == ("ada@example.com", ["TEN"])
    assert kept[0]["shown"]["total_price"] == began[1]["quote"]["total_price"]
    assert kept[0]["gift_cards"] == 1
    assert card.code not in json.dumps(document), "a code is money"


async def test_a_long_history_comes_whole(committed: AsyncSession) -> None:
    user = await make_reader(committed)
    for number in range(101):
        await place(committed, user=user, idempotency_key=str(number))
    orders = (await export(user))["orders"]
    assert len({order["id"] for order in orders}) == 101
