"""Staff's zones and methods, over the API."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import AuditEntry
from app.core.rights import Right
from tests.factories import bearer, make_user

ZONES, METHODS = "/api/v1/admin/shipping/zones", "/api/v1/admin/shipping/methods"
PARCEL = {"kind": "parcel", "name": "Parcel", "price": "4.90"}


async def staff(session: AsyncSession) -> dict[str, str]:
    return bearer(await make_user(session, rights=[Right.SETTINGS]))


async def test_zones_and_methods_are_made_changed_and_deleted(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    client.headers.update(await staff(db_session))
    made = await client.post(ZONES, json={"name": "Here", "countries": ["DE", "AT", "DE"]})
    assert made.status_code == 201
    zone = made.json()
    assert zone == {
        "id": zone["id"],
        "name": "Here",
        "countries": ["AT", "DE"],
        "is_rest_of_world": False,
    }
    changed = await client.put(
        f"{ZONES}/{zone['id']}", json={"name": "There", "countries": ["AT", "FR"]}
    )
    assert changed.json() == zone | {"name": "There", "countries": ["AT", "FR"]}
    rest = (await client.post(ZONES, json={"name": "Rest", "is_rest_of_world": True})).json()
    assert (await client.get(ZONES)).json() == [changed.json(), rest]
    method = (await client.post(METHODS, json=PARCEL | {"zone_id": zone["id"]})).json()
    assert method["price"] == "4.90"
    assert method["is_active"] is True
    dearer = await client.put(
        f"{METHODS}/{method['id']}",
        json=PARCEL | {"zone_id": rest["id"], "price": "9.90", "free_from": "80"},
    )
    assert dearer.json() == method | {
        "zone_id": rest["id"],
        "price": "9.90",
        "free_from": "80.00",
    }
    assert (await client.get(METHODS)).json() == [dearer.json()]
    in_use = await client.delete(f"{ZONES}/{rest['id']}")
    assert (in_use.status_code, in_use.json()["code"]) == (409, "SHIPPING_ZONE_IN_USE")
    for address in (f"{METHODS}/{method['id']}", f"{ZONES}/{rest['id']}", f"{ZONES}/{zone['id']}"):
        assert (await client.delete(address)).status_code == 204
        gone = await client.delete(address)
        assert (gone.status_code, gone.json()["code"][-9:]) == (404, "NOT_FOUND")
    acts = (await db_session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
    assert [act.action for act in acts] == [
        "shipping_zone.create",
        "shipping_zone.update",
        "shipping_zone.create",
        "shipping_method.create",
        "shipping_method.update",
        "shipping_method.delete",
        "shipping_zone.delete",
        "shipping_zone.delete",
    ]
    assert acts[1].before == {"name": "Here", "countries": ["AT", "DE"]}
    assert acts[1].after == {"name": "There", "countries": ["AT", "FR"]}


async def test_a_country_is_in_one_zone_and_the_rest_of_the_world_is_one(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    client.headers.update(await staff(db_session))
    first = (await client.post(ZONES, json={"name": "A", "countries": ["DE", "AT"]})).json()
    assert (await client.post(ZONES, json={"name": "R", "is_rest_of_world": True})).is_success
    for method, address, zone in (
        ("POST", ZONES, {"name": "B", "countries": ["FR", "AT"]}),
        ("POST", ZONES, {"name": "S", "is_rest_of_world": True}),
        ("PUT", f"{ZONES}/{first['id']}", {"name": "A", "is_rest_of_world": True}),
    ):
        refused = await client.request(method, address, json=zone)
        assert (refused.status_code, refused.json()["code"]) == (409, "SHIPPING_ZONE_CONFLICT")
    assert [zone["name"] for zone in (await client.get(ZONES)).json()] == ["A", "R"]
    assert (await client.get(ZONES)).json()[0] == first


@pytest.mark.parametrize(
    ("address", "wrong"),
    [
        (ZONES, {"name": "Z"}),
        (ZONES, {"name": "Z", "countries": ["DE"], "is_rest_of_world": True}),
        (ZONES, {"name": "Z", "countries": ["de"]}),
        (ZONES, {"name": "Z", "countries": ["ZZ"]}),
        (ZONES, {"name": " ", "countries": ["DE"]}),
        (METHODS, PARCEL),
        (METHODS, {"kind": "collect", "name": "Collect"}),
        (METHODS, {"kind": "collect", "name": "Collect", "collect_at": "x", "price": "1"}),
        (METHODS, {"kind": "digital", "name": "Download", "collect_at": "x"}),
        (METHODS, {"kind": "digital", "name": "Download", "zone_id": 1}),
        (METHODS, PARCEL | {"zone_id": 1, "price": "-0.01"}),
        (METHODS, PARCEL | {"zone_id": 1, "price": "1.001"}),
        (METHODS, PARCEL | {"zone_id": 1, "min_weight_g": 2, "max_weight_g": 1}),
        (METHODS, PARCEL | {"zone_id": 1, "min_value": "2", "max_value": "1"}),
    ],
)
async def test_what_does_not_fit_is_refused(
    client: AsyncClient, db_session: AsyncSession, address: str, wrong: dict[str, Any]
) -> None:
    refused = await client.post(address, json=wrong, headers=await staff(db_session))
    assert (refused.status_code, refused.json()["code"]) == (422, "VALIDATION_ERROR")


async def test_a_parcel_to_nowhere_is_refused(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    refused = await client.post(
        METHODS, json=PARCEL | {"zone_id": 2**31 - 1}, headers=await staff(db_session)
    )
    assert (refused.status_code, refused.json()["code"]) == (404, "SHIPPING_ZONE_NOT_FOUND")
    assert refused.json()["field"] == "zone_id"
