"""The ``Idempotency-Key`` header, by which a request may be repeated and has one effect.

It is what draft-ietf-httpapi-idempotency-key-header calls a Structured Field string (RFC 8941,
section 3.3.3), in double quotes; the bare spelling that most clients send is the same key.
"""

from app.orders.errors import BadIdempotencyKeyError

MAX_LENGTH = 255
QUOTE = '"'
ESCAPE = "\\"


def read_key(header: str) -> str:
    """Return the key that a header names.

    Raises:
        BadIdempotencyKeyError: it is empty, too long, or has characters that are not printable
            ASCII; or its quotation marks do not match.
    """
    text = header.strip(" ")
    key = _unquote(text) if text.startswith(QUOTE) else text
    if not 0 < len(key) <= MAX_LENGTH or not (key.isascii() and key.isprintable()):
        raise BadIdempotencyKeyError
    return key


def _unquote(text: str) -> str:
    letters = iter(text[1:])
    key: list[str] = []
    for letter in letters:
        if letter == QUOTE:
            if next(letters, None) is not None:
                raise BadIdempotencyKeyError
            return "".join(key)
        if letter == ESCAPE:
            escaped = next(letters, "")
            if escaped not in {QUOTE, ESCAPE}:
                raise BadIdempotencyKeyError
            key.append(escaped)
        else:
            key.append(letter)
    raise BadIdempotencyKeyError
