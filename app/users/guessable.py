"""Which passwords are refused, because they are the first that anybody would try.

As NIST SP 800-63B-4 (3.1.1.2) and OWASP ASVS 5.0 (6.2) ask: nothing is demanded of a password but
its length, and it is compared with those that are common and with what is known of the account. The
list is that of zxcvbn, more than 11,000 passwords of eight or more characters.
"""

import re
import unicodedata
from functools import cache
from importlib import import_module

from pydantic_core import PydanticCustomError

from app.core.config import get_settings

COMMON = "Many people use this password, so it is tried first. Please choose another."
NAME = "Please choose a password that is not made of your address or the shop's name."

NO_LETTER = re.compile(r"[\W\d_]+")


def refuse_common(password: str) -> str:
    """Return the password, or refuse one that is common or the shop's name.

    Raises:
        ValueError: with a sentence for readers; Pydantic shows it beside the field.
    """
    folded = _fold(password)
    if folded in _common_passwords():
        raise PydanticCustomError("password_common", COMMON)
    if _letters(folded) == _letters(_fold(get_settings().shop_name)) != "":
        raise PydanticCustomError("password_name", NAME)
    return password


def refuse_address(password: str, *, email: str) -> str:
    """Return the password, or refuse one that is the account's address, or the part before the @.

    Raises:
        ValueError: with a sentence for readers; Pydantic shows it beside the field.
    """
    folded, address = _fold(password), _fold(email)
    local = _letters(address.rpartition("@")[0])
    if folded == address or _letters(folded) == local != "":
        raise PydanticCustomError("password_name", NAME)
    return password


@cache
def _common_passwords() -> frozenset[str]:
    # Loaded by those processes only in which somebody chooses a password: it takes 15 MB.
    lists = import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS
    return frozenset(lists["passwords"])


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _letters(text: str) -> str:
    return NO_LETTER.sub("", text)
