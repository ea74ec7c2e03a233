"""What shipping has to know of books: what they weigh, and whether they are downloaded."""

from dataclasses import dataclass

from app.books.codes import BookFormat, is_download
from app.core.keyset import AnyRow


@dataclass(frozen=True, kw_only=True)
class Measures:
    """A book's weight in grams, if it is known, and what kind of thing it is."""

    weight_g: int | None
    format: BookFormat
    is_download: bool


def measure(row: AnyRow) -> Measures:
    """Return the measures of a book from its columns."""
    return Measures(
        weight_g=row.weight_g,
        format=row.format,
        is_download=is_download(row.format, row.product_form),
    )
