"""What a thing is to the tax office."""

from collections.abc import Mapping
from enum import StrEnum

from app.books.codes import BookFormat


class ProductKind(StrEnum):
    """What laws tell apart. An ``audiobook`` is one whether it is downloaded or on a disc.

    ``other`` is taxed at a country's standard rate. ``shipping`` has no rate of its own, and a
    ``gift_card`` is a means of payment, taxed when something is bought with it.
    """

    BOOK = "book"
    EBOOK = "ebook"
    AUDIOBOOK = "audiobook"
    OTHER = "other"
    SHIPPING = "shipping"
    GIFT_CARD = "gift_card"


RATED = (ProductKind.BOOK, ProductKind.EBOOK, ProductKind.AUDIOBOOK, ProductKind.OTHER)
"""The kinds that a country's table has a rate for."""

KINDS: Mapping[BookFormat, ProductKind] = {
    BookFormat.HARDBACK: ProductKind.BOOK,
    BookFormat.PAPERBACK: ProductKind.BOOK,
    BookFormat.MASS_MARKET: ProductKind.BOOK,
    BookFormat.BOARD_BOOK: ProductKind.BOOK,
    BookFormat.SPIRAL_BOUND: ProductKind.BOOK,
    BookFormat.BOX_SET: ProductKind.BOOK,
    BookFormat.MAP: ProductKind.BOOK,
    BookFormat.SHEET_MUSIC: ProductKind.BOOK,
    BookFormat.EBOOK: ProductKind.EBOOK,
    BookFormat.AUDIOBOOK: ProductKind.AUDIOBOOK,
    BookFormat.GIFT_CARD: ProductKind.GIFT_CARD,
}
"""Formats whose rate is a book's: those of Annex III, point 6 of Directive 2006/112/EC.

Every other format, such as a calendar, a game or a film, is ``other``.
"""


def kind_of(book_format: BookFormat) -> ProductKind:
    """Return what an edition is."""
    return KINDS.get(book_format, ProductKind.OTHER)
