"""The rules of accounts."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from app.core.config import get_settings
from app.core.security import (
    Role,
    TokenExpiredError,
    TokenInvalidError,
    encode_access_token,
    hash_password,
)
from app.users import service, tokens
from app.users.errors import (
    AccountDeactivatedError,
    EmailConflictError,
    InvalidCredentialsError,
    InvalidEmailError,
    RefreshInvalidError,
)
from app.users.limits import Client
from app.users.models import TokenFamily, User, UserSession
from app.users.schemas import normalize_email
from app.users.sessions import start_session
from tests.users.conftest import connections_in_use, hashing_delayed

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EMAIL = "ada@example.com"
PASSWORD = "correct horse"


def access_token(user: User, *, role: Role = Role.USER) -> str:
    return encode_access_token(user_id=user.id, role=role, now=NOW, settings=get_settings())


async def make_account(session: AsyncSession, **values: object) -> User:
    user = User(**{"email": EMAIL, **values})
    session.add(user)
    await session.commit()
    return user


async def test_who_gives_no_name_is_a_reader(db_session: AsyncSession) -> None:
    principal = await service.register(
        db_session, email=EMAIL, password=PASSWORD, client=Client(), now=NOW
    )

    assert principal.email == EMAIL
    assert principal.display_name == "Reader"
    assert principal.is_admin is False


async def test_register_gives_the_connection_back_before_it_hashes(
    connections: async_sessionmaker[AsyncSession],
) -> None:
    async with connections() as session:
        await service.has_admin(session)
        engine = session.bind
        assert isinstance(engine, AsyncEngine)
        assert connections_in_use(engine) == 1

        async with hashing_delayed() as until_waiting:
            task = asyncio.create_task(
                service.register(session, email=EMAIL, password=PASSWORD, client=Client(), now=NOW)
            )
            await until_waiting(1)
            held = connections_in_use(engine)

        assert (await task).email == EMAIL
        assert held == 0


async def test_authenticate_returns_the_account_as_it_is_now(db_session: AsyncSession) -> None:
    user = await make_account(db_session, full_name="Ada Lovelace", role=Role.ADMIN)

    principal = await service.authenticate(db_session, token=access_token(user), now=NOW)

    assert (principal.id, principal.email, principal.display_name, principal.role) == (
        user.id,
        EMAIL,
        "Ada Lovelace",
        Role.ADMIN,
    )


async def test_rights_come_from_the_database_not_from_the_token(db_session: AsyncSession) -> None:
    user = await make_account(db_session)
    token = access_token(user, role=Role.ADMIN)

    assert (await service.authenticate(db_session, token=token, now=NOW)).is_admin is False


async def test_deactivation_is_obeyed_at_the_next_request(db_session: AsyncSession) -> None:
    user = await make_account(db_session)
    token = access_token(user)
    await service.authenticate(db_session, token=token, now=NOW)
    await db_session.execute(update(User).values(is_active=False))

    with pytest.raises(AccountDeactivatedError, match=r"^Account deactivated\. Contact support\.$"):
        await service.authenticate(db_session, token=token, now=NOW)


async def test_the_token_of_an_account_that_is_gone_is_invalid(db_session: AsyncSession) -> None:
    user = await make_account(db_session)
    token = access_token(user)
    await db_session.execute(delete(User))

    with pytest.raises(TokenInvalidError):
        await service.authenticate(db_session, token=token, now=NOW)


async def test_an_expired_token_is_refused(db_session: AsyncSession) -> None:
    user = await make_account(db_session)
    later = NOW + timedelta(minutes=get_settings().access_token_minutes)

    with pytest.raises(TokenExpiredError):
        await service.authenticate(db_session, token=access_token(user), now=later)


async def test_create_admin_opens_an_account_that_can_sign_in(db_session: AsyncSession) -> None:
    password_hash = await hash_password(PASSWORD)

    admin = await service.create_admin(
        db_session, email="Boss@Example.com", password_hash=password_hash
    )

    assert admin.is_admin
    assert await service.has_admin(db_session)
    signed_in = await service.check_credentials(
        db_session, email="boss@example.com", password=PASSWORD, client=Client(), now=NOW
    )
    assert signed_in == admin


async def test_create_admin_leaves_an_existing_account_alone(db_session: AsyncSession) -> None:
    await make_account(db_session, password_hash="before")

    with pytest.raises(EmailConflictError):
        await service.create_admin(db_session, email="ADA@example.com", password_hash="after")

    user = (await db_session.scalars(select(User))).one()
    assert (user.role, user.password_hash) == (Role.USER, "before")
    assert not await service.has_admin(db_session)


async def test_create_admin_refuses_an_address_nobody_could_sign_in_with(
    db_session: AsyncSession,
) -> None:
    with pytest.raises(InvalidEmailError):
        await service.create_admin(db_session, email="boss@localhost", password_hash="x")

    assert (await db_session.scalars(select(func.count()).select_from(User))).one() == 0


async def test_reset_password_signs_the_account_out_everywhere(db_session: AsyncSession) -> None:
    user = await make_account(db_session, password_hash=await hash_password("forgotten"))
    other = await make_account(db_session, email="eve@example.com")
    families = {}
    for account in (user, other):
        await start_session(db_session, user_id=account.id, now=NOW, lifetime=timedelta(days=1))
        families[account.id] = await tokens.start_family(
            db_session, user_id=account.id, role=Role.USER, now=NOW, settings=get_settings()
        )

    found = await service.reset_password(
        db_session, email="ADA@example.com", password_hash=await hash_password(PASSWORD)
    )

    assert found is True
    assert (await db_session.scalars(select(UserSession.user_id))).all() == [other.id]
    assert (await db_session.scalars(select(TokenFamily.user_id))).all() == [other.id]
    with pytest.raises(RefreshInvalidError):
        await tokens.refresh(
            db_session,
            refresh_token=families[user.id].refresh_token,
            now=NOW,
            settings=get_settings(),
        )
    with pytest.raises(InvalidCredentialsError):
        await service.check_credentials(
            db_session, email=EMAIL, password="forgotten", client=Client(), now=NOW
        )
    signed_in = await service.check_credentials(
        db_session, email=EMAIL, password=PASSWORD, client=Client(), now=NOW
    )
    assert signed_in.id == user.id


@pytest.mark.parametrize("email", ["nobody@example.com", "no address"])
async def test_reset_password_of_an_unknown_account_changes_nothing(
    db_session: AsyncSession, email: str
) -> None:
    await make_account(db_session, password_hash="before")

    assert not await service.reset_password(db_session, email=email, password_hash="after")

    assert (await db_session.scalars(select(User.password_hash))).all() == ["before"]


async def test_a_password_changed_during_a_sign_in_ends_it(
    connections: async_sessionmaker[AsyncSession],
) -> None:
    async with connections() as session:
        await service.register(session, email=EMAIL, password=PASSWORD, client=Client(), now=NOW)
        await session.commit()
    new_hash = await hash_password("another battery")

    async with connections() as signing_in, connections() as changing:
        await service.reset_password(changing, email=EMAIL, password_hash=new_hash)
        attempt = asyncio.ensure_future(
            service.check_credentials(
                signing_in, email=EMAIL, password=PASSWORD, client=Client(), now=NOW
            )
        )
        done, _ = await asyncio.wait([attempt], timeout=1)
        assert not done
        await changing.commit()
        with pytest.raises(InvalidCredentialsError):
            await attempt


async def test_mail_goes_to_active_accounts_only(db_session: AsyncSession) -> None:
    first = await make_account(db_session)
    closed = await make_account(db_session, email="closed@example.com", is_active=False)
    await make_account(db_session, email="not-asked-for@example.com")

    told = await service.get_recipients(db_session, user_ids=[closed.id, first.id])
    assert told == [(EMAIL, None)]
    assert await service.get_recipients(db_session, user_ids=[]) == []


@given(st.emails() | st.builds("{}@example.com".format, st.text(min_size=1, max_size=60)))
@example("İSTANBUL@example.com")
@example("ΣΊΣΥΦΟΣ@example.com")
@example("Å@example.com")
def test_an_address_has_one_spelling(address: str) -> None:
    try:
        stored = normalize_email(address)
    except ValueError:
        return
    assert stored == stored.lower() == normalize_email(stored)


@pytest.mark.parametrize(
    "address",
    ["ADA@EXAMPLE.COM", "ada@EXÄMPLE.com", "ada@ΣΊΣΥΦΟΣ.com"],
)
async def test_the_database_agrees_on_lower_case(db_session: AsyncSession, address: str) -> None:
    stored = normalize_email(address)

    await make_account(db_session, email=stored)

    assert (await db_session.scalars(select(User.email))).one() == stored


def test_every_mail_server_can_deliver_to_an_address() -> None:
    assert normalize_email("AB@exämple.com") == "ab@xn--exmple-cua.com"
    with pytest.raises(ValueError, match="only the letters a to z before the @"):
        normalize_email("jörg@example.com")
