"""Passwords, opaque tokens and access tokens."""

import asyncio
import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey
from pydantic import SecretStr

from app.core.config import Settings
from app.core.security import (
    AccessToken,
    Role,
    TokenExpiredError,
    TokenInvalidError,
    _stand_in_hash,
    decode_access_token,
    encode_access_token,
    hash_password,
    hash_token,
    new_opaque_token,
    verify_password,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "a secret that only these tests have"
SETTINGS = Settings(secret_key=SecretStr(SECRET), access_token_minutes=15)
HEADER = {"alg": "HS256", "typ": "at+jwt"}
CLAIMS = {
    "iss": "bookstore",
    "aud": "bookstore-api",
    "sub": "7",
    "role": "user",
    "jti": "1f",
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 60,
}


def sign(*, header: dict[str, Any] | None = None, secret: str = SECRET, **changes: Any) -> str:
    """Return a token that differs from a right one in the given ways; None leaves a claim out."""
    merged = {**CLAIMS, **changes}
    claims = {name: value for name, value in merged.items() if value is not None}
    header = header or HEADER
    return jwt.encode(
        header, claims, OctKey.import_key(secret.encode()), algorithms=[header["alg"]]
    )


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def decode(token: str, *, now: datetime = NOW) -> AccessToken:
    return decode_access_token(token, now=now, settings=SETTINGS)


async def test_a_password_is_hashed_with_argon2id_and_a_salt_of_its_own() -> None:
    first, second = await hash_password("correct horse"), await hash_password("correct horse")

    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert await verify_password("correct horse", first)
    assert not await verify_password("Correct horse", first)


async def test_without_a_hash_no_password_is_right() -> None:
    assert await verify_password("", None) is False
    assert await verify_password("correct horse", None) is False


def test_opaque_tokens_carry_256_bits_and_differ() -> None:
    tokens = {new_opaque_token() for _ in range(100)}

    assert len(tokens) == 100
    assert {len(base64.urlsafe_b64decode(token + "=")) for token in tokens} == {32}


@given(st.text())
def test_any_text_can_be_looked_up_as_a_token(token: str) -> None:
    assert len(hash_token(token)) == hashlib.sha256().digest_size


def test_a_token_says_who_it_is_for_its_minutes() -> None:
    token = encode_access_token(user_id=7, role=Role.ADMIN, now=NOW, settings=SETTINGS)

    decoded = decode(token, now=NOW + timedelta(minutes=15, seconds=-1))
    assert (decoded.user_id, decoded.role) == (7, Role.ADMIN)
    with pytest.raises(TokenExpiredError):
        decode(token, now=NOW + timedelta(minutes=15))


def test_two_tokens_of_one_moment_differ() -> None:
    tokens = [
        encode_access_token(user_id=7, role=Role.USER, now=NOW, settings=SETTINGS) for _ in range(2)
    ]

    assert decode(tokens[0]).token_id != decode(tokens[1]).token_id


def test_what_the_forgeries_start_from_is_right() -> None:
    assert decode(sign()) == AccessToken(user_id=7, role=Role.USER, token_id="1f")


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "a secret that somebody else has made up"},
        {"header": {"alg": "HS384", "typ": "at+jwt"}},
        {"header": {"alg": "HS512", "typ": "at+jwt"}},
        {"header": {"alg": "HS256"}},
        {"header": {"alg": "HS256", "typ": "JWT"}},
        {"iss": "elsewhere"},
        {"aud": "elsewhere"},
        {"aud": ["elsewhere"]},
        {"sub": "ada"},
        {"sub": 7},
        {"role": "owner"},
        {"exp": "tomorrow"},
        {"nbf": CLAIMS["exp"]},
        {"iat": CLAIMS["exp"]},
        *({name: None} for name in CLAIMS),
    ],
    ids=str,
)
def test_a_token_that_is_wrong_anywhere_is_invalid(changes: dict[str, Any]) -> None:
    with pytest.raises(TokenInvalidError) as refusal:
        decode(sign(**changes))

    assert refusal.type is TokenInvalidError
    assert (refusal.value.status, refusal.value.code) == (401, "AUTH_TOKEN_INVALID")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "hs256", ""])
def test_an_unsigned_token_is_invalid(algorithm: str) -> None:
    unsigned = f"{part({**HEADER, 'alg': algorithm})}.{part(CLAIMS)}."
    signature = sign().rpartition(".")[2]

    for token in (unsigned, unsigned + signature):
        with pytest.raises(TokenInvalidError):
            decode(token)


def test_a_signature_is_for_its_claims_only() -> None:
    header, _, signature = sign().split(".")

    with pytest.raises(TokenInvalidError):
        decode(f"{header}.{part({**CLAIMS, 'role': 'admin'})}.{signature}")


@given(st.text() | st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*", fullmatch=True))
def test_what_is_no_token_is_invalid(token: str) -> None:
    with pytest.raises(TokenInvalidError):
        decode(token)


def test_expired_has_a_code_of_its_own() -> None:
    with pytest.raises(TokenExpiredError) as refusal:
        decode(sign(exp=int(NOW.timestamp())))

    assert (refusal.value.status, refusal.value.code) == (401, "AUTH_TOKEN_EXPIRED")


async def test_the_stand_in_hash_is_not_computed_on_the_event_loop() -> None:
    _stand_in_hash.cache_clear()
    task = asyncio.create_task(verify_password("some words", None))
    await asyncio.sleep(0)  # by now the task has done all that it does before it waits
    assert _stand_in_hash.cache_info().currsize == 0
    assert not await task
    assert _stand_in_hash.cache_info().currsize == 1
