"""Which passwords are refused."""

import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from app.core.config import get_settings
from app.users.guessable import _common_passwords, refuse_address, refuse_common
from app.users.schemas import MIN_PASSWORD_CHARACTERS


@pytest.mark.parametrize(
    "password",
    [
        "password123",
        "PASSWORD123",
        " 12345678 ",
        "\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18",
        "qwertyuiop",
        "iloveyou",
    ],
)
def test_a_common_password_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match=r"^Many people use this password"):
        refuse_common(password)


def test_enough_passwords_that_the_rule_would_let_pass_are_known() -> None:
    chosen = [word for word in _common_passwords() if len(word) >= MIN_PASSWORD_CHARACTERS]

    assert len(chosen) > 10_000
    assert {word.casefold() for word in FREQUENCY_LISTS["passwords"]} == _common_passwords()


@pytest.mark.parametrize(
    "password", ["Corner Books", "cornerbooks", "CORNER-BOOKS 2026!", "\uff23orner \uff22ooks"]
)
def test_the_shops_name_is_refused(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_settings(), "shop_name", "Corner Books")

    with pytest.raises(ValueError, match="not made of your address or the shop's name"):
        refuse_common(password)


@pytest.mark.parametrize(
    "password",
    ["ada.lovelace@example.com", "ADA.Lovelace@example.com", "adalovelace", "ada lovelace 1"],
)
def test_the_address_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="not made of your address or the shop's name"):
        refuse_address(password, email="ada.lovelace@example.com")


@pytest.mark.parametrize(
    "password", ["correct horse", "ada lovelace reads", "98127634", "日本語のパスワード"]
)
def test_any_other_is_taken(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_settings(), "shop_name", "451")

    assert refuse_common(password) == password
    for email in ("ada.lovelace@example.com", "007@example.com", ""):
        assert refuse_address(password, email=email) == password
