"""Passwords, opaque tokens and access tokens."""

import asyncio
import hashlib
import os
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import ClassVar, TypeVar
from uuid import UUID

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import GuestProtocol, OctKey
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.core.config import Settings
from app.core.exceptions import AppError

T = TypeVar("T")

ALGORITHM = "HS256"
ISSUER = "bookstore"
AUDIENCE = "bookstore-api"
TYPE = "at+jwt"
KEY_ID_CHARACTERS = 16
CONCURRENT_HASHES = 4
MAX_PASSWORD_CHARACTERS = 1024


class Role(StrEnum):
    """What an account is. The database's word counts, not the token's."""

    USER = "user"
    STAFF = "staff"
    ADMIN = "admin"

    @property
    def claim(self) -> str:
        """How access tokens call it: they know users and admins, and give no right."""
        return Role.ADMIN if self is Role.ADMIN else Role.USER


class TokenInvalidError(AppError):
    """The access token is malformed, forged, or of an account that is gone."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "AUTH_TOKEN_INVALID"
    detail = "The access token is not valid."


class TokenExpiredError(TokenInvalidError):
    """The access token was valid once."""

    code: ClassVar[str] = "AUTH_TOKEN_EXPIRED"
    detail = "The access token has expired."


@dataclass(frozen=True, kw_only=True)
class AccessToken:
    """What an access token says once its signature and times were proved."""

    user_id: int
    role: Role
    token_id: str
    family_id: UUID | None = None
    """The sign-in that it came of, with which it ends."""


@cache
def _hasher() -> PasswordHash:
    """Argon2id at OWASP's second recommended setting: 19 MiB, two passes, one lane."""
    return PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))


@cache
def _stand_in_hash() -> str:
    """Return a hash that no password matches, to spend the same time on an unknown account."""
    return _hasher().hash(secrets.token_urlsafe(32))


@cache
def _threads(_process_id: int) -> ThreadPoolExecutor:
    """Return the threads that hash: each keeps the memory of its last hash for the next one.

    They are a process's own: one that is forked has none of the threads that its parent started.
    """
    return ThreadPoolExecutor(CONCURRENT_HASHES, thread_name_prefix="hashing")


async def _in_thread(work: Callable[[], T]) -> T:
    """Run costly work off the event loop, a few at a time so that memory stays bounded."""
    return await asyncio.get_running_loop().run_in_executor(_threads(os.getpid()), work)


def _as_typed_anywhere(password: str) -> str:
    """Return the one spelling of a password that keyboards and systems spell in several ways.

    NFKC, as NIST SP 800-63B-4 (3.1.1.2) asks. Nothing is cut off, and no case is changed.
    """
    return unicodedata.normalize("NFKC", password)


async def hash_password(password: str) -> str:
    """Return the Argon2id hash. Call it with no transaction open: it takes a while."""
    return await _in_thread(lambda: _hasher().hash(_as_typed_anywhere(password)))


async def verify_password(password: str, password_hash: str | None) -> bool:
    """Tell whether the password is right; without a hash it takes as long and says no."""
    matches = await _in_thread(
        lambda: _hasher().verify(_as_typed_anywhere(password), password_hash or _stand_in_hash())
    )
    return matches and password_hash is not None


async def prepare_hashing() -> None:
    """Compute what the first sign-in of an unknown account would else spend a second hash on."""
    await _in_thread(_stand_in_hash)


def new_opaque_token() -> str:
    """Return 256 random bits for a cookie, a refresh token or a link."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> bytes:
    """Return what is stored of an opaque token: SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def key_id(secret: str) -> str:
    """Return the name of a signing secret, from which the secret cannot be computed."""
    return hashlib.sha256(b"access token key\n" + secret.encode()).hexdigest()[:KEY_ID_CHARACTERS]


def encode_access_token(
    *, user_id: int, role: Role, now: datetime, settings: Settings, family_id: UUID | None = None
) -> str:
    """Return a JWT (RFC 9068 in spirit) that is valid for ``access_token_minutes``.

    Its header names the key, so that a former one can be told from a forged one. With
    ``family_id``, it is valid only as long as that sign-in has not ended.
    """
    secret = settings.signing_secrets[0]
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user_id),
        "role": role.claim,
        "jti": secrets.token_hex(16),
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(minutes=settings.access_token_minutes)).timestamp()),
    }
    if family_id is not None:
        claims["sid"] = str(family_id)
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": key_id(secret)}
    return jwt.encode(header, claims, OctKey.import_key(secret.encode()))


def decode_access_token(token: str, *, now: datetime, settings: Settings) -> AccessToken:
    """Prove key, signature, type, issuer, audience and times.

    The key is the present one or a former one that the settings still name; nothing that a token
    says of its algorithm or of where its key is to be found is followed.

    Raises:
        TokenExpiredError: it was valid once.
        TokenInvalidError: anything else is wrong with it.
    """
    rules = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    keys = {key_id(secret): secret for secret in settings.signing_secrets}

    def key_of(signed: GuestProtocol) -> OctKey:
        return OctKey.import_key(keys[signed.headers()["kid"]].encode())

    try:
        decoded = jwt.decode(token, key_of, algorithms=[ALGORITHM])
        if decoded.header.get("typ") != TYPE:
            raise TokenInvalidError
        rules.validate(decoded.claims)
        return AccessToken(
            user_id=int(decoded.claims["sub"]),
            role=Role(decoded.claims["role"]),
            token_id=str(decoded.claims["jti"]),
            family_id=UUID(decoded.claims["sid"]) if "sid" in decoded.claims else None,
        )
    except ExpiredTokenError:
        raise TokenExpiredError from None
    except (JoseError, ValueError, KeyError, TypeError):
        raise TokenInvalidError from None
