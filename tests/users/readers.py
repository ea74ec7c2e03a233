"""Readers with a password, the links that were mailed to them, and jobs that were queued."""

import json
from functools import cache
from typing import Any

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import get_settings
from app.core.security import Role
from app.users.account_models import AccountLink, LinkPurpose
from app.users.links import link_token
from app.users.models import User
from tests.factories import make_user

PASSWORD = "a few words of mine"
OTHER_PASSWORD = "quite other words of mine"


@cache
def known_hash() -> str:
    """Return a hash of ``PASSWORD``, as strong as the shop's own."""
    hasher = Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
    return PasswordHash((hasher,)).hash(PASSWORD)


async def make_reader(
    session: AsyncSession, email: str = "ada@example.com", *, role: Role = Role.USER
) -> User:
    """Write an account whose password is ``PASSWORD``, and commit."""
    user = await make_user(session, email=email, role=role)
    await session.execute(update(User).where(User.id == user.id).values(password_hash=known_hash()))
    await session.commit()
    session.expunge_all()
    return user


async def newest_token(session: AsyncSession, purpose: LinkPurpose) -> str:
    """Return what the newest link of a purpose carries in the mail."""
    statement = (
        select(AccountLink.id)
        .where(AccountLink.purpose == purpose)
        .order_by(AccountLink.expires_at.desc())
    )
    link_id = (await session.scalars(statement)).first()
    assert link_id is not None
    return link_token(link_id, get_settings())


async def queued(session: AsyncSession, name: str) -> list[dict[str, Any]]:
    """Return the arguments of the jobs that wait under a name."""
    statement = text("SELECT args FROM procrastinate_jobs WHERE task_name = :name ORDER BY id")
    found = (await session.scalars(statement, {"name": name})).all()
    return [json.loads(args) if isinstance(args, str) else args for args in found]


async def fresh(session: AsyncSession, user: User) -> User:
    """Return the account as it is in the database now."""
    statement = select(User).where(User.id == user.id).execution_options(populate_existing=True)
    return (await session.scalars(statement)).one()
