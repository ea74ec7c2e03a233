"""Passwords, opaque tokens and access tokens."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import OctKey, RSAKey
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
    key_id,
    new_opaque_token,
    verify_password,
)
from app.main import create_app
from tests.servers import PROJECT

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "a secret that only these tests have"
SETTINGS = Settings(secret_key=SecretStr(SECRET), access_token_minutes=15)
HEADER = {"typ": "at+jwt", "alg": "HS256", "kid": key_id(SECRET)}
FORMER = "the secret that these tests had before"
FOREIGN = "a secret that somebody else has made up"
RSA = RSAKey.generate_key(2048)
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
    words = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(words).rstrip(b"=").decode()


def decode(token: str, *, now: datetime = NOW) -> AccessToken:
    return decode_access_token(token, now=now, settings=SETTINGS)


def sign_words(payload: bytes, *, header: dict[str, Any] = HEADER) -> str:
    return jws.serialize_compact(header, payload, OctKey.import_key(SECRET.encode()))


def sign_with(key: bytes) -> str:
    """Return a token as forgers sign it, with what the library does not take as a key."""
    signed = f"{part(HEADER)}.{part(CLAIMS)}"
    signature = hmac.digest(key, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_what_forgers_sign_with_is_well_formed() -> None:
    assert decode(sign_with(SECRET.encode())).user_id == 7
    assert decode(f"{part(HEADER)}.{part(CLAIMS)}.{sign().split('.')[2]}").user_id == 7


async def test_a_password_is_hashed_with_argon2id_and_a_salt_of_its_own() -> None:
    first, second = await hash_password("correct horse"), await hash_password("correct horse")

    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert await verify_password("correct horse", first)
    assert not await verify_password("Correct horse", first)


FORKS = """
import asyncio, multiprocessing
from app.core.security import hash_password

def work():
    asyncio.run(hash_password("correct horse"))

work()
child = multiprocessing.get_context("fork").Process(target=work, daemon=True)
child.start()
child.join(30)
raise SystemExit("it hangs" if child.is_alive() else child.exitcode)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork")
def test_a_process_hashes_though_its_parent_did_before_it_was_forked() -> None:
    result = subprocess.run([sys.executable, "-c", FORKS], check=False, cwd=PROJECT, timeout=60)
    assert result.returncode == 0


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


def test_a_token_names_its_key_and_tells_nothing_of_it() -> None:
    token = encode_access_token(user_id=7, role=Role.USER, now=NOW, settings=SETTINGS)
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))

    assert header == HEADER
    assert SECRET not in str(header)
    assert key_id(SECRET) != key_id(FORMER)
    assert len(key_id(SECRET)) == 16


def test_a_replaced_key_holds_until_its_tokens_end_and_signs_none() -> None:
    before = Settings(secret_key=SecretStr(FORMER), access_token_minutes=15)
    after = Settings(
        secret_key=SecretStr(SECRET),
        secret_keys_former=(SecretStr(FORMER),),
        access_token_minutes=15,
    )
    old = encode_access_token(user_id=7, role=Role.USER, now=NOW, settings=before)
    new = encode_access_token(user_id=7, role=Role.USER, now=NOW, settings=after)

    last_moment = NOW + timedelta(minutes=15, seconds=-1)
    assert decode_access_token(old, now=last_moment, settings=after).user_id == 7
    assert decode_access_token(new, now=last_moment, settings=SETTINGS).user_id == 7
    with pytest.raises(TokenExpiredError):
        decode_access_token(old, now=NOW + timedelta(minutes=15), settings=after)
    for token, settings in ((new, before), (old, SETTINGS)):
        with pytest.raises(TokenInvalidError):
            decode_access_token(token, now=NOW, settings=settings)


def changed(**changes: Any) -> str:
    """Return the header and the signature of a right token around a changed payload."""
    header, _, signature = sign().split(".")
    return f"{header}.{part({**CLAIMS, **changes})}.{signature}"


def flipped(token: str, place: int) -> str:
    return token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]


def rsa_signed(header: dict[str, Any]) -> str:
    return jwt.encode(header, CLAIMS, RSA, algorithms=["RS256"])


def header_with(**changes: Any) -> dict[str, Any]:
    merged = {**HEADER, **changes}
    return {name: value for name, value in merged.items() if value is not None}


RIGHT = sign()
UNSIGNED = {
    f"alg {algorithm!r} {signed}": f"{part(header_with(alg=algorithm))}.{part(CLAIMS)}.{signature}"
    for algorithm in ("none", "None", "NONE", "nOnE", "hs256", "", "RS256", "ES256", "EdDSA")
    for signed, signature in (("unsigned", ""), ("with a signature", RIGHT.rpartition(".")[2]))
}
FORGERIES = UNSIGNED | {
    "another algorithm of the key": sign(header=header_with(alg="HS384")),
    "a third algorithm of the key": sign(header=header_with(alg="HS512")),
    "RSA, its own key": rsa_signed(header_with(alg="RS256")),
    "RSA, the key in the header": rsa_signed(header_with(alg="RS256", jwk=RSA.as_dict())),
    "the public key as the secret": sign_with(RSA.as_pem(private=False)),
    "the key in the header": sign(
        header=header_with(jwk=OctKey.import_key(FOREIGN).as_dict()), secret=FOREIGN
    ),
    "a place of keys": sign(header=header_with(jku="https://eve.example/keys"), secret=FOREIGN),
    "a certificate": sign(header=header_with(x5u="https://eve.example/cert"), secret=FOREIGN),
    "another key under our name": sign(secret=FOREIGN),
    "another key under its own name": sign(header=header_with(kid=key_id(FOREIGN)), secret=FOREIGN),
    "a former key that is no longer named": sign(
        header=header_with(kid=key_id(FORMER)), secret=FORMER
    ),
    "the empty key": sign_with(b""),
    "no kid": sign(header=header_with(kid=None)),
    "an empty kid": sign(header=header_with(kid="")),
    "an unknown kid": sign(header=header_with(kid="0" * 16)),
    "a kid that is a path": sign(header=header_with(kid="../../dev/null")),
    "a kid that is SQL": sign(header=header_with(kid="' OR 1=1 --")),
    "a kid in capitals": sign(header=header_with(kid=key_id(SECRET).upper() + " ")),
    "no typ": sign_words(json.dumps(CLAIMS).encode(), header=header_with(typ=None)),
    "an empty typ": sign(header=header_with(typ="")),
    "another typ": sign(header=header_with(typ="JWT")),
    "a typ in capitals": sign(header=header_with(typ="AT+JWT")),
    "a refresh token's typ": sign(header=header_with(typ="rt+jwt")),
    "crit": f"{part(header_with(crit=['exp']))}.{RIGHT.partition('.')[2]}",
    "no iss": sign(iss=None),
    "another iss": sign(iss="elsewhere"),
    "an iss in capitals": sign(iss="BOOKSTORE"),
    "a list of iss": sign(iss=["bookstore"]),
    "no aud": sign(aud=None),
    "another aud": sign(aud="elsewhere"),
    "a list of other aud": sign(aud=["elsewhere", "bookstore"]),
    "an empty list of aud": sign(aud=[]),
    "no sub": sign(sub=None),
    "a sub that is a name": sign(sub="ada"),
    "a sub that is a number": sign(sub=7),
    "no role": sign(role=None),
    "a role that there is not": sign(role="owner"),
    "no jti": sign(jti=None),
    "no exp": sign(exp=None),
    "an exp that is a word": sign(exp="tomorrow"),
    "an exp that is nothing": f"{part(HEADER)}.{part({**CLAIMS, 'exp': None})}.x",
    "no iat": sign(iat=None),
    "an iat that is to come": sign(iat=CLAIMS["exp"]),
    "an nbf that is to come": sign(nbf=CLAIMS["exp"]),
    "a changed role": changed(role="admin"),
    "a changed account": changed(sub="1"),
    "a longer life": changed(exp=int(NOW.timestamp()) + 3600),
    "a changed header": f"{part(header_with(extra=1))}.{RIGHT.partition('.')[2]}",
    "a changed first letter of the signature": flipped(RIGHT, RIGHT.rindex(".") + 1),
    "a signature that is cut": RIGHT[:-1],
    "no signature": RIGHT.rpartition(".")[0] + ".",
    "two parts": RIGHT.rpartition(".")[0],
    "four parts": f"{RIGHT}.{part({})}",
    "a payload that is cut": ".".join(
        (RIGHT.split(".")[0], RIGHT.split(".")[1][:-2], RIGHT.split(".")[2])
    ),
    "a payload that is a list": sign_words(b"[]"),
    "a payload that is no JSON": sign_words(b"admin"),
    "nothing": "",
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
def test_a_forgery_is_invalid(forgery: str) -> None:
    with pytest.raises(TokenInvalidError) as refusal:
        decode(forgery)

    assert refusal.type is TokenInvalidError
    assert (refusal.value.status, refusal.value.code) == (401, "AUTH_TOKEN_INVALID")


def test_there_are_enough_forgeries_and_all_differ_from_the_right_token() -> None:
    assert len(set(FORGERIES.values()) - {RIGHT}) == len(FORGERIES) >= 50


@given(st.text() | st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*", fullmatch=True))
def test_what_is_no_token_is_invalid(token: str) -> None:
    with pytest.raises(TokenInvalidError):
        decode(token)


def test_expired_has_a_code_of_its_own() -> None:
    with pytest.raises(TokenExpiredError) as refusal:
        decode(sign(exp=int(NOW.timestamp())))

    assert (refusal.value.status, refusal.value.code) == (401, "AUTH_TOKEN_EXPIRED")


async def test_the_first_sign_in_after_a_start_takes_one_hash_whoever_comes() -> None:
    _stand_in_hash.cache_clear()
    async with create_app().router.lifespan_context(FastAPI()):
        assert _stand_in_hash.cache_info().currsize == 1


async def test_the_stand_in_hash_is_not_computed_on_the_event_loop() -> None:
    _stand_in_hash.cache_clear()
    task = asyncio.create_task(verify_password("some words", None))
    await asyncio.sleep(0)  # by now the task has done all that it does before it waits
    assert _stand_in_hash.cache_info().currsize == 0
    assert not await task
    assert _stand_in_hash.cache_info().currsize == 1
