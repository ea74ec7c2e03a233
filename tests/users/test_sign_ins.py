"""Where an account is signed in, and ending that."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import get_settings
from app.core.security import decode_access_token, hash_token
from app.users.account_schemas import SignInKind
from app.users.errors import SessionNotFoundError
from app.users.models import TokenFamily, UserSession
from app.users.service import authenticate
from app.users.sessions import (
    SEEN_EVERY,
    end_sign_in,
    find_principal,
    list_sign_ins,
    sign_out_everywhere,
    start_session,
)
from app.users.tokens import refresh, start_family
from app.users.whence import Whence, coarse_network, describe_program
from tests.factories import make_user
from tests.users.readers import PASSWORD

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SESSIONS = "/api/v1/account/sessions"


@pytest.mark.parametrize(
    ("user_agent", "program"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; like Mac OS X) Version/18 Safari/604", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 16) Chrome/140 Safari/537", "Chrome on Android"),
        ("Firefox/1", "Firefox"),
        ("python-httpx/0.28\x00<b>", "python-httpx/0.28<b>"),
        ("x" * 500, "x" * 40),
        ("", ""),
    ],
)
def test_a_program_is_told_in_a_few_words(user_agent: str, program: str) -> None:
    assert describe_program(user_agent) == program


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("testclient", ""),
        ("", ""),
    ],
)
def test_an_address_is_told_coarsely(address: str, network: str) -> None:
    assert coarse_network(address) == network


async def test_browsers_and_programs_are_listed_with_when_and_whence(
    db_session: AsyncSession,
) -> None:
    user = await make_user(db_session)
    other = await make_user(db_session)
    whence = Whence(program="Firefox on Linux", network="203.0.113.0/24")
    tokens = [
        await start_session(
            db_session,
            user_id=user_id,
            now=NOW + step,
            lifetime=DAY,
            whence=whence,
        )
        for user_id, step in ((user.id, timedelta()), (user.id, SEEN_EVERY), (other.id, DAY))
    ]
    await start_session(db_session, user_id=user.id, now=NOW - DAY, lifetime=DAY)
    pair = await start_family(
        db_session, user_id=user.id, role=user.role, now=NOW, settings=get_settings(), whence=whence
    )

    here = await find_principal(db_session, token=tokens[0], now=NOW)
    assert here is not None
    found = await list_sign_ins(db_session, user_id=user.id, now=NOW, current=here.sign_in_id)
    assert [
        (row.kind, row.program, row.network, row.is_current, row.last_seen_at) for row in found
    ] == [
        (SignInKind.BROWSER, "Firefox on Linux", "203.0.113.0/24", False, NOW + SEEN_EVERY),
        (SignInKind.BROWSER, "Firefox on Linux", "203.0.113.0/24", True, NOW),
        (SignInKind.PROGRAM, "Firefox on Linux", "203.0.113.0/24", False, found[2].created_at),
    ]

    await refresh(db_session, refresh_token=pair.refresh_token, now=NOW, settings=get_settings())
    asking = await authenticate(db_session, token=pair.access_token, now=NOW)
    families = await list_sign_ins(db_session, user_id=user.id, now=NOW, current=asking.sign_in_id)
    assert [row.kind for row in families].count(SignInKind.PROGRAM) == 1
    assert [row.kind for row in families if row.is_current] == [SignInKind.PROGRAM]


async def test_that_a_session_was_seen_is_written_now_and_then(db_session: AsyncSession) -> None:
    user = await make_user(db_session)
    token = await start_session(db_session, user_id=user.id, now=NOW, lifetime=DAY)

    async def seen() -> datetime:
        statement = select(UserSession.last_seen_at).where(
            UserSession.token_hash == hash_token(token)
        )
        return (await db_session.scalars(statement)).one()

    for step, written in (
        (SEEN_EVERY, NOW),
        (SEEN_EVERY + timedelta(seconds=1), NOW + SEEN_EVERY + timedelta(seconds=1)),
        (SEEN_EVERY + timedelta(seconds=2), NOW + SEEN_EVERY + timedelta(seconds=1)),
    ):
        found = await find_principal(db_session, token=token, now=NOW + step)
        assert found is not None
        assert await seen() == written


async def test_one_sign_in_is_ended_and_no_stranger_s(db_session: AsyncSession) -> None:
    user = await make_user(db_session)
    other = await make_user(db_session)
    token = await start_session(db_session, user_id=user.id, now=NOW, lifetime=DAY)
    await start_family(
        db_session, user_id=user.id, role=user.role, now=NOW, settings=get_settings()
    )
    browser, program = await list_sign_ins(db_session, user_id=user.id, now=NOW)

    async def end(user_id: int, sign_in_id: UUID) -> None:
        await end_sign_in(db_session, user_id=user_id, sign_in_id=sign_in_id)

    for stranger, sign_in_id in (
        (other.id, browser.id),
        (other.id, program.id),
        (user.id, uuid4()),
    ):
        with pytest.raises(SessionNotFoundError):
            await end(stranger, sign_in_id)
    assert await find_principal(db_session, token=token, now=NOW) is not None

    await end(user.id, browser.id)
    assert await find_principal(db_session, token=token, now=NOW) is None
    assert await list_sign_ins(db_session, user_id=user.id, now=NOW) == [program]
    await end(user.id, program.id)
    assert await list_sign_ins(db_session, user_id=user.id, now=NOW) == []


async def test_signing_out_everywhere_leaves_others_alone(db_session: AsyncSession) -> None:
    user = await make_user(db_session)
    other = await make_user(db_session)
    for user_id in (user.id, user.id, other.id):
        await start_session(db_session, user_id=user_id, now=NOW, lifetime=DAY)
        await start_family(
            db_session, user_id=user_id, role=user.role, now=NOW, settings=get_settings()
        )
    await sign_out_everywhere(db_session, user_id=user.id)
    for model in (UserSession, TokenFamily):
        left = (await db_session.scalars(select(func.count()).select_from(model))).one()
        assert left == 1
    assert len(await list_sign_ins(db_session, user_id=other.id, now=NOW)) == 2


async def test_over_http_an_ended_sign_in_ends_its_access_token_too(client: AsyncClient) -> None:
    body = {"email": "ada@example.com", "password": PASSWORD}
    client.headers["User-Agent"] = FIREFOX
    await client.post("/api/v1/auth/register", json=body)
    pairs = [(await client.post("/api/v1/auth/login", json=body)).json() for _ in range(2)]
    here, there = ({"Authorization": f"Bearer {pair['access_token']}"} for pair in pairs)

    listed = (await client.get(SESSIONS, headers=here)).json()
    assert len(listed) == 3
    assert {(row["kind"], row["program"], row["network"]) for row in listed} == {
        ("program", "Firefox on Linux", "127.0.0.0/24")
    }
    claims = decode_access_token(
        pairs[0]["access_token"], now=datetime.now(UTC), settings=get_settings()
    )
    assert [row["id"] for row in listed if row["is_current"]] == [str(claims.family_id)]

    gone = await client.delete(f"{SESSIONS}/{uuid4()}", headers=here)
    assert (gone.status_code, gone.json()["code"]) == (404, "ACCOUNT_SESSION_NOT_FOUND")
    token = pairs[1]["access_token"]
    claims = decode_access_token(token, now=datetime.now(UTC), settings=get_settings())
    ended = await client.delete(f"{SESSIONS}/{claims.family_id}", headers=here)
    assert ended.status_code == 204
    assert len((await client.get(SESSIONS, headers=here)).json()) == 2
    assert (await client.get(SESSIONS, headers=there)).status_code == 401

    third = (await client.post("/api/v1/auth/login", json=body)).json()
    headers = {"Authorization": f"Bearer {third['access_token']}"}
    assert (await client.delete(SESSIONS, headers=headers)).status_code == 204
    for dead in (here, there, headers):
        assert (await client.get(SESSIONS, headers=dead)).json()["code"] == "AUTH_TOKEN_INVALID"


async def test_signing_out_by_the_refresh_token_ends_the_access_token(client: AsyncClient) -> None:
    body = {"email": "ada@example.com", "password": PASSWORD}
    pair = (await client.post("/api/v1/auth/register", json=body)).json()
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    assert (await client.get("/api/v1/account", headers=headers)).status_code == 200
    ended = await client.post("/api/v1/auth/logout", json={"refresh_token": pair["refresh_token"]})
    assert ended.status_code == 204
    assert (await client.get("/api/v1/account", headers=headers)).status_code == 401
