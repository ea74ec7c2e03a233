"""Page sessions in the database."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.security import hash_token
from app.users.models import User, UserSession
from app.users.sessions import end_session, find_principal, start_session
from tests.factories import make_user

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIFETIME = timedelta(days=30)


async def start(session: AsyncSession, user: User) -> str:
    return await start_session(session, user_id=user.id, now=NOW, lifetime=LIFETIME)


async def is_signed_in(session: AsyncSession, token: str, *, now: datetime = NOW) -> bool:
    return await find_principal(session, token=token, now=now) is not None


async def test_a_session_leads_to_its_account(db_session: AsyncSession) -> None:
    user = await make_user(db_session, email="ada@example.com")

    principal = await find_principal(db_session, token=await start(db_session, user), now=NOW)

    assert principal is not None
    assert (principal.id, principal.email, principal.display_name, principal.is_admin) == (
        user.id,
        "ada@example.com",
        "Reader",
        False,
    )


async def test_each_session_has_a_token_of_its_own_stored_as_a_hash(
    db_session: AsyncSession,
) -> None:
    user = await make_user(db_session)
    tokens = {await start(db_session, user), await start(db_session, user)}

    assert len(tokens) == 2
    stored = (await db_session.scalars(select(UserSession.token_hash))).all()
    assert set(stored) == {hash_token(token) for token in tokens}


async def test_a_session_ends_when_its_lifetime_is_over(db_session: AsyncSession) -> None:
    token = await start(db_session, await make_user(db_session))

    last_moment = NOW + LIFETIME - timedelta(microseconds=1)
    assert await is_signed_in(db_session, token, now=last_moment)
    assert not await is_signed_in(db_session, token, now=NOW + LIFETIME)


async def test_a_deactivated_account_is_out_at_the_next_request(db_session: AsyncSession) -> None:
    token = await start(db_session, await make_user(db_session))
    await db_session.execute(update(User).values(is_active=False))

    assert not await is_signed_in(db_session, token)


async def test_signing_out_ends_this_session_only_and_can_be_repeated(
    db_session: AsyncSession,
) -> None:
    user = await make_user(db_session)
    here, elsewhere = await start(db_session, user), await start(db_session, user)

    for _ in range(2):
        await end_session(db_session, token=here)

    assert not await is_signed_in(db_session, here)
    assert await is_signed_in(db_session, elsewhere)


async def test_a_made_up_token_leads_nowhere(db_session: AsyncSession) -> None:
    await start(db_session, await make_user(db_session))

    assert not await is_signed_in(db_session, "")
    assert not await is_signed_in(db_session, "made up")
