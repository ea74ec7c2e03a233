"""Registration, sign-in, refresh and sign-out over HTTP."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import event, func, select, update
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from app.core import security
from app.core.config import get_settings
from app.core.security import Role, decode_access_token, hash_token, verify_password
from app.db.session import AsyncSessionLocal
from app.users.models import RefreshToken, TokenFamily, User
from app.users.tokens import GRACE
from tests.users.conftest import Clock, connections_in_use, hashing_delayed

ACCOUNT = {"email": "ada@example.com", "password": "correct horse"}
INVALID_CREDENTIALS = {
    "detail": "Invalid email or password",
    "code": "AUTH_INVALID_CREDENTIALS",
}
DEACTIVATED = "Account deactivated. Contact support."


async def post(client: AsyncClient, path: str, body: dict[str, Any]) -> Response:
    return await client.post(f"/api/v1/auth/{path}", json=body)


async def register(client: AsyncClient, **changes: Any) -> dict[str, str]:
    response = await post(client, "register", {**ACCOUNT, **changes})
    assert response.status_code == 201
    pair: dict[str, str] = response.json()
    return pair


async def refresh(client: AsyncClient, token: str) -> Response:
    return await post(client, "refresh", {"refresh_token": token})


async def count(session: AsyncSession, model: type) -> int:
    return (await session.scalars(select(func.count()).select_from(model))).one()


def code(response: Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_register_opens_an_account_and_signs_in(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    pair = await register(client, email="Ada@Example.COM", full_name="  Ada Lovelace ")

    assert set(pair) == {"access_token", "refresh_token", "token_type"}
    assert pair["token_type"] == "bearer"
    user = (await db_session.scalars(select(User))).one()
    assert (user.email, user.full_name, user.role, user.is_active) == (
        "ada@example.com",
        "Ada Lovelace",
        Role.USER,
        True,
    )
    assert await verify_password("correct horse", user.password_hash)
    claims = decode_access_token(pair["access_token"], now=clock.now, settings=get_settings())
    assert (claims.user_id, claims.role) == (user.id, Role.USER)


async def test_no_credential_is_stored_in_clear(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    pair = await register(client)

    user = (await db_session.scalars(select(User))).one()
    assert user.password_hash is not None
    assert user.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    token = (await db_session.scalars(select(RefreshToken))).one()
    assert token.token_hash == hash_token(pair["refresh_token"])


async def test_register_refuses_a_known_address_in_any_case(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    await register(client)
    before = (await db_session.scalars(select(User.password_hash))).one()

    response = await post(client, "register", {"email": "ADA@example.com", "password": "another 1"})

    assert response.status_code == 409
    assert response.json() == {
        "detail": "An account with this e-mail exists already.",
        "code": "AUTH_EMAIL_CONFLICT",
        "field": "email",
    }
    assert (await db_session.scalars(select(User.password_hash))).all() == [before]
    assert await count(db_session, TokenFamily) == 1


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({**ACCOUNT, "email": "ada"}, "email"),
        ({**ACCOUNT, "email": "Ada <ada@example.com>"}, "email"),
        ({**ACCOUNT, "email": "a@" + "b" * 60 + ("." + "c" * 60) * 4 + ".com"}, "email"),
        ({**ACCOUNT, "email": "ada\x00@example.com"}, "email"),
        ({**ACCOUNT, "email": None}, "email"),
        ({**ACCOUNT, "password": "seven77"}, "password"),
        ({**ACCOUNT, "password": "x" * 1025}, "password"),
        ({**ACCOUNT, "password": "nul\x00nul\x00nul"}, "password"),
        ({**ACCOUNT, "password": 12345678}, "password"),
        ({**ACCOUNT, "password": "password123"}, "password"),
        ({**ACCOUNT, "password": "ada@example.com"}, "password"),
        ({**ACCOUNT, "full_name": "x" * 121}, "full_name"),
        ({**ACCOUNT, "full_name": "\x00"}, "full_name"),
        ({**ACCOUNT, "role": "admin"}, "role"),
        ({**ACCOUNT, "is_active": True}, "is_active"),
        ({"email": "ada@example.com"}, "password"),
    ],
)
async def test_register_refuses_malformed_input(
    client: AsyncClient, db_session: AsyncSession, body: dict[str, Any], where: str
) -> None:
    response = await post(client, "register", body)

    assert response.status_code == 422
    answer = response.json()
    assert answer["code"] == "VALIDATION_ERROR"
    assert {fault["loc"][1] for fault in answer["detail"]} == {where}
    assert await count(db_session, User) == 0


async def test_a_common_password_is_refused_in_a_sentence(client: AsyncClient) -> None:
    response = await post(client, "register", {**ACCOUNT, "password": "Password123"})

    assert response.json() == {
        "detail": [
            {
                "type": "password_common",
                "loc": ["body", "password"],
                "msg": "Many people use this password, so it is tried first. "
                "Please choose another.",
            }
        ],
        "code": "VALIDATION_ERROR",
    }


async def test_a_password_is_the_same_on_every_keyboard(client: AsyncClient) -> None:
    await register(client, password="Zu\u0308rich \ufb01sh \uff11\uff12")

    composed = await post(client, "login", {**ACCOUNT, "password": "Z\u00fcrich fish 12"})
    other_case = await post(client, "login", {**ACCOUNT, "password": "z\u00fcrich fish 12"})

    assert (composed.status_code, other_case.status_code) == (200, 401)


async def test_lone_surrogates_are_malformed_input(client: AsyncClient) -> None:
    for name in ("email", "password", "full_name"):
        fields = {**ACCOUNT, "full_name": "Ada", name: "\ud800@example.com"}
        response = await client.post(
            "/api/v1/auth/register",
            content=json.dumps(fields),
            headers={"Content-Type": "application/json"},
        )
        assert code(response) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize("password", ["eight89 ", "ü" * 1024, "日本語のパスワード"])
async def test_a_password_may_be_long_and_in_any_script(client: AsyncClient, password: str) -> None:
    await register(client, password=password)

    assert (await post(client, "login", {**ACCOUNT, "password": password})).status_code == 200


async def test_blanks_belong_to_a_password(client: AsyncClient) -> None:
    await register(client, password=" blanks at both ends ")

    stripped = await post(client, "login", {**ACCOUNT, "password": "blanks at both ends"})
    whole = await post(client, "login", {**ACCOUNT, "password": " blanks at both ends "})

    assert stripped.json() == INVALID_CREDENTIALS
    assert whole.status_code == 200


async def test_login_answers_three_fields(client: AsyncClient, db_session: AsyncSession) -> None:
    await register(client)

    response = await post(client, "login", {**ACCOUNT, "email": "ADA@example.com"})

    assert response.status_code == 200
    assert set(response.json()) == {"access_token", "refresh_token", "token_type"}
    assert await count(db_session, TokenFamily) == 2


async def test_unknown_address_and_wrong_password_look_the_same(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    await register(client)
    db_session.add(User(email="oauth@example.com"))
    await db_session.commit()

    wrong = await post(client, "login", {**ACCOUNT, "password": "wrong horse"})
    unknown = await post(client, "login", {**ACCOUNT, "email": "eve@example.com"})
    without_password = await post(client, "login", {**ACCOUNT, "email": "oauth@example.com"})

    assert wrong.status_code == unknown.status_code == without_password.status_code == 401
    assert wrong.json() == INVALID_CREDENTIALS
    assert wrong.content == unknown.content == without_password.content
    assert await count(db_session, TokenFamily) == 1


async def test_an_account_without_password_is_told_only_where_it_was_signed_in_to(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    await register(client)
    await register(client, email="eve@example.com")
    known = dict(client.cookies)
    await db_session.execute(update(User).values(password_hash=None))
    await db_session.commit()

    here = await post(client, "login", ACCOUNT)
    client.cookies.clear()
    elsewhere = await post(client, "login", ACCOUNT)
    client.cookies.update(known)
    await db_session.execute(update(User).values(is_active=False))
    await db_session.commit()
    deactivated = await post(client, "login", ACCOUNT)

    assert here.status_code == 400
    assert here.json() == {
        "detail": "This account has no password. Sign in as you did before.",
        "code": "AUTH_OAUTH_ONLY_ACCOUNT",
    }
    assert elsewhere.status_code == deactivated.status_code == 401
    assert elsewhere.json() == deactivated.json() == INVALID_CREDENTIALS


class Work:
    """What the requests within a block cost: statements, and passwords that were hashed."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.hashes = 0


@contextmanager
def counted(engine: AsyncEngine) -> Iterator[Work]:
    work = Work()
    argon2 = security._hasher().hashers[0]
    usual = argon2.verify

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        work.statements.append(re.sub(r"(sa_savepoint)_\d+", r"\1", statement))

    def verify(password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002 (its name there)
        work.hashes += 1
        return usual(password, hash)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    argon2.verify = verify  # type: ignore[method-assign]
    try:
        yield work
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)
        argon2.verify = usual  # type: ignore[method-assign]


async def test_every_refusal_at_sign_in_has_the_same_bytes_and_costs_the_same(
    client: AsyncClient, db_session: AsyncSession, test_engine: AsyncEngine
) -> None:
    await register(client)
    await register(client, email="closed@example.com")
    client.cookies.clear()
    await db_session.execute(
        update(User).where(User.email == "closed@example.com").values(is_active=False)
    )
    db_session.add(User(email="oauth@example.com"))
    await db_session.commit()

    answers, works = [], []
    for name in ("ada", "nobody", "oauth", "closed"):
        with counted(test_engine) as work:
            answers.append(
                await post(
                    client,
                    "login",
                    {"email": f"{name}@example.com", "password": "wrong horse"},
                )
            )
        works.append((work.hashes, work.statements))

    assert [answer.status_code for answer in answers] == [401] * 4
    assert {answer.content for answer in answers} == {answers[0].content}
    headers = [
        {name for name in answer.headers if name not in {"x-request-id", "date"}}
        for answer in answers
    ]
    assert headers == [headers[0]] * 4
    assert works == [works[0]] * 4
    assert works[0][0] == 1
    assert len(works[0][1]) >= 2


async def test_deactivation_is_told_only_to_who_knows_the_password(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    await register(client)
    await db_session.execute(update(User).values(is_active=False))
    await db_session.commit()

    right = await post(client, "login", ACCOUNT)
    wrong = await post(client, "login", {**ACCOUNT, "password": "wrong horse"})

    assert right.status_code == 403
    assert right.json() == {"detail": DEACTIVATED, "code": "AUTH_ACCOUNT_DEACTIVATED"}
    assert wrong.json() == INVALID_CREDENTIALS
    assert await count(db_session, TokenFamily) == 1


async def guess(client: AsyncClient, times: int, **changes: Any) -> list[int]:
    guesses = [
        await post(client, "login", {**ACCOUNT, "password": f"guess {number}", **changes})
        for number in range(times)
    ]
    return [answer.status_code for answer in guesses]


async def test_after_ten_wrong_passwords_none_is_looked_at(
    client: AsyncClient, clock: Clock, db_session: AsyncSession
) -> None:
    await register(client)
    client.cookies.clear()
    assert await guess(client, 10) == [401] * 10
    clock.forward(timedelta(minutes=6))

    async with hashing_delayed():  # a password that is looked at would get no answer here
        right = await post(client, "login", ACCOUNT)

    assert right.status_code == 429
    assert right.json() == {
        "detail": "Too many attempts. Please try again in 9 minutes.",
        "code": "AUTH_TOO_MANY_ATTEMPTS",
    }
    assert right.headers["Retry-After"] == "540"
    assert "Set-Cookie" not in right.headers
    assert await count(db_session, TokenFamily) == 1
    clock.forward(timedelta(minutes=9))
    assert (await post(client, "login", ACCOUNT)).status_code == 200


async def test_an_address_without_account_is_limited_alike(
    client: AsyncClient, clock: Clock
) -> None:
    del clock
    await register(client)
    client.cookies.clear()
    known, unknown = await guess(client, 11), await guess(client, 11, email="no@example.com")
    assert known == unknown == [401] * 10 + [429]
    answers = [
        await post(client, "login", {**ACCOUNT, "email": email})
        for email in (ACCOUNT["email"], "NO@example.com")
    ]
    assert answers[0].content == answers[1].content
    assert answers[0].headers["Retry-After"] == answers[1].headers["Retry-After"]


async def test_right_passwords_are_not_counted(client: AsyncClient, clock: Clock) -> None:
    del clock
    await register(client)
    client.cookies.clear()
    assert await guess(client, 9) == [401] * 9
    for _ in range(12):
        assert (await post(client, "login", ACCOUNT)).status_code == 200
        client.cookies.clear()

    assert await guess(client, 2) == [401, 429]


async def test_who_signed_in_here_before_is_not_kept_out_by_strangers(
    client: AsyncClient, clock: Clock
) -> None:
    del clock
    await register(client)
    owner = dict(client.cookies)
    client.cookies.clear()
    assert await guess(client, 11) == [401] * 10 + [429]

    client.cookies.update(owner)
    assert await guess(client, 9) == [401] * 9
    assert (await post(client, "login", ACCOUNT)).status_code == 200
    assert await guess(client, 11) == [401] * 10 + [429]  # anew, since the last was right
    assert await guess(client, 1, email="eve@example.com") == [401]


async def test_a_deactivated_account_is_no_way_to_try_without_end(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    del clock
    await register(client)
    client.cookies.clear()
    await db_session.execute(update(User).values(is_active=False))
    await db_session.commit()

    answers = [(await post(client, "login", ACCOUNT)).status_code for _ in range(11)]

    assert answers == [403] * 10 + [429]


async def test_registration_is_limited_by_address_and_before_it_hashes(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    del clock
    await register(client)
    again = [(await post(client, "register", ACCOUNT)).status_code for _ in range(4)]
    assert again == [409] * 4

    async with hashing_delayed():
        refused = await post(client, "register", ACCOUNT)

    assert code(refused) == (429, "AUTH_TOO_MANY_ATTEMPTS")
    assert refused.headers["Retry-After"] == "3600"
    assert await count(db_session, User) == 1


async def test_refresh_answers_a_new_pair_and_ends_the_old_token(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    first = await register(client)

    response = await refresh(client, first["refresh_token"])

    assert response.status_code == 200
    second = response.json()
    assert set(second) == {"access_token", "refresh_token", "token_type"}
    assert second["refresh_token"] != first["refresh_token"]
    used = {
        token.token_hash: token.used_at
        for token in (await db_session.scalars(select(RefreshToken))).all()
    }
    assert used == {
        hash_token(first["refresh_token"]): clock.now,
        hash_token(second["refresh_token"]): None,
    }


async def test_a_replay_within_the_grace_ends_nothing(client: AsyncClient, clock: Clock) -> None:
    first = await register(client)
    second = (await refresh(client, first["refresh_token"])).json()
    clock.forward(GRACE)

    replay = await refresh(client, first["refresh_token"])

    assert replay.status_code == 401
    assert replay.json() == {
        "detail": "The refresh token was replaced a moment ago. Use the pair that replaced it.",
        "code": "AUTH_REFRESH_INVALID",
        "replaced": True,
    }
    assert (await refresh(client, second["refresh_token"])).status_code == 200


async def test_a_replay_within_the_grace_of_a_family_that_has_ended(
    client: AsyncClient, clock: Clock
) -> None:
    del clock
    first = await register(client)
    second = (await refresh(client, first["refresh_token"])).json()
    await post(client, "logout", {"refresh_token": second["refresh_token"]})

    replay = await refresh(client, first["refresh_token"])

    assert replay.status_code == 401
    assert replay.json() == {
        "detail": "The refresh token is not valid.",
        "code": "AUTH_REFRESH_INVALID",
    }


async def test_a_replay_after_the_grace_ends_the_family(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    first = await register(client)
    other = (await post(client, "login", ACCOUNT)).json()
    second = (await refresh(client, first["refresh_token"])).json()
    clock.forward(GRACE + timedelta(seconds=1))

    replay = await refresh(client, first["refresh_token"])

    assert code(replay) == (401, "AUTH_TOKEN_REUSE")
    assert code(await refresh(client, second["refresh_token"])) == (401, "AUTH_REFRESH_INVALID")
    assert (await refresh(client, other["refresh_token"])).status_code == 200
    families = (await db_session.scalars(select(TokenFamily.revoked_at))).all()
    assert sorted(families, key=str) == [clock.now, None]


async def test_a_repeated_replay_keeps_the_moment_of_the_first(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    first = await register(client)
    await refresh(client, first["refresh_token"])
    clock.forward(timedelta(minutes=1))
    ended = clock.now
    await refresh(client, first["refresh_token"])
    clock.forward(timedelta(minutes=1))

    again = await refresh(client, first["refresh_token"])

    assert code(again) == (401, "AUTH_TOKEN_REUSE")
    assert (await db_session.scalars(select(TokenFamily.revoked_at))).one() == ended


async def test_a_family_ends_however_often_it_is_refreshed(
    client: AsyncClient, clock: Clock
) -> None:
    days = get_settings().refresh_token_days
    token = (await register(client))["refresh_token"]
    for _ in range(days - 1):
        clock.forward(timedelta(days=1))
        token = (await refresh(client, token)).json()["refresh_token"]
    clock.forward(timedelta(days=1))

    assert code(await refresh(client, token)) == (401, "AUTH_REFRESH_INVALID")


async def test_a_replay_in_a_family_that_expired_ends_nothing(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    first = await register(client)
    await refresh(client, first["refresh_token"])
    clock.forward(timedelta(days=get_settings().refresh_token_days))

    assert code(await refresh(client, first["refresh_token"])) == (401, "AUTH_REFRESH_INVALID")
    assert (await db_session.scalars(select(TokenFamily.revoked_at))).all() == [None]


@pytest.mark.parametrize("token", ["", "unknown", "x" * 512, "Ωμέγα"])
async def test_an_unknown_refresh_token_is_invalid(client: AsyncClient, token: str) -> None:
    assert code(await refresh(client, token)) == (401, "AUTH_REFRESH_INVALID")


async def test_refresh_of_a_deactivated_account_is_refused_and_uses_nothing_up(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    pair = await register(client)
    await db_session.execute(update(User).values(is_active=False))
    await db_session.commit()

    response = await refresh(client, pair["refresh_token"])

    assert code(response) == (401, "AUTH_USER_INACTIVE")
    assert (await db_session.scalars(select(RefreshToken.used_at))).all() == [None]


async def test_refresh_carries_the_role_that_the_account_has_now(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    pair = await register(client)
    await db_session.execute(update(User).values(role=Role.ADMIN))
    await db_session.commit()

    token = (await refresh(client, pair["refresh_token"])).json()["access_token"]

    claims = decode_access_token(token, now=clock.now, settings=get_settings())
    assert claims.role is Role.ADMIN


async def test_logout_ends_the_family_and_can_be_repeated(
    client: AsyncClient, db_session: AsyncSession, clock: Clock
) -> None:
    pair = await register(client)
    other = (await post(client, "login", ACCOUNT)).json()
    ended = clock.now
    for _ in range(2):
        response = await post(client, "logout", {"refresh_token": pair["refresh_token"]})
        assert (response.status_code, response.content) == (204, b"")
        clock.forward(timedelta(seconds=1))

    assert code(await refresh(client, pair["refresh_token"])) == (401, "AUTH_REFRESH_INVALID")
    assert (await refresh(client, other["refresh_token"])).status_code == 200
    families = (await db_session.scalars(select(TokenFamily.revoked_at))).all()
    assert sorted(families, key=str) == [ended, None]


async def test_logout_with_an_unknown_token_ends_nothing(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    await register(client)

    response = await post(client, "logout", {"refresh_token": "unknown"})

    assert response.status_code == 204
    assert (await db_session.scalars(select(TokenFamily.revoked_at))).all() == [None]


async def test_the_end_of_a_family_is_committed_although_the_answer_is_an_error(
    real_client: AsyncClient, connections: async_sessionmaker[AsyncSession]
) -> None:
    pair = await register(real_client)
    await refresh(real_client, pair["refresh_token"])
    async with connections() as session, session.begin():
        long_ago = RefreshToken.used_at - GRACE - timedelta(seconds=1)
        await session.execute(update(RefreshToken).values(used_at=long_ago))

    replay = await refresh(real_client, pair["refresh_token"])

    assert code(replay) == (401, "AUTH_TOKEN_REUSE")
    async with connections() as session:
        assert (await session.scalars(select(TokenFamily.revoked_at))).one() is not None


async def test_no_connection_is_held_while_passwords_are_hashed(
    real_client: AsyncClient, test_engine: AsyncEngine
) -> None:
    await register(real_client)

    async with hashing_delayed() as until_waiting:
        tasks = [
            *(asyncio.create_task(post(real_client, "login", ACCOUNT)) for _ in range(8)),
            asyncio.create_task(post(real_client, "login", {**ACCOUNT, "email": "no@example.com"})),
        ]
        await until_waiting(len(tasks))
        held = connections_in_use(test_engine)

    answers = await asyncio.gather(*tasks)
    assert held == 0
    assert [answer.status_code for answer in answers] == [200] * 8 + [401]


async def test_others_are_served_while_thirty_passwords_are_hashed(
    real_client: AsyncClient, test_engine: AsyncEngine
) -> None:
    small = create_async_engine(test_engine.url, pool_size=2, max_overflow=0, pool_timeout=10)
    AsyncSessionLocal.configure(bind=small)
    try:
        async with hashing_delayed() as until_waiting:
            tasks = [
                asyncio.create_task(
                    post(real_client, "login", {**ACCOUNT, "email": f"reader{number}@example.com"})
                )
                for number in range(30)
            ]
            await until_waiting(len(tasks))
            held = connections_in_use(small)
            other = await real_client.get("/api/v1/genres")
        answers = await asyncio.gather(*tasks)
    finally:
        AsyncSessionLocal.configure(bind=test_engine)
        await small.dispose()

    assert held == 0
    assert other.status_code == 200
    assert [answer.status_code for answer in answers] == [401] * 30
