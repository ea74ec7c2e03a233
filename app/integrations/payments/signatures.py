"""Signed messages: who knows the secret wrote this, and did so just now.

The form is Stripe's: ``t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>">``.
"""

import hashlib
import hmac
import re
from datetime import datetime, timedelta

from app.integrations.payments.gateway import UntrustedEventError

TOLERANCE = timedelta(minutes=5)
"""How far a message may be from now. One that is older may be a copy of what somebody saw."""

HEADER = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


def sign(body: bytes, *, secret: bytes, now: datetime) -> str:
    """Return the header that goes with a body."""
    seconds = int(now.timestamp())
    return f"t={seconds},v1={_digest(body, secret=secret, seconds=seconds)}"


def verify(body: bytes, header: str, *, secret: bytes, now: datetime) -> None:
    """Let only a body pass that was signed with the secret within the last five minutes.

    Raises:
        UntrustedEventError: it was not.
    """
    found = HEADER.fullmatch(header)
    if found is None:
        raise UntrustedEventError("there is no signature")
    seconds = int(found[1])
    if not hmac.compare_digest(found[2], _digest(body, secret=secret, seconds=seconds)):
        raise UntrustedEventError("the signature is another's")
    if abs(now.timestamp() - seconds) > TOLERANCE.total_seconds():
        raise UntrustedEventError("the signature is not of now")


def _digest(body: bytes, *, secret: bytes, seconds: int) -> str:
    return hmac.new(secret, str(seconds).encode() + b"." + body, hashlib.sha256).hexdigest()
