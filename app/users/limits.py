"""Limits against guessing, which hold over all processes and a restart.

Whoever lets strangers try something (a password, a code, an address) spends one attempt first::

    await limits.spend(session, purpose=Purpose.MAIL, email=user.email,
                       address=client.address, now=now)

``spend`` commits, so that the attempt is counted before anything slow or telling happens, and
raises ``TooManyAttemptsError`` (429, with ``Retry-After``) when there is none left. It returns what
was spent; an attempt that turned out right is given back by ``give_back``.

Attempts are counted by account, which need not exist, and by the sender's address. A device that
signed in to the account before (``app/users/devices.py``) has attempts of its own instead, so that
nobody can keep the owner out by using up the account's.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy.ext.asyncio import AsyncSession

from app.db.session import transactional
from app.users import attempt_repository
from app.users.errors import TooManyAttemptsError

SITE_PREFIX = 64
"""How much of an IPv6 address names one customer of a provider; the rest is theirs to choose."""


class Purpose(StrEnum):
    """What is tried."""

    SIGN_IN = "sign-in"
    REGISTRATION = "registration"
    PASSWORD_RESET = "password-reset"  # noqa: S105 (a name)
    MAIL = "mail"
    PASSWORD_CHECK = "password-check"  # noqa: S105 (likewise)
    SECOND_FACTOR = "second-factor"
    GIFT_CARD = "gift-card"
    COUPON = "coupon"


@dataclass(frozen=True)
class Limit:
    """So many attempts within any span of this length, not only within every second one."""

    attempts: int
    span: timedelta


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much is allowed for an account, or a device that it knows, and for an address."""

    account: Limit
    address: Limit


QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)

LIMITS = {
    Purpose.SIGN_IN: Limits(account=Limit(10, QUARTER), address=Limit(100, QUARTER)),
    Purpose.REGISTRATION: Limits(account=Limit(5, HOUR), address=Limit(50, HOUR)),
    Purpose.PASSWORD_RESET: Limits(account=Limit(5, HOUR), address=Limit(50, HOUR)),
    Purpose.MAIL: Limits(account=Limit(5, HOUR), address=Limit(50, HOUR)),
    Purpose.PASSWORD_CHECK: Limits(account=Limit(10, QUARTER), address=Limit(100, QUARTER)),
    Purpose.SECOND_FACTOR: Limits(account=Limit(10, QUARTER), address=Limit(100, QUARTER)),
    Purpose.GIFT_CARD: Limits(account=Limit(10, QUARTER), address=Limit(30, QUARTER)),
    Purpose.COUPON: Limits(account=Limit(10, QUARTER), address=Limit(50, QUARTER)),
}


@dataclass(frozen=True, kw_only=True)
class Client:
    """Who tries: the address, where it is known, and the cookie that the browser keeps."""

    address: str | None = None
    device_cookie: str | None = None


@dataclass(frozen=True, kw_only=True)
class Spent:
    """An attempt that was counted."""

    purpose: Purpose
    subjects: Sequence[bytes]
    moment: datetime


@transactional
async def spend(
    session: AsyncSession,
    *,
    purpose: Purpose,
    now: datetime,
    email: str | None = None,
    address: str | None = None,
    device: str | None = None,
) -> Spent:
    """Count an attempt, and commit; of many at once no more get through than there are left.

    Args:
        session: What its transaction did before is committed too, or undone on refusal.
        purpose: What is tried. Each purpose is counted apart.
        now: The moment of the attempt.
        email: The account's address as ``normalize_email`` returns it, whether it exists or not.
        address: The sender's IP address, as ``ClientAddress`` knows it.
        device: The id by which the account knows the sender's device, from ``devices.recognise``.

    Raises:
        TooManyAttemptsError: nothing was counted anywhere; it says when there is one again.
    """
    return await count(
        session, purpose=purpose, now=now, email=email, address=address, device=device
    )


async def count(
    session: AsyncSession,
    *,
    purpose: Purpose,
    now: datetime,
    email: str | None = None,
    address: str | None = None,
    device: str | None = None,
) -> Spent:
    """Count an attempt in the caller's transaction, for what is neither slow nor telling.

    Others who are counted at the same subject wait until it ends. The caller commits what turned
    out wrong, and undoes what was refused; the arguments are those of ``spend``.

    Raises:
        TooManyAttemptsError: it says when there is one again.
    """
    subjects = _subjects(LIMITS[purpose], email=email, address=address, device=device)
    for subject, limit in subjects:
        refused_until = await attempt_repository.spend_attempt(
            session,
            purpose=purpose,
            subject=subject,
            attempts=limit.attempts,
            span=limit.span,
            now=now,
        )
        if refused_until is not None:
            raise too_many_attempts(refused_until - now)
    return Spent(purpose=purpose, subjects=[subject for subject, _ in subjects], moment=now)


async def give_back(session: AsyncSession, spent: Spent) -> None:
    """Take an attempt back that turned out right, in the caller's transaction."""
    for subject in spent.subjects:
        await attempt_repository.give_back_attempt(
            session, purpose=spent.purpose, subject=subject, moment=spent.moment
        )


async def forget_old_attempts(session: AsyncSession, *, now: datetime, limit: int) -> int:
    """Delete counts in which nothing counts any more, up to a limit; return how many."""
    return await attempt_repository.delete_old_attempts(session, now=now, limit=limit)


def too_many_attempts(wait: timedelta) -> TooManyAttemptsError:
    """Return the refusal that says how long to wait."""
    seconds = max(1, math.ceil(wait.total_seconds()))
    minutes = math.ceil(seconds / 60)
    when = {1: "a minute", 60: "an hour"}.get(minutes, f"{minutes} minutes")
    return TooManyAttemptsError(
        f"Too many attempts. Please try again in {when}.", headers={"Retry-After": str(seconds)}
    )


def _subjects(
    limits: Limits, *, email: str | None, address: str | None, device: str | None
) -> list[tuple[bytes, Limit]]:
    """Return what is counted, always the account before the address, hence without deadlocks."""
    if device is not None:
        return [(_digest("device", device), limits.account)]
    subjects = []
    if email is not None:
        subjects.append((_digest("account", email), limits.account))
    site = _site(address) if address is not None else None
    if site is not None:
        subjects.append((_digest("address", site), limits.address))
    return subjects


def _site(address: str) -> str | None:
    """Return what one sender cannot change at will; ``None`` for this machine itself.

    A request from here is the operator's, or comes through a proxy that the settings do not name:
    one count for all its users would let each of them shut out all others.
    """
    parsed = ip_address(address)
    if parsed.is_loopback:
        return None
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, SITE_PREFIX), strict=False))
    return address


def _digest(kind: str, value: str) -> bytes:
    """Return what stands for a subject: who tried what is not kept in words."""
    return hashlib.sha256(f"{kind}\n{value}".encode()).digest()
