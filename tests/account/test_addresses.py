"""The address book over HTTP."""

import asyncio
from typing import Any

from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.account.models import SavedAddress
from app.account.schemas import AddressWrite
from app.account.service import MAX_ADDRESSES, add_address, find_default
from app.db.session import session_scope
from tests.factories import bearer, make_user

PATH = "/api/v1/account/addresses"
HOME = {
    "name": "Ada Lovelace",
    "street": "12 St James's Square",
    "postal_code": "SW1Y 4JH",
    "city": "London",
    "country": "GB",
}
WORK = {**HOME, "street": "1 Dorset Street", "is_default": True}


async def test_addresses_are_kept_changed_and_forgotten(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = bearer(await make_user(db_session))

    async def book() -> list[tuple[str, bool]]:
        answer = await client.get(PATH, headers=headers)
        assert answer.status_code == 200
        return [(row["street"], row["is_default"]) for row in answer.json()]

    assert await book() == []
    first = await client.post(PATH, json=HOME, headers=headers)
    assert first.status_code == 201
    written: dict[str, Any] = first.json()
    assert written == {
        **HOME,
        "id": written["id"],
        "is_default": True,  # the only one is
        "created_at": written["created_at"],
    }
    await client.post(PATH, json={**HOME, "street": "Passing"}, headers=headers)
    assert await book() == [("12 St James's Square", True), ("Passing", False)]
    passing = (await client.get(PATH, headers=headers)).json()[1]["id"]
    await client.delete(f"{PATH}/{passing}", headers=headers)
    await client.post(PATH, json=WORK, headers=headers)
    assert await book() == [("1 Dorset Street", True), ("12 St James's Square", False)]

    moved = {**HOME, "street": "10 Ockham Park", "is_default": True}
    changed = await client.put(f"{PATH}/{written['id']}", json=moved, headers=headers)
    assert (changed.status_code, changed.json()["street"]) == (200, "10 Ockham Park")
    assert await book() == [("10 Ockham Park", True), ("1 Dorset Street", False)]
    moved["is_default"] = False
    await client.put(f"{PATH}/{written['id']}", json=moved, headers=headers)
    assert await book() == [("10 Ockham Park", False), ("1 Dorset Street", False)]

    assert (await client.delete(f"{PATH}/{written['id']}", headers=headers)).status_code == 204
    assert await book() == [("1 Dorset Street", False)]
    assert (await client.delete(f"{PATH}/{written['id']}", headers=headers)).status_code == 404


async def test_another_s_address_is_like_none(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    owner, other = await make_user(db_session), await make_user(db_session)
    written = (await client.post(PATH, json=HOME, headers=bearer(owner))).json()
    changes = {**HOME, "name": "Mallory"}
    for address_id in (written["id"], 2**31 - 1):
        path = f"{PATH}/{address_id}"
        refusals = [
            await client.put(path, json=changes, headers=bearer(other)),
            await client.delete(path, headers=bearer(other)),
        ]
        assert {(r.status_code, r.json()["code"]) for r in refusals} == {
            (404, "ACCOUNT_ADDRESS_NOT_FOUND")
        }
    assert (await client.get(PATH, headers=bearer(owner))).json() == [written]
    assert (await client.get(PATH)).status_code == 401


async def test_what_no_parcel_reaches_is_refused(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = bearer(await make_user(db_session))
    for change in ({"country": "XX"}, {"name": ""}, {"street": "x" * 121}, {"user_id": 1}):
        refused = await client.post(PATH, json={**HOME, **change}, headers=headers)
        assert refused.status_code == 422, change
    assert (await client.get(PATH, headers=headers)).json() == []


async def test_the_book_is_full_at_some_point_and_has_one_default_however_many_come_at_once(
    committed: AsyncSession,
) -> None:
    user = await make_user(committed)

    async def add() -> None:
        async with session_scope() as session:
            await add_address(session, user_id=user.id, address=AddressWrite(**WORK))

    for _ in range(MAX_ADDRESSES - 2):
        await add()
    outcomes = await asyncio.gather(*(add() for _ in range(4)), return_exceptions=True)
    assert [getattr(outcome, "code", None) for outcome in outcomes].count(None) == 2
    assert [getattr(outcome, "code", None) for outcome in outcomes].count(
        "ACCOUNT_ADDRESS_BOOK_FULL"
    ) == 2
    defaults = select(func.count()).where(SavedAddress.is_default)
    assert (await committed.scalars(defaults)).one() == 1
    everything = select(func.count()).select_from(SavedAddress)
    assert (await committed.scalars(everything)).one() == MAX_ADDRESSES
    default = await find_default(committed, user_id=user.id)
    assert default is not None
    assert default.is_default
