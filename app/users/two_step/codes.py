"""The secret that codes are made of, and the codes themselves. Nothing here is kept in clear."""

import base64
import hashlib
import hmac
import io
import re
import secrets
from datetime import UTC, datetime, timedelta

import pyotp
import segno
import structlog
from itsdangerous import BadSignature
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pyotp.exceptions import OTPVerificationError

from app.core.config import Settings
from app.core.security import hash_token, key_id
from app.core.signing import signer

log = structlog.get_logger(__name__)

STEP_SECONDS = 30
STEPS_OF_GRACE = 1
"""By how many time steps the clocks of the device and of the shop may differ, either way."""

ENROLMENT_LIFETIME = timedelta(minutes=10)
"""How long somebody may take from seeing the secret to the first code."""

RECOVERY_CODES = 10
RECOVERY_CODE_BYTES = 10


def new_secret() -> str:
    """Return 160 random bits in base 32, as RFC 4226 recommends and apps take."""
    return pyotp.random_base32()


def encrypt_secret(secret: str, *, user_id: int, settings: Settings) -> str:
    """Return the secret for the database, readable for this account only."""
    present = settings.signing_secrets[0]
    header = {"alg": "dir", "enc": "A256GCM", "kid": key_id(present)}
    return jwe.encrypt_compact(header, f"{user_id}:{secret}".encode(), _key(present))


def present_header(settings: Settings) -> str:
    """Return how all begins that was encrypted under the shop's present secret."""
    header, _, _ = encrypt_secret("", user_id=0, settings=settings).partition(".")
    return f"{header}."


def decrypt_secret(encrypted: str, *, user_id: int, settings: Settings) -> str | None:
    """Return the secret; ``None`` if it was encrypted for another account or another shop's key."""
    plain = next(
        (
            plain
            for shop_secret in settings.signing_secrets
            if (plain := _decrypted(encrypted, _key(shop_secret))) is not None
        ),
        b"",
    )
    owner, _, secret = plain.decode().partition(":")
    if owner != str(user_id):
        log.error("a two-step secret cannot be read: is SECRET_KEY another than it was?")
        return None
    return secret


def sign_enrolment(
    encrypted_secret: str, *, user_id: int, now: datetime, settings: Settings
) -> str:
    """Return what proves later that who sends the first code has begun to set this secret up."""
    digest = hashlib.sha256(encrypted_secret.encode()).hexdigest()
    begun = [user_id, digest, int(now.timestamp())]
    return str(signer("two-step enrolment", settings).dumps(begun))


def has_begun(
    token: str, encrypted_secret: str, *, user_id: int, now: datetime, settings: Settings
) -> bool:
    """Tell whether that was of this account, this secret, and not too long ago."""
    try:
        owner, digest, moment = signer("two-step enrolment", settings).loads(token)
    except BadSignature:
        return False
    is_this = (owner, digest) == (user_id, hashlib.sha256(encrypted_secret.encode()).hexdigest())
    return is_this and now < datetime.fromtimestamp(moment, UTC) + ENROLMENT_LIFETIME


def matching_step(secret: str, code: str, *, now: datetime) -> int | None:
    """Return the time step that a code belongs to, if it is one of those around now."""
    totp = pyotp.TOTP(secret, interval=STEP_SECONDS)
    try:
        return totp.verify_and_get_timecode(code, for_time=now, valid_window=STEPS_OF_GRACE)
    except OTPVerificationError:
        return None


def otpauth_uri(secret: str, *, account: str, settings: Settings) -> str:
    """Return the address by which authenticator apps take a secret in."""
    totp = pyotp.TOTP(secret, name=account, issuer=settings.shop_name, interval=STEP_SECONDS)
    return totp.provisioning_uri()


def draw_qr_code(text: str) -> str:
    """Return a QR code as an SVG file, dark on light in every colour scheme: cameras need that."""
    picture = io.BytesIO()
    segno.make_qr(text, error="m").save(
        picture, kind="svg", scale=5, border=4, dark="#000", light="#fff", xmldecl=False, nl=False
    )
    return picture.getvalue().decode()


def new_recovery_codes() -> list[str]:
    """Return ten codes of 80 random bits each, such as ``abcd-efgh-ijkl-mnop``."""
    return [_recovery_code() for _ in range(RECOVERY_CODES)]


def hash_recovery_code(code: str) -> bytes:
    """Return what is stored of a code; case, blanks and hyphens do not matter."""
    return hash_token(re.sub(r"[\s-]", "", code).lower())


def digest_password_hash(password_hash: str | None) -> bytes:
    """Return by what to tell later whether the password is still the same."""
    return hashlib.sha256((password_hash or "").encode()).digest()


def _recovery_code() -> str:
    letters = base64.b32encode(secrets.token_bytes(RECOVERY_CODE_BYTES)).decode().lower()
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))


def _decrypted(encrypted: str, key: OctKey) -> bytes | None:
    try:
        return jwe.decrypt_compact(encrypted, key).plaintext
    except (JoseError, ValueError):
        return None


def _key(shop_secret: str) -> OctKey:
    derived = hmac.new(shop_secret.encode(), b"two-step secrets", hashlib.sha256)
    return OctKey.import_key(derived.digest())
