"""The cookie by which accounts know a browser."""

import pytest
from pydantic import SecretStr

from app.core.config import Settings
from app.core.signing import signer
from app.users.devices import MAX_ACCOUNTS, recognise, remember

SETTINGS = Settings(secret_key=SecretStr("a secret that only these tests have"))
ADA = "ada@example.com"
EVE = "eve@example.com"


def test_an_account_knows_the_device_that_it_was_signed_in_on() -> None:
    cookie = remember(None, email=ADA, settings=SETTINGS)

    assert recognise(cookie, email=ADA, settings=SETTINGS) is not None
    assert recognise(cookie, email=EVE, settings=SETTINGS) is None
    assert "ada" not in cookie


def test_each_sign_in_gives_the_device_a_new_id() -> None:
    first = remember(None, email=ADA, settings=SETTINGS)
    second = remember(first, email=ADA, settings=SETTINGS)

    ids = {recognise(cookie, email=ADA, settings=SETTINGS) for cookie in (first, second)}
    assert len(ids - {None}) == 2


def test_a_family_can_share_a_browser_up_to_a_number() -> None:
    readers = [f"reader{number}@example.com" for number in range(MAX_ACCOUNTS + 1)]
    cookie = remember(None, email=ADA, settings=SETTINGS)
    for reader in readers[:-2]:
        cookie = remember(cookie, email=reader, settings=SETTINGS)
    adas = recognise(cookie, email=ADA, settings=SETTINGS)
    cookie = remember(cookie, email=readers[0], settings=SETTINGS)
    assert recognise(cookie, email=ADA, settings=SETTINGS) == adas != None  # noqa: E711
    cookie = remember(cookie, email=readers[-2], settings=SETTINGS)

    assert recognise(cookie, email=ADA, settings=SETTINGS) is None
    known = [reader for reader in readers if recognise(cookie, email=reader, settings=SETTINGS)]
    assert known == readers[:-1]
    assert len(cookie) < 1024


@pytest.mark.parametrize("cookie", [None, "", "made up", "Ω", "e30.e30"])
def test_a_made_up_cookie_knows_nobody(cookie: str | None) -> None:
    assert recognise(cookie, email=ADA, settings=SETTINGS) is None
    assert recognise(remember(cookie, email=ADA, settings=SETTINGS), email=ADA, settings=SETTINGS)


def test_what_was_signed_for_something_else_knows_nobody() -> None:
    cookie = remember(None, email=ADA, settings=SETTINGS)
    payload = signer("device", SETTINGS).loads(cookie)
    foreign = str(signer("csrf", SETTINGS).dumps(payload))

    assert recognise(foreign, email=ADA, settings=SETTINGS) is None


def test_a_device_stays_known_while_the_secret_is_replaced() -> None:
    cookie = remember(None, email=ADA, settings=SETTINGS)
    renewed = Settings(secret_key=SecretStr("renewed"), secret_keys_former=(SETTINGS.secret_key,))

    assert recognise(cookie, email=ADA, settings=renewed) == recognise(
        cookie, email=ADA, settings=SETTINGS
    )
    later = renewed.model_copy(update={"secret_keys_former": ()})
    assert recognise(cookie, email=ADA, settings=later) is None
