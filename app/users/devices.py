"""Devices that an account knows, since somebody signed in to it there before.

A browser keeps a signed cookie that names the accounts and, for each, an id that changes with
every sign-in. It opens nothing: it only has attempts of its own (``app/users/limits.py``), which
strangers cannot use up.
"""

import hashlib

from itsdangerous import BadSignature

from app.core.config import Settings
from app.core.security import new_opaque_token
from app.core.signing import signer

LIFETIME_DAYS = 365
MAX_ACCOUNTS = 5
"""How many accounts one browser may be known to; the oldest sign-in is forgotten first."""

MARK_CHARACTERS = 22


def recognise(cookie: str | None, *, email: str, settings: Settings) -> str | None:
    """Return the id by which the account knows the device, if it does."""
    return _read(cookie, settings).get(_mark(email))


def remember(cookie: str | None, *, email: str, settings: Settings) -> str:
    """Return the cookie of a device on which somebody has just proved to own the account.

    Its id for the account is new, and with it its attempts.
    """
    known = _read(cookie, settings)
    known.pop(_mark(email), None)
    kept = list(known.items())[-(MAX_ACCOUNTS - 1) :]
    signed = signer("device", settings).dumps(dict([*kept, (_mark(email), new_opaque_token())]))
    return str(signed)


def _read(cookie: str | None, settings: Settings) -> dict[str, str]:
    try:
        known: dict[str, str] = signer("device", settings).loads(cookie or "")
    except BadSignature:
        return {}
    return known


def _mark(email: str) -> str:
    return hashlib.sha256(email.encode()).hexdigest()[:MARK_CHARACTERS]
