"""Coupons, offers and gift cards as JSON."""

from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import AuditEntry
from app.core.rights import Right
from app.promotions import gift_cards
from tests.factories import bearer, make_user
from tests.promotions.things import NOW, make_orders

ADMIN = "/api/v1/admin"
TENTH = {"title": "A tenth", "kind": "percent", "percent": "10"}


@pytest_asyncio.fixture
async def staff(db_session: AsyncSession) -> dict[str, str]:
    account = await make_user(db_session, email="nora@example.com", rights=[Right.PROMOTIONS])
    return bearer(account)


async def acts(session: AsyncSession) -> list[tuple[str, Any, Any]]:
    rows = await session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    return [(row.action, row.before, row.after) for row in rows]


async def test_a_coupon_from_its_making_to_its_end(
    client: AsyncClient, db_session: AsyncSession, staff: dict[str, str]
) -> None:
    terms = TENTH | {"genre_ids": [3, 1, 3], "formats": ["hardback"], "max_redemptions": 5}
    made = await client.post(f"{ADMIN}/coupons", json=terms | {"code": "ten off"}, headers=staff)
    assert made.status_code == 201
    coupon = made.json()
    assert (coupon["code"], coupon["percent"], coupon["currency"]) == ("TENOFF", "10.00", "USD")
    assert (coupon["genre_ids"], coupon["redeemed"], coupon["stacks"]) == ([1, 3], 0, False)
    address = f"{ADMIN}/coupons/{coupon['id']}"
    twin = await client.post(f"{ADMIN}/coupons", json=terms | {"code": "TENOFF"}, headers=staff)
    assert (twin.status_code, twin.json()["code"], twin.json()["field"]) == (
        409,
        "COUPON_CONFLICT",
        "code",
    )
    change = {"title": "Five off", "kind": "amount", "amount": "5.00"}
    changed = await client.put(address, json=change, headers=staff)
    assert changed.json() == coupon | {
        "title": "Five off",
        "kind": "amount",
        "percent": None,
        "amount": "5.00",
        "genre_ids": [],
        "formats": [],
        "max_redemptions": None,
    }
    ended = await client.post(f"{address}/end", headers=staff)
    assert ended.json()["ended_at"] is not None
    assert (await client.get(address, headers=staff)).json() == ended.json()
    assert (await client.get(f"{ADMIN}/coupons", headers=staff)).json() == [ended.json()]
    actions = await acts(db_session)
    assert [action for action, _, _ in actions] == [
        "coupon.create",
        "coupon.update",
        "coupon.end",
    ]
    assert actions[1][1]["percent"] == "10.00"
    assert actions[1][2]["amount"] == "5.00"
    assert actions[2][1] == {"ended_at": None}


async def test_an_offer_from_its_making_to_its_end(
    client: AsyncClient, db_session: AsyncSession, staff: dict[str, str]
) -> None:
    three_for_two = {
        "title": "Three for two",
        "kind": "bundle",
        "percent": "100",
        "bundle_size": 3,
        "bundle_discounted": 1,
    }
    made = await client.post(f"{ADMIN}/offers", json=three_for_two, headers=staff)
    assert made.status_code == 201
    address = f"{ADMIN}/offers/{made.json()['id']}"
    changed = await client.put(address, json=TENTH | {"position": 3}, headers=staff)
    assert (changed.json()["bundle_size"], changed.json()["position"]) == (None, 3)
    ended = await client.post(f"{address}/end", headers=staff)
    assert (await client.get(address, headers=staff)).json() == ended.json()
    assert (await client.get(f"{ADMIN}/offers", headers=staff)).json() == [ended.json()]
    assert [action for action, _, _ in await acts(db_session)] == [
        "offer.create",
        "offer.update",
        "offer.end",
    ]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("coupons", TENTH),
        ("coupons", TENTH | {"code": "NO/SLASH"}),
        ("coupons", TENTH | {"code": " A B "}),
        ("coupons", TENTH | {"code": "A" * 41}),
        ("coupons", TENTH | {"code": "TEN", "max_per_person": 0}),
        ("coupons", {"code": "TEN", "title": "A tenth", "kind": "percent"}),
        ("coupons", TENTH | {"code": "TEN", "amount": "5.00"}),
        ("coupons", {"code": "TEN", "title": "F", "kind": "free_shipping", "percent": "10"}),
        ("coupons", TENTH | {"code": "TEN", "percent": "100.01"}),
        ("coupons", TENTH | {"code": "TEN", "redeemed": 3}),
        (
            "coupons",
            TENTH | {"code": "TEN", "starts_at": "2026-02-01", "ends_at": "2026-02-01T00:00:00Z"},
        ),
        ("offers", TENTH | {"bundle_size": 3}),
        ("offers", TENTH | {"kind": "bundle"}),
        ("offers", TENTH | {"kind": "bundle", "bundle_size": 3, "bundle_discounted": 3}),
        ("gift-cards", {"amount": "0"}),
        ("gift-cards", {"amount": "5.00", "recipient_email": "nobody"}),
        ("gift-cards", {"amount": "5.00", "balance": "500.00"}),
    ],
)
async def test_what_makes_no_sense_is_refused(
    client: AsyncClient,
    db_session: AsyncSession,
    staff: dict[str, str],
    path: str,
    body: dict[str, object],
) -> None:
    refused = await client.post(f"{ADMIN}/{path}", json=body, headers=staff)
    assert refused.status_code == 422, refused.text
    assert (await client.get(f"{ADMIN}/{path}", headers=staff)).json() == []
    assert await acts(db_session) == []


async def test_a_gift_card_shows_its_code_once(
    client: AsyncClient, db_session: AsyncSession, staff: dict[str, str]
) -> None:
    issued = await client.post(
        f"{ADMIN}/gift-cards",
        json={"amount": "25.00", "recipient_email": "Ada@Example.com", "note": "The prize."},
        headers=staff,
    )
    assert issued.status_code == 201
    card = issued.json()
    code = card.pop("code")
    assert (card["balance"], card["recipient_email"], card["issued_by"]) == (
        "25.00",
        "ada@example.com",
        "nora@example.com",
    )
    address = f"{ADMIN}/gift-cards/{card['id']}"
    assert (await client.get(address, headers=staff)).json() == card
    assert (await client.get(f"{ADMIN}/gift-cards", headers=staff)).json() == [card]
    order = (await make_orders(db_session))[0]
    await gift_cards.spend(
        db_session, code=code, amount=Decimal(10), currency="USD", order_id=order, now=NOW
    )
    asked = await client.post("/api/v1/gift-cards/balance", json={"code": code.lower()})
    assert asked.json() == {
        "balance": "15.00",
        "currency": "USD",
        "expires_at": None,
        "last_characters": code[-4:],
    }
    ledger = (await client.get(f"{address}/entries", headers=staff)).json()
    assert [(entry["amount"], entry["order_id"]) for entry in ledger] == [
        ("-10.00", order),
        ("25.00", None),
    ]
    changed = await client.put(address, json={"note": "Given."}, headers=staff)
    assert (changed.json()["note"], changed.json()["balance"]) == ("Given.", "15.00")
    ended = await client.post(f"{address}/end", headers=staff)
    assert ended.json()["ended_at"] is not None
    gone = await client.post("/api/v1/gift-cards/balance", json={"code": code})
    assert (gone.status_code, gone.json()["code"]) == (404, "GIFT_CARD_NOT_FOUND")
    written = await acts(db_session)
    assert [action for action, _, _ in written] == [
        "gift_card.issue",
        "gift_card.update",
        "gift_card.end",
    ]
    assert code not in str(written)


@pytest.mark.parametrize("kind", ["coupons", "offers", "gift-cards"])
async def test_what_is_not_there_is_missing(
    client: AsyncClient, staff: dict[str, str], kind: str
) -> None:
    change = {"note": "x"} if kind == "gift-cards" else TENTH
    for answer in (
        await client.get(f"{ADMIN}/{kind}/1", headers=staff),
        await client.put(f"{ADMIN}/{kind}/1", json=change, headers=staff),
        await client.post(f"{ADMIN}/{kind}/1/end", headers=staff),
    ):
        assert answer.status_code == 404
        assert answer.json()["code"].endswith("_NOT_FOUND")
