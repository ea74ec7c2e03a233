"""Staff look after accounts: whom they see, whom they close, who gives rights to whom."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.audit.service import Actor
from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.deps import Principal
from app.core.rights import Right
from app.core.security import Role, decode_access_token, hash_password
from app.users import administration, service
from app.users.deps import SESSION
from app.users.limits import Client
from app.users.models import TokenFamily, User, UserSession
from app.users.sessions import start_session
from app.users.tokens import start_family
from tests.factories import bearer, make_user

URL = "/api/v1/admin/users"
FIELDS = {"id", "email", "full_name", "role", "rights", "is_active", "created_at"}
PASSWORD = "a few words of mine"


async def now_of(session: AsyncSession, user: User) -> tuple[Role, list[str], bool]:
    """Return role, rights and whether the account is open, as the database has them."""
    row = await session.execute(
        select(User.role, User.rights, User.is_active).where(User.id == user.id)
    )
    role, rights, is_active = row.one()
    return role, rights, is_active


async def test_accounts_are_listed_as_the_contract_has_it(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    reader = await make_user(db_session, email="ada@example.com")
    closed = await make_user(db_session, is_active=False)
    staff = await make_user(db_session, rights=[Right.CUSTOMERS])
    admin = await make_user(db_session, role=Role.ADMIN)

    async def ask(query: str = "") -> dict[str, Any]:
        answer = await client.get(URL + query, headers=bearer(staff))
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    everybody = await ask()
    assert [item["id"] for item in everybody["items"]] == [
        admin.id,
        staff.id,
        closed.id,
        reader.id,
    ]
    assert everybody["items"][3].keys() == FIELDS
    assert everybody["items"][3] | {"created_at": None} == {
        "id": reader.id,
        "email": "ada@example.com",
        "full_name": None,
        "role": "user",
        "rights": [],
        "is_active": True,
        "created_at": None,
    }
    facts = ("total_count", "page", "per_page", "total_pages")
    assert [everybody[name] for name in facts] == [4, 1, 20, 1]
    second = await ask("?page=2&per_page=3")
    assert [item["id"] for item in second["items"]] == [reader.id]
    assert [second[name] for name in facts] == [4, 2, 3, 2]
    behind = await ask(f"?per_page=3&cursor={(await ask('?per_page=3'))['next_cursor']}")
    assert [item["id"] for item in behind["items"]] == [reader.id]
    assert [item["id"] for item in (await ask("?role=staff"))["items"]] == [staff.id]
    assert [item["id"] for item in (await ask("?is_active=false"))["items"]] == [closed.id]
    nobody = await ask("?role=admin&is_active=false")
    assert [nobody["items"], *(nobody[name] for name in facts)] == [[], 0, 1, 20, 0]
    deep = await client.get(f"{URL}?page=102&per_page=100", headers=bearer(staff))
    assert (deep.status_code, deep.json()["code"]) == (422, "VALIDATION_ERROR")


async def test_who_is_deactivated_is_locked_out_everywhere(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    staff = await make_user(db_session, rights=[Right.CUSTOMERS])
    reader = await make_user(db_session, email="ada@example.com")
    await db_session.execute(
        update(User).where(User.id == reader.id).values(password_hash=await hash_password(PASSWORD))
    )
    now, settings = utc_now(), get_settings()
    pair = await start_family(
        db_session, user_id=reader.id, role=Role.USER, now=now, settings=settings
    )
    cookie = await start_session(
        db_session, user_id=reader.id, now=now, lifetime=timedelta(hours=1)
    )
    other = await make_user(db_session)
    others_cookie = await start_session(
        db_session, user_id=other.id, now=now, lifetime=timedelta(hours=1)
    )
    await db_session.commit()
    program = {"Authorization": f"Bearer {pair.access_token}"}
    browser = {"Cookie": f"{SESSION.name(settings)}={cookie}", "Accept": "text/html"}
    login = {"email": "ada@example.com", "password": PASSWORD}

    async def try_refresh() -> tuple[int, str]:
        answer = await client.post(
            "/api/v1/auth/refresh", json={"refresh_token": pair.refresh_token}
        )
        return answer.status_code, answer.json()["code"]

    assert (await client.get("/api/v1/cart", headers=program)).status_code == 200
    assert (await client.get("/orders", headers=browser)).status_code == 200
    for _ in range(2):  # it can be repeated
        answer = await client.patch(f"{URL}/{reader.id}/deactivate", headers=bearer(staff))
        assert (answer.status_code, answer.json()["is_active"]) == (200, False)
        assert answer.json().keys() == FIELDS
    refused = await client.get("/api/v1/cart", headers=program)
    assert (refused.status_code, refused.json()) == (
        403,
        {"detail": "Account deactivated. Contact support.", "code": "AUTH_ACCOUNT_DEACTIVATED"},
    )
    assert (await client.get("/orders", headers=browser)).headers["location"] == (
        "/sign-in?next=%2Forders"
    )
    assert await try_refresh() == (401, "AUTH_USER_INACTIVE")
    assert (await client.post("/api/v1/auth/login", json=login)).status_code == 403
    sessions = select(func.count()).where(UserSession.user_id == reader.id)
    assert await db_session.scalar(sessions) == 0
    families = select(TokenFamily.revoked_at).where(TokenFamily.user_id == reader.id)
    assert await db_session.scalar(families) is not None
    elsewhere = {"Cookie": f"{SESSION.name(settings)}={others_cookie}"}
    assert (await client.get("/orders", headers=elsewhere)).status_code == 200

    for _ in range(2):
        answer = await client.patch(f"{URL}/{reader.id}/reactivate", headers=bearer(staff))
        assert (answer.status_code, answer.json()["is_active"]) == (200, True)
    assert await try_refresh() == (401, "AUTH_REFRESH_INVALID")
    assert (await client.get("/orders", headers=browser)).status_code == 303
    assert (await client.post("/api/v1/auth/login", json=login)).status_code == 200


async def test_a_sign_in_that_is_going_on_ends_with_the_others(
    connections: async_sessionmaker[AsyncSession],
) -> None:
    now, settings = utc_now(), get_settings()
    async with connections() as signing_in, connections() as closing:
        proof: dict[str, Any] = {"email": "ada@example.com", "password": PASSWORD, "now": now}
        proof["client"] = Client(address="192.0.2.1", device_cookie=None)
        user = await service.register(signing_in, **proof)
        await signing_in.commit()
        await service.check_credentials(signing_in, **proof)
        lifetime = timedelta(hours=1)
        await start_session(signing_in, user_id=user.id, now=now, lifetime=lifetime)
        await start_family(signing_in, user_id=user.id, role=Role.USER, now=now, settings=settings)
        boss = Principal(id=0, email="boss@example.com", display_name="Boss", role=Role.ADMIN)
        closed = asyncio.ensure_future(
            administration.deactivate_user(
                closing, by=boss, actor=Actor(name=boss.email), user_id=user.id, now=now
            )
        )
        done, _ = await asyncio.wait([closed], timeout=0.5)
        assert not done
        await signing_in.commit()
        assert (await closed).is_active is False
        left = select(func.count()).where(UserSession.user_id == user.id)
        assert await closing.scalar(left) == 0
        ended = select(TokenFamily.revoked_at).where(TokenFamily.user_id == user.id)
        assert await closing.scalar(ended) == now
        await closing.rollback()


@pytest.mark.parametrize("act", ["deactivate", "reactivate"])
async def test_only_an_admin_closes_staff_and_nobody_an_admin(
    client: AsyncClient, db_session: AsyncSession, act: str
) -> None:
    clerk = await make_user(db_session, rights=[Right.CUSTOMERS])
    staff = await make_user(db_session, rights=[Right.ORDERS])
    boss = await make_user(db_session, role=Role.ADMIN)
    other_boss = await make_user(db_session, role=Role.ADMIN)

    async def ask(by: User, user_id: int) -> tuple[int, str | None]:
        answer = await client.patch(f"{URL}/{user_id}/{act}", headers=bearer(by))
        return answer.status_code, answer.json().get("code")

    assert await ask(clerk, staff.id) == (403, "AUTH_FORBIDDEN")
    assert (await now_of(db_session, staff))[2] is True
    assert await ask(boss, staff.id) == (200, None)
    assert (await now_of(db_session, staff))[2] is (act == "reactivate")
    assert await ask(boss, 2**31 - 1) == (404, "USER_NOT_FOUND")
    if act == "deactivate":
        for admin in (boss, other_boss):
            assert await ask(boss, admin.id) == (403, "ADMN_CANNOT_DEACTIVATE_ADMIN")
        answer = await client.patch(f"{URL}/{other_boss.id}/{act}", headers=bearer(boss))
        assert answer.json()["detail"] == "Cannot deactivate admin accounts"
        assert (await now_of(db_session, other_boss))[2] is True


async def test_rights_take_effect_at_the_next_request(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    boss = await make_user(db_session, role=Role.ADMIN)
    reader = await make_user(db_session)
    program = bearer(reader)

    async def give(*rights: str) -> dict[str, Any]:
        answer = await client.put(
            f"{URL}/{reader.id}/rights", headers=bearer(boss), json={"rights": rights}
        )
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def tries() -> list[int]:
        return [
            (await client.get(f"/api/v1/admin/{what}", headers=program)).status_code
            for what in ("imports", "orders", "users", "audit")
        ]

    assert await tries() == [403, 403, 403, 403]
    told = await give("orders", "catalogue", "orders")
    assert (told["role"], told["rights"]) == ("staff", ["catalogue", "orders"])
    assert await now_of(db_session, reader) == (Role.STAFF, ["catalogue", "orders"], True)
    assert await tries() == [200, 200, 403, 403]
    assert (await give("customers"))["rights"] == ["customers"]
    assert await tries() == [403, 403, 200, 403]
    told = await give()
    assert (told["role"], told["rights"]) == ("user", [])
    assert await tries() == [403, 403, 403, 403]


async def test_rights_are_an_admins_to_give_and_no_admin_loses_them(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    boss = await make_user(db_session, role=Role.ADMIN)
    other_boss = await make_user(db_session, role=Role.ADMIN)
    staff = await make_user(db_session, rights=list(Right))

    async def give(by: User, user_id: int, rights: object) -> tuple[int, str | None]:
        answer = await client.put(
            f"{URL}/{user_id}/rights", headers=bearer(by), json={"rights": rights}
        )
        return answer.status_code, answer.json().get("code")

    assert await give(staff, staff.id, ["orders"]) == (403, "AUTH_FORBIDDEN")
    for admin in (boss, other_boss):
        assert await give(boss, admin.id, []) == (403, "ADMN_CANNOT_CHANGE_ADMIN")
        assert await now_of(db_session, admin) == (Role.ADMIN, [], True)
    assert await give(boss, 2**31 - 1, []) == (404, "USER_NOT_FOUND")
    assert await give(boss, staff.id, ["everything"]) == (422, "VALIDATION_ERROR")
    assert await now_of(db_session, staff) == (Role.STAFF, list(Right), True)


async def test_tokens_of_staff_say_user(db_session: AsyncSession) -> None:
    staff = await make_user(db_session, rights=[Right.CATALOGUE])
    token = bearer(staff)["Authorization"].removeprefix("Bearer ")
    claims = decode_access_token(token, now=utc_now(), settings=get_settings())
    assert (claims.user_id, claims.role) == (staff.id, Role.USER)


@pytest.mark.parametrize(
    "values",
    [
        {"role": Role.STAFF},
        {"rights": ["orders"]},
        {"role": Role.ADMIN, "rights": ["orders"]},
        {"role": Role.STAFF, "rights": ["everything"]},
    ],
)
async def test_the_database_keeps_roles_and_rights_together(
    db_session: AsyncSession, values: dict[str, Any]
) -> None:
    user = await make_user(db_session)
    with pytest.raises(IntegrityError, match="ck_users_rights"):
        await db_session.execute(update(User).where(User.id == user.id).values(**values))
