"""Codes that people type: a coupon's, which the shop chooses, and a gift card's, which is money."""

import hashlib
import hmac
import unicodedata
from uuid import UUID

from app.core.config import Settings
from app.core.security import hash_token

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no letter that is read as a digit, and no U, with which words begin to be rude."""

READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})

CHARACTERS = 20
"""Five bits each, a hundred in all: nobody guesses one in the life of the universe."""

GROUP = 5
BITS = 5
HINT_CHARACTERS = 4


def normalize_coupon_code(typed: str) -> str:
    """Return a coupon's code as it is stored: in capitals and without spaces."""
    return "".join(unicodedata.normalize("NFKC", typed).upper().split())


def normalize_gift_card_code(typed: str) -> str:
    """Return the characters of a gift card's code; hyphens, spaces and case are for people."""
    letters = unicodedata.normalize("NFKC", typed).upper().translate(READ_AS)
    return "".join(letter for letter in letters if letter in ALPHABET)


def hash_gift_card_code(typed: str) -> bytes:
    """Return what is stored of a code. A hundred random bits need no slower hash than SHA-256."""
    return hash_token(normalize_gift_card_code(typed))


def new_gift_card_code(key: UUID, settings: Settings) -> str:
    """Return the code of a gift card that is issued now."""
    return _derive(key, settings.signing_secrets[0])


def find_gift_card_code(key: UUID, code_hash: bytes, settings: Settings) -> str | None:
    """Return the code of a gift card, unless the secret that it came of is no longer named."""
    for secret in settings.signing_secrets:
        code = _derive(key, secret)
        if hmac.compare_digest(hash_gift_card_code(code), code_hash):
            return code
    return None


def hint(code: str) -> str:
    """Return the last characters, by which people tell gift cards apart."""
    return normalize_gift_card_code(code)[-HINT_CHARACTERS:]


def _derive(key: UUID, secret: str) -> str:
    mac = hmac.digest(secret.encode(), b"gift card " + key.bytes, hashlib.sha256)
    number = int.from_bytes(mac) >> (len(mac) * 8 - CHARACTERS * BITS)
    letters = [ALPHABET[number >> BITS * place & len(ALPHABET) - 1] for place in range(CHARACTERS)]
    groups = ["".join(letters[start : start + GROUP]) for start in range(0, CHARACTERS, GROUP)]
    return "-".join(groups)
