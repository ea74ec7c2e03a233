"""Readable addresses of books: ``/books/42/pride-and-prejudice-jane-austen``.

The number finds the book; the words are for people, and follow the title when it changes.
"""

import unicodedata
from urllib.parse import quote

MAX_CHARACTERS = 80
NAMELESS = "book"
"""For a title and an author without any letter ("?!")."""

SPELT_OUT = {
    "&": " and ",
    "æ": "ae",
    "œ": "oe",
    "ø": "o",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "ł": "l",
    "ħ": "h",
    "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    "ŋ": "ng",
}
"""Letters that Unicode does not take apart, and what they are written as without them."""

APOSTROPHES = "'`\u2018\u2019\u02bc"


def make_slug(*, title: str, author: str) -> str:
    """Return title and author as words with hyphens, at most ``MAX_CHARACTERS``, never empty.

    Latin letters lose their accents; letters of other scripts stay, since nobody would know a
    transcription.
    """
    composed = unicodedata.normalize("NFC", f"{title} {author}").casefold()
    words = composed.translate(LETTERS).split()
    slug = ""
    for word in words:
        longer = f"{slug}-{word}" if slug else word[:MAX_CHARACTERS]
        if len(longer) > MAX_CHARACTERS:
            break
        slug = longer
    return slug or NAMELESS


def book_address(book_id: int, *, title: str, author: str) -> str:
    """Return the path of a book's page; every other spelling of it redirects there."""
    return f"/books/{book_id}/{quote(make_slug(title=title, author=author))}"


class _Letters(dict[int, str]):
    """What characters are in an address, worked out when one is met for the first time."""

    def __missing__(self, code: int) -> str:
        """Return and remember what a character becomes."""
        folded = _fold(chr(code))
        self[code] = "".join(part if _is_in_words(part) else " " for part in folded)
        return self[code]


LETTERS = _Letters()


def _fold(character: str) -> str:
    if character in APOSTROPHES:
        return ""
    plain = "".join(part for part in unicodedata.normalize("NFKD", character) if part.isascii())
    return SPELT_OUT.get(character) or plain or character


def _is_in_words(character: str) -> bool:
    """Tell whether it is a letter, a digit, or a mark that a script's letters carry."""
    return unicodedata.category(character)[0] in "LNM"
