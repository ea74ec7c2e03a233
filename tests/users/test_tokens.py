"""Families of refresh tokens: races and thefts."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.core.config import get_settings
from app.core.security import Role, hash_token
from app.users import tokens
from app.users.errors import RefreshInvalidError, RefreshReplacedError, TokenReuseError
from app.users.models import RefreshToken, TokenFamily
from app.users.schemas import TokenPair
from tests.factories import make_user
from tests.users.conftest import PARALLEL

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROUNDS = 30
THEFTS = 100

Sessions = async_sessionmaker[AsyncSession]


async def start(sessions: Sessions, *, families: int) -> list[TokenPair]:
    async with sessions() as session:
        user = await make_user(session)
        pairs = [
            await tokens.start_family(
                session, user_id=user.id, role=Role.USER, now=NOW, settings=get_settings()
            )
            for _ in range(families)
        ]
        await session.commit()
    return pairs


async def refresh(sessions: Sessions, token: str, *, now: datetime = NOW) -> TokenPair:
    """Exchange a token as a request does: what raises is rolled back."""
    async with sessions() as session:
        return await tokens.refresh(session, refresh_token=token, now=now, settings=get_settings())


async def family_of(session: AsyncSession, token: str) -> UUID:
    family = select(RefreshToken.family_id).where(RefreshToken.token_hash == hash_token(token))
    return (await session.scalars(family)).one()


async def test_of_parallel_uses_one_has_a_live_successor(connections: Sessions) -> None:
    for pair in await start(connections, families=ROUNDS):
        outcomes = await asyncio.gather(
            *(refresh(connections, pair.refresh_token) for _ in range(PARALLEL)),
            return_exceptions=True,
        )

        (winner,) = [outcome for outcome in outcomes if isinstance(outcome, TokenPair)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, RefreshReplacedError)]
        assert len(refused) == PARALLEL - 1
        async with connections() as session:
            family_id = await family_of(session, pair.refresh_token)
            family = (
                await session.scalars(
                    select(RefreshToken.token_hash).where(
                        RefreshToken.family_id == family_id, RefreshToken.used_at.is_(None)
                    )
                )
            ).all()
            assert family == [hash_token(winner.refresh_token)]
            found = select(TokenFamily.revoked_at).where(TokenFamily.id == family_id)
            assert (await session.scalars(found)).one() is None


async def test_every_theft_ends_the_family_in_the_database(connections: Sessions) -> None:
    later = NOW + tokens.GRACE + timedelta(microseconds=1)
    pairs = await start(connections, families=THEFTS)
    untouched = (await start(connections, families=1))[0]
    for pair in pairs:
        stolen = await refresh(connections, pair.refresh_token)
        with pytest.raises(TokenReuseError):
            await refresh(connections, pair.refresh_token, now=later)
        with pytest.raises(RefreshInvalidError) as refusal:
            await refresh(connections, stolen.refresh_token, now=later)
        assert refusal.type is RefreshInvalidError

    async with connections() as session:
        ended = select(func.count()).where(TokenFamily.revoked_at == later)
        assert (await session.scalars(ended)).one() == THEFTS
    renewed = await refresh(connections, untouched.refresh_token, now=later)
    assert renewed.refresh_token != untouched.refresh_token


async def test_a_theft_and_a_refresh_at_once_leave_nothing_alive(connections: Sessions) -> None:
    later = NOW + tokens.GRACE + timedelta(seconds=1)
    for pair in await start(connections, families=ROUNDS):
        second = await refresh(connections, pair.refresh_token)
        await asyncio.gather(
            refresh(connections, pair.refresh_token, now=later),
            refresh(connections, second.refresh_token, now=later),
            return_exceptions=True,
        )
        async with connections() as session:
            family_id = await family_of(session, pair.refresh_token)
            found = select(TokenFamily.revoked_at).where(TokenFamily.id == family_id)
            assert (await session.scalars(found)).one() == later
