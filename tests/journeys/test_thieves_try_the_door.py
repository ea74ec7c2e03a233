"""Somebody guesses passwords, and two use one refresh token, at a shop of several processes."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.core.security import hash_token
from app.main import app
from app.users.models import RefreshToken, TokenFamily
from tests.live import live_shop

ADA = {"email": "ada@example.com", "password": "a few words of mine"}
TRIES = 200
AT_ONCE = 32


def client(base_url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"{base_url}/api/v1/auth",
        timeout=120,  # most wait for one of the few sockets
        limits=httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=0),
    )


async def test_neither_a_guesser_nor_a_race_gets_in_twice(
    live_database: str, live_sessions: async_sessionmaker[AsyncSession], tmp_path: Path
) -> None:
    with live_shop(live_database, tmp_path, workers=4) as shop:
        async with client(shop.base_url) as owner, client(shop.base_url) as stranger:
            tokens = (await owner.post("/register", json=ADA)).json()

            async def guess(number: int) -> int:
                proof = {**ADA, "password": f"guess number {number}"}
                return (await stranger.post("/login", json=proof)).status_code

            statuses = Counter(await asyncio.gather(*map(guess, range(TRIES))))
            assert statuses == {401: 10, 429: TRIES - 10}
            assert (await stranger.post("/login", json=ADA)).status_code == 429
            assert (await owner.post("/login", json=ADA)).status_code == 200

            async def refresh() -> httpx.Response:
                return await stranger.post(
                    "/refresh", json={"refresh_token": tokens["refresh_token"]}
                )

            answers = await asyncio.gather(*(refresh() for _ in range(AT_ONCE)))
            await assert_one_successor(live_sessions, tokens["refresh_token"], answers)

    # The shop's processes are gone. This one, which has seen nothing, knows what they counted.
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://test/api/v1/auth"
    ) as later:
        refused = await later.post("/login", json=ADA)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 900


async def assert_one_successor(
    sessions: async_sessionmaker[AsyncSession], used: str, answers: list[httpx.Response]
) -> None:
    winners: list[dict[str, Any]] = [
        answer.json() for answer in answers if answer.status_code == 200
    ]
    losers = [answer.json()["code"] for answer in answers if answer.status_code == 401]
    assert len(winners) == 1
    assert losers == ["AUTH_REFRESH_INVALID"] * (AT_ONCE - 1)
    family = select(RefreshToken.family_id).where(RefreshToken.token_hash == hash_token(used))
    async with sessions() as session:
        live = await session.scalars(
            select(RefreshToken.token_hash)
            .join(TokenFamily, TokenFamily.id == RefreshToken.family_id)
            .where(
                RefreshToken.family_id == family.scalar_subquery(),
                RefreshToken.used_at.is_(None),
                TokenFamily.revoked_at.is_(None),
            )
        )
        assert live.all() == [hash_token(winners[0]["refresh_token"])]
