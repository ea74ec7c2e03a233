"""Forgotten and changed passwords over HTTP."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
from httpx import AsyncClient, Response
from pydantic import SecretStr
from sqlalchemy import event, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.core.config import Settings, get_settings
from app.core.security import encode_access_token, hash_token, verify_password
from app.db.session import session_scope
from app.users import passwords
from app.users.account_models import AccountLink, EmailChange, LinkPurpose
from app.users.errors import WrongPasswordError
from app.users.jobs import send_reset_link_if_known
from app.users.links import LIFETIMES, MAIL_LINK, MAIL_NOTICE, link_token
from app.users.models import TokenFamily, User, UserSession
from app.users.passwords import FORGOTTEN
from app.users.sessions import start_session
from tests.factories import bearer
from tests.live import SECRET, TRUSTS_NOBODY, live_shop, plain_url
from tests.users.conftest import Clock
from tests.users.readers import (
    OTHER_PASSWORD,
    PASSWORD,
    fresh,
    known_hash,
    make_reader,
    newest_token,
    queued,
)

FORGOT = "/api/v1/auth/password/forgot"
RESET = "/api/v1/auth/password/reset"
CHANGE = "/api/v1/account/password"
LINK_INVALID = {
    "detail": "This link is no longer valid. Please ask for a new one.",
    "code": "ACCOUNT_LINK_INVALID",
}
PARALLEL = 50


async def login(client: AsyncClient, password: str = PASSWORD) -> Response:
    return await client.post(
        "/api/v1/auth/login", json={"email": "ada@example.com", "password": password}
    )


async def ask(session: AsyncSession, clock: Clock) -> str:
    await passwords.send_reset_link(session, email="ada@example.com", now=clock.now)
    await session.commit()
    return await newest_token(session, LinkPurpose.RESET_PASSWORD)


async def reset(client: AsyncClient, token: str, password: str = OTHER_PASSWORD) -> Response:
    return await client.post(RESET, json={"token": token, "password": password})


async def count(session: AsyncSession, model: type) -> int:
    return (await session.scalars(select(func.count()).select_from(model))).one()


async def test_no_new_password_is_made_of_the_address(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    guessable = (422, "ACCOUNT_PASSWORD_GUESSABLE", "password")
    user = await make_reader(db_session, "ada.lovelace@example.com")
    await passwords.send_reset_link(db_session, email=user.email, now=datetime.now(UTC))
    await db_session.commit()
    token = await newest_token(db_session, LinkPurpose.RESET_PASSWORD)
    body = {"current_password": PASSWORD, "password": "Ada.Lovelace1815"}
    for answer in (
        await reset(client, token, "ada.lovelace@example.com"),
        *[await client.put(CHANGE, json=body, headers=bearer(user)) for _ in range(11)],
    ):
        told = answer.json()
        assert (answer.status_code, told["code"], told["field"]) == guessable
    assert (await fresh(db_session, user)).password_hash == known_hash()
    assert (await reset(client, token)).status_code == 204, "the link is still good"


async def test_known_and_unknown_addresses_get_the_same_bytes_for_the_same_work(
    test_engine: AsyncEngine, client: AsyncClient, db_session: AsyncSession
) -> None:
    await make_reader(db_session)
    statements: list[str] = []

    def remember(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "SAVEPOINT" not in statement:  # the test's own, which are numbered
            statements.append(statement)

    seen = []
    event.listen(test_engine.sync_engine, "before_cursor_execute", remember)
    for email in ("ada@example.com", "nobody@example.com"):
        statements.clear()
        answer = await client.post(FORGOT, json={"email": email})
        headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
        seen.append((answer.status_code, answer.content, headers, tuple(statements)))
    event.remove(test_engine.sync_engine, "before_cursor_execute", remember)

    assert seen[0] == seen[1]
    assert seen[0][0] == 202
    assert len(seen[0][3]) > 0
    assert await count(db_session, AccountLink) == 0
    assert await queued(db_session, FORGOTTEN.name) == [
        {"email": "ada@example.com"},
        {"email": "nobody@example.com"},
    ]


async def test_the_job_makes_a_link_for_an_active_account_only(committed: AsyncSession) -> None:
    user = await make_reader(committed)
    await send_reset_link_if_known.function(email="nobody@example.com")
    assert await count(committed, AccountLink) == 0

    await send_reset_link_if_known.function(email="ada@example.com")
    link = (await committed.scalars(select(AccountLink))).one()
    assert (link.user_id, link.purpose, link.email, link.used_at) == (
        user.id,
        LinkPurpose.RESET_PASSWORD,
        "ada@example.com",
        None,
    )
    assert link.expires_at - link.created_at <= timedelta(minutes=31)
    assert link.token_hash == hash_token(link_token(link.id, get_settings()))
    assert await queued(committed, MAIL_LINK.name) == [{"link_id": str(link.id)}]

    await send_reset_link_if_known.function(email="ada@example.com")
    assert await count(committed, AccountLink) == 1  # not again within a minute

    await committed.execute(update(User).values(is_active=False))
    await committed.execute(
        update(AccountLink).values(created_at=link.created_at.replace(year=2020))
    )
    await committed.commit()
    await send_reset_link_if_known.function(email="ada@example.com")
    assert await count(committed, AccountLink) == 1


async def test_a_reset_sets_the_password_and_ends_every_sign_in(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    user = await make_reader(db_session)
    pair = (await login(client)).json()
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    await start_session(db_session, user_id=user.id, now=clock.now, lifetime=timedelta(days=1))
    db_session.add(
        EmailChange(user_id=user.id, new_email="thief@example.com", expires_at=clock.now)
    )
    await db_session.commit()
    assert (await client.get("/api/v1/account", headers=headers)).status_code == 200

    token = await ask(db_session, clock)
    answer = await reset(client, token)

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await client.get("/api/v1/account", headers=headers)).status_code == 401
    refreshed = await client.post(
        "/api/v1/auth/refresh", json={"refresh_token": pair["refresh_token"]}
    )
    assert refreshed.json()["code"] == "AUTH_REFRESH_INVALID"
    assert await count(db_session, UserSession) == 0
    assert await count(db_session, TokenFamily) == 0
    assert await count(db_session, EmailChange) == 0
    assert (await login(client)).status_code == 401
    assert (await login(client, OTHER_PASSWORD)).status_code == 200
    assert (await fresh(db_session, user)).email_verified_at == clock.now
    notices = await queued(db_session, MAIL_NOTICE.name)
    assert [(n["notice"], n["recipient"]) for n in notices] == [
        ("password_changed", "ada@example.com")
    ]


async def test_a_reset_link_works_once_in_time_and_for_nothing_else(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    user = await make_reader(db_session)
    for wrong in ("", "x" * 43):
        assert (await reset(client, wrong)).json() == LINK_INVALID

    token = await ask(db_session, clock)
    short = await reset(client, token, "short")
    assert short.status_code == 422
    as_verification = await client.post(
        "/api/v1/account/verification/confirm",
        json={"token": token},
        headers=bearer_at(user, clock),
    )
    assert as_verification.json() == LINK_INVALID
    clock.forward(LIFETIMES[LinkPurpose.RESET_PASSWORD])
    assert (await reset(client, token)).json() == LINK_INVALID
    assert (await fresh(db_session, user)).password_hash == known_hash()

    clock.forward(-timedelta(seconds=1))
    assert (await reset(client, token)).status_code == 204
    again = await reset(client, token, PASSWORD)
    assert (again.status_code, again.json()) == (400, LINK_INVALID)
    assert await verify_password(OTHER_PASSWORD, (await fresh(db_session, user)).password_hash)


def bearer_at(user: User, clock: Clock) -> dict[str, str]:
    token = encode_access_token(
        user_id=user.id, role=user.role, now=clock.now, settings=get_settings()
    )
    return {"Authorization": f"Bearer {token}"}


async def test_no_reset_for_an_account_that_was_closed_or_has_another_address(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    user = await make_reader(db_session)
    token = await ask(db_session, clock)
    for change in ({"is_active": False}, {"is_active": True, "email": "new@example.com"}):
        await db_session.execute(update(User).values(**change))
        await db_session.commit()
        assert (await reset(client, token)).json() == LINK_INVALID
    assert (await fresh(db_session, user)).password_hash == known_hash()


async def test_changing_the_password_needs_the_present_one(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    pair = (await login(client)).json()
    headers = {"Authorization": f"Bearer {pair['access_token']}"}

    body = {"current_password": "not my password", "password": OTHER_PASSWORD}
    wrong = await client.put(CHANGE, json=body, headers=headers)
    assert (wrong.status_code, wrong.json()) == (
        403,
        {
            "detail": "This is not your present password.",
            "code": "ACCOUNT_PASSWORD_WRONG",
            "field": "current_password",
        },
    )
    assert (await fresh(db_session, user)).password_hash == known_hash()
    assert (await client.get("/api/v1/account", headers=headers)).status_code == 200

    body = {"current_password": PASSWORD, "password": OTHER_PASSWORD}
    changed = await client.put(CHANGE, json=body, headers=headers)
    assert changed.status_code == 200
    assert (await client.get("/api/v1/account", headers=headers)).status_code == 401
    headers = {"Authorization": f"Bearer {changed.json()['access_token']}"}
    assert (await client.get("/api/v1/account", headers=headers)).status_code == 200
    assert (await login(client)).status_code == 401
    assert (await login(client, OTHER_PASSWORD)).status_code == 200
    assert [notice["notice"] for notice in await queued(db_session, MAIL_NOTICE.name)] == [
        "password_changed"
    ]


async def test_of_two_changes_at_once_one_succeeds(committed: AsyncSession) -> None:
    user = await make_reader(committed)

    async def change(new_password: str) -> str:
        async with session_scope() as session:
            try:
                await passwords.change_password(
                    session,
                    user_id=user.id,
                    current_password=PASSWORD,
                    new_password=new_password,
                    now=datetime.now(UTC),
                )
            except WrongPasswordError:
                return ""
        return new_password

    outcomes = await asyncio.gather(change("this one it is"), change("or is it that one"))
    (changed,) = (outcome for outcome in outcomes if outcome)
    assert await verify_password(changed, (await fresh(committed, user)).password_hash)
    assert len(await queued(committed, MAIL_NOTICE.name)) == 1


async def test_an_account_without_a_password_has_none_to_change(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_reader(db_session)
    await db_session.execute(update(User).values(password_hash=None))
    await db_session.commit()
    body = {"current_password": PASSWORD, "password": OTHER_PASSWORD}
    refused = await client.put(CHANGE, json=body, headers=bearer(user))
    assert refused.json()["code"] == "ACCOUNT_PASSWORD_WRONG"
    assert (await fresh(db_session, user)).password_hash is None


async def test_of_fifty_uses_at_once_one_wins(live_database: str, tmp_path: Path) -> None:
    """Fifty use one link, on as many sockets, of a shop of two processes."""
    connection = await asyncpg.connect(plain_url(live_database))
    link_id = uuid4()
    token = link_token(link_id, Settings(secret_key=SecretStr(SECRET)))
    try:
        user_id = await connection.fetchval(
            "INSERT INTO users (email, password_hash) VALUES ('ada@example.com', $1) RETURNING id",
            known_hash(),
        )
        await insert_reset_link(connection, link_id, token, user_id)
        with live_shop(live_database, tmp_path, workers=2) as shop:
            async with AsyncExitStack() as stack:
                clients = [
                    await stack.enter_async_context(
                        httpx.AsyncClient(base_url=shop.base_url, timeout=60, verify=TRUSTS_NOBODY)
                    )
                    for _ in range(PARALLEL)
                ]
                await asyncio.gather(*(client.get("/health") for client in clients))
                answers = await asyncio.gather(
                    *(
                        reset(client, token, f"the password of number {number}")
                        for number, client in enumerate(clients)
                    )
                )
        winners = [number for number, answer in enumerate(answers) if answer.status_code == 204]
        losers = [answer for answer in answers if answer.status_code != 204]
        assert len(winners) == 1
        assert {(loser.status_code, loser.json()["code"]) for loser in losers} == {
            (400, "ACCOUNT_LINK_INVALID")
        }
        password_hash = await connection.fetchval("SELECT password_hash FROM users")
        assert await verify_password(f"the password of number {winners[0]}", password_hash)
        assert await connection.fetchval("SELECT count(*) FROM account_links") == 0
    finally:
        await connection.close()


async def insert_reset_link(
    connection: asyncpg.Connection, link_id: UUID, token: str, user_id: int
) -> None:
    await connection.execute(
        "INSERT INTO account_links (id, token_hash, user_id, purpose, email, expires_at)"
        " VALUES ($1, $2, $3, 'reset_password', 'ada@example.com', now() + interval '30 minutes')",
        link_id,
        hash_token(token),
        user_id,
    )
