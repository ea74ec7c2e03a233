"""Many at once over real sockets and several processes: stolen tokens, guesses, floods of sign-ins.

``make soak`` does each of it as often as it was promised; `make test` a smaller round.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.core.config import Settings
from app.core.security import Role
from app.users.callers import DEVICE
from app.users.limits import LIMITS, Purpose
from app.users.models import AttemptCount, RefreshToken, TokenFamily, User
from app.users.tokens import GRACE, start_family
from tests.live import LiveShop, live_shop
from tests.users.readers import PASSWORD, known_hash, make_reader

REFRESH_ROUNDS = int(os.environ.get("REFRESH_ROUNDS", "3"))
GUESSES = int(os.environ.get("GUESSES", "120"))
TABS = 32
SIGN_INS = 200
MEBIBYTE = 2**20
LOGIN = "/api/v1/auth/login"
ADA = "ada@example.com"

pytestmark = pytest.mark.alone


@asynccontextmanager
async def sockets(shop: LiveShop, count: int) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Open clients with a connection each, which the server's processes share among themselves."""
    clients = [httpx.AsyncClient(base_url=shop.base_url, timeout=60) for _ in range(count)]
    await asyncio.gather(*(client.get("/health") for client in clients))
    try:
        yield clients
    finally:
        await asyncio.gather(*(client.aclose() for client in clients))


async def post(
    client: httpx.AsyncClient, path: str, body: dict[str, str], **headers: str
) -> httpx.Response:
    """Send a request, again and again as long as the shop is too full to look at it."""
    while True:
        answer = await client.post(path, json=body, headers=headers)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            return answer
        await asyncio.sleep(float(answer.headers["Retry-After"]) / 4)


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await post(client, "/api/v1/auth/refresh", {"refresh_token": token})


async def test_a_refresh_token_that_many_use_at_once_has_one_successor_and_no_thief_a_second(
    live_database: str, live_sessions: async_sessionmaker[AsyncSession], tmp_path: Path
) -> None:
    async with live_sessions() as session:
        user = await make_reader(session)
    with live_shop(live_database, tmp_path, workers=2) as shop:
        async with sockets(shop, TABS) as clients:
            for _ in range(REFRESH_ROUNDS):
                await race_and_theft(clients, live_sessions, user.id)


async def race_and_theft(
    clients: list[httpx.AsyncClient], sessions: async_sessionmaker[AsyncSession], user_id: int
) -> None:
    async with sessions() as session:
        await session.execute(update(TokenFamily).values(revoked_at=func.now()))
        pair = await start_family(
            session, user_id=user_id, role=Role.USER, now=datetime.now(UTC), settings=Settings()
        )
        await session.commit()

    answers = await asyncio.gather(*(refresh(client, pair.refresh_token) for client in clients))

    (won,) = [answer for answer in answers if answer.status_code == 200]
    lost = [answer.json() for answer in answers if answer is not won]
    assert {(told["code"], told["replaced"]) for told in lost} == {("AUTH_REFRESH_INVALID", True)}
    alive = (
        select(func.count())
        .select_from(RefreshToken)
        .join(TokenFamily, TokenFamily.id == RefreshToken.family_id)
        .where(RefreshToken.used_at.is_(None), TokenFamily.revoked_at.is_(None))
    )
    async with sessions() as session:
        assert (await session.scalars(alive)).one() == 1
        await session.execute(update(RefreshToken).values(used_at=RefreshToken.used_at - GRACE * 2))
        await session.commit()

    replayed = await refresh(clients[0], pair.refresh_token)

    assert replayed.json()["code"] == "AUTH_TOKEN_REUSE"
    async with sessions() as session:
        assert (await session.scalars(alive)).one() == 0
    ended = await refresh(clients[1], won.json()["refresh_token"])
    assert (ended.status_code, ended.json()["code"]) == (401, "AUTH_REFRESH_INVALID")


async def guess(client: httpx.AsyncClient, email: str, sender: str) -> tuple[int, str | None]:
    """Try a password as somebody behind the proxy; return the status and how long to wait."""
    proof = {"email": email, "password": "any words of mine"}
    answer = await post(client, LOGIN, proof, **{"X-Forwarded-For": sender})
    return answer.status_code, answer.headers.get("Retry-After")


def senders(count: int) -> list[str]:
    return [f"203.0.{number // 250 + 1}.{number % 250 + 1}" for number in range(count)]


async def test_guesses_are_few_over_all_processes_and_restarts_and_the_owner_gets_in(
    live_database: str, live_sessions: async_sessionmaker[AsyncSession], tmp_path: Path
) -> None:
    async with live_sessions() as session:
        await make_reader(session)
    owner = {"email": ADA, "password": PASSWORD}
    behind_a_proxy = {"TRUSTED_PROXIES": "127.0.0.1"}
    allowed = LIMITS[Purpose.SIGN_IN]
    with live_shop(live_database, tmp_path, workers=4, settings=behind_a_proxy) as shop:
        async with sockets(shop, 40) as clients:
            entered = await post(clients[0], LOGIN, owner)
            assert entered.status_code == 200
            known_device = entered.cookies[DEVICE.name(Settings())]
            clients[0].cookies.clear()

            async def all_guess(email: str, sender: str) -> Counter[int]:
                """Send so many guesses; without an address or a sender, each by another."""
                tries = [
                    (email or f"reader{number}@example.com", sender or other)
                    for number, other in enumerate(senders(GUESSES))
                ]

                async def one_after_the_other(client: httpx.AsyncClient, nth: int) -> list[int]:
                    return [(await guess(client, *one))[0] for one in tries[nth :: len(clients)]]

                found = await asyncio.gather(
                    *(one_after_the_other(client, nth) for nth, client in enumerate(clients))
                )
                return Counter(status for statuses in found for status in statuses)

            of_account = await all_guess(ADA, "")
            assert of_account.total() == of_account[401] + of_account[429] == GUESSES
            assert 0 < of_account[401] <= allowed.account.attempts
            of_sender = await all_guess("", "198.51.100.7")
            assert of_sender.total() == of_sender[401] + of_sender[429] == GUESSES
            assert 0 < of_sender[401] <= allowed.address.attempts

    with live_shop(live_database, tmp_path, workers=4, settings=behind_a_proxy) as shop:
        async with sockets(shop, 8) as clients:
            after = [await guess(client, ADA, "192.0.2.1") for client in clients]
            assert {status for status, _ in after} == {429}
            assert all(0 < int(wait or 0) <= 15 * 60 for _, wait in after)
            cookies = {"Cookie": f"{DEVICE.name(Settings())}={known_device}"}
            entered = await post(clients[0], LOGIN, owner, **cookies)
            assert entered.status_code == 200, "the owner's device has attempts of its own"
            async with live_sessions() as session:
                await session.execute(
                    update(AttemptCount).values(
                        moments=[datetime.now(UTC) - allowed.account.span - timedelta(seconds=1)]
                        * allowed.account.attempts
                    )
                )
                await session.commit()
            assert (await post(clients[1], LOGIN, owner)).status_code == 200, "and so later"


def memory_by_process(parent: int) -> dict[int, int]:
    """Return the resident bytes of the server's processes, as Linux counts them."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except FileNotFoundError:  # ended a moment ago
            continue
        if int(lines["PPid"]) == parent and "VmRSS" in lines:
            found[int(status.parent.name)] = int(lines["VmRSS"].split()[0]) * 1024
    return found


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
async def test_a_flood_of_sign_ins_takes_little_memory(
    live_database: str, live_sessions: async_sessionmaker[AsyncSession], tmp_path: Path
) -> None:
    async with live_sessions() as session:
        readers = [
            {"email": f"reader{number}@example.com", "password_hash": known_hash()}
            for number in range(SIGN_INS)
        ]
        await session.execute(insert(User), readers)
        await session.commit()
    with live_shop(live_database, tmp_path, workers=2) as shop:
        async with sockets(shop, SIGN_INS) as clients:
            before = memory_by_process(shop.server.process.pid)
            assert len(before) >= 2
            most = dict(before)

            async def watch() -> None:
                while True:
                    for pid, size in memory_by_process(shop.server.process.pid).items():
                        most[pid] = max(most.get(pid, 0), size)
                    await asyncio.sleep(0.02)

            watching = asyncio.create_task(watch())
            answers = await asyncio.gather(
                *(
                    post(
                        client,
                        LOGIN,
                        {"email": f"reader{number}@example.com", "password": PASSWORD},
                    )
                    for number, client in enumerate(clients)
                )
            )
            watching.cancel()
    assert Counter(answer.status_code for answer in answers) == {200: SIGN_INS}
    growth = {pid: (most[pid] - size) / MEBIBYTE for pid, size in before.items()}
    assert max(growth.values()) < 100, growth
    assert max(growth.values()) > 19, f"no hash was seen at all: {growth}"
