"""Which column of a file holds what, by the names that the trade gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.books.importers.errors import ImportFileError


class BookField(StrEnum):
    """What a column can hold; the values are the names to use in a mapping."""

    ISBN = "isbn"
    ISBN13 = "isbn13"
    TITLE = "title"
    SUBTITLE = "subtitle"
    AUTHOR = "author"
    AUTHORS = "authors"
    EDITORS = "editors"
    TRANSLATORS = "translators"
    ILLUSTRATORS = "illustrators"
    SERIES = "series"
    SERIES_NUMBER = "series_number"
    DESCRIPTION = "description"
    GENRE = "genre"
    FIRST_PUBLISHED = "first_published"
    PUBLISHED = "published"
    PUBLISHER = "publisher"
    LANGUAGE = "language"
    FORMAT = "format"
    PAGES = "pages"
    PRICE = "price"
    CURRENCY = "currency"
    STOCK = "stock"
    COVER = "cover"
    POPULARITY = "popularity"
    SHOP_STATUS = "shop_status"
    EDITION_OF = "edition_of"
    OTHER_GTIN = "other_gtin"
    AUTHOR_LINE = "author_line"
    OTHER_CONTRIBUTORS = "other_contributors"
    IMPRINT = "imprint"
    ORIGINAL_LANGUAGE = "original_language"
    EDITION = "edition"
    FORM_CODE = "form_code"
    FORM_DETAILS = "form_details"
    MINUTES = "minutes"
    HEIGHT = "height_mm"
    WIDTH = "width_mm"
    THICKNESS = "thickness_mm"
    WEIGHT = "weight_g"
    PUBLISHED_PRECISION = "published_precision"
    ON_SALE_DATE = "on_sale_date"
    THEMA = "thema"
    BISAC = "bisac"
    BIC = "bic"
    SHORT_DESCRIPTION = "short_description"
    CONTENTS = "contents"
    PUBLISHING_STATUS = "publishing_status"
    AVAILABILITY = "availability_code"
    ORDER_TIME = "order_time_days"


SYNONYMS = {
    BookField.ISBN: ("isbn", "isbn 10"),
    BookField.ISBN13: ("isbn 13", "ean", "ean 13", "gtin", "gtin 13", "barcode"),
    BookField.TITLE: ("title", "book title", "full title", "product title"),
    BookField.SUBTITLE: ("subtitle", "sub title"),
    BookField.AUTHOR: ("author", "author name", "contributor", "by"),
    BookField.AUTHORS: ("authors", "author names", "contributors"),
    BookField.EDITORS: ("editors", "editor", "edited by"),
    BookField.TRANSLATORS: ("translators", "translator", "translated by"),
    BookField.ILLUSTRATORS: ("illustrators", "illustrator", "illustrated by"),
    BookField.SERIES: ("series", "series title", "series name"),
    BookField.SERIES_NUMBER: ("series number", "number in series", "series no", "volume"),
    BookField.DESCRIPTION: ("description", "blurb", "synopsis", "summary", "long description"),
    BookField.GENRE: ("genre", "genres", "category", "categories", "shelf", "subject", "section"),
    BookField.FIRST_PUBLISHED: (
        "first published",
        "first publication year",
        "original publication year",
        "original year",
    ),
    BookField.PUBLISHED: (
        "published",
        "publication date",
        "publication year",
        "publish date",
        "publish year",
        "pub date",
        "pub year",
        "date published",
        "year published",
        "year",
    ),
    BookField.PUBLISHER: ("publisher", "publisher name"),
    BookField.LANGUAGE: ("language", "language code", "lang"),
    BookField.FORMAT: ("format", "binding", "product form", "cover type", "book format"),
    BookField.PAGES: ("pages", "page count", "number of pages", "num pages", "extent"),
    BookField.PRICE: (
        "price",
        "rrp",
        "list price",
        "retail price",
        "selling price",
        "unit price",
        "retail",
        "srp",
        "recommended retail price",
    ),
    BookField.CURRENCY: ("currency", "currency code", "price currency"),
    BookField.STOCK: (
        "stock",
        "stock quantity",
        "stock level",
        "quantity",
        "qty",
        "on hand",
        "quantity on hand",
        "copies",
        "inventory",
        "available stock",
        "free stock",
        "stock on hand",
        "soh",
        "qty on hand",
        "qty available",
        "quantity available",
        "available quantity",
        "on hand quantity",
    ),
    BookField.COVER: ("cover", "cover url", "cover image", "cover image url", "image", "image url"),
    BookField.POPULARITY: ("popularity", "ratings count", "rating count", "sales", "units sold"),
    BookField.SHOP_STATUS: ("shop status",),
    BookField.EDITION_OF: ("edition of",),
    BookField.OTHER_GTIN: ("other gtin", "upc"),
    BookField.AUTHOR_LINE: ("author line", "byline"),
    BookField.OTHER_CONTRIBUTORS: ("other contributors",),
    BookField.IMPRINT: ("imprint", "imprint name"),
    BookField.ORIGINAL_LANGUAGE: ("original language", "translated from"),
    BookField.EDITION: ("edition", "edition statement"),
    BookField.FORM_CODE: ("form code",),
    BookField.FORM_DETAILS: ("form details", "product form detail", "product form details"),
    BookField.MINUTES: ("minutes", "running time", "duration minutes"),
    BookField.HEIGHT: ("height mm",),
    BookField.WIDTH: ("width mm",),
    BookField.THICKNESS: ("thickness mm", "spine mm"),
    BookField.WEIGHT: ("weight g", "weight grams"),
    BookField.PUBLISHED_PRECISION: ("published precision",),
    BookField.ON_SALE_DATE: ("on sale date", "embargo date", "embargo"),
    BookField.THEMA: ("thema", "thema code", "thema codes", "thema subjects"),
    BookField.BISAC: ("bisac", "bisac code", "bisac codes", "bisac subjects"),
    BookField.BIC: ("bic", "bic code", "bic codes", "bic subjects"),
    BookField.SHORT_DESCRIPTION: ("short description", "annotation"),
    BookField.CONTENTS: ("contents", "table of contents", "toc"),
    BookField.PUBLISHING_STATUS: ("publishing status", "publication status"),
    BookField.AVAILABILITY: (
        "availability code",
        "availability",
        "product availability",
        "availability status",
        "stock status",
        "report code",
    ),
    BookField.ORDER_TIME: (
        "order time days",
        "order time",
        "lead time",
        "lead days",
        "lead time days",
        "delivery days",
    ),
}


def _key(name: str) -> str:
    """Return the name as far as it matters: no case, no spaces, no punctuation."""
    return "".join(character for character in name.casefold() if character.isalnum()) or name


FIELDS_BY_KEY = {_key(name): field for field, names in SYNONYMS.items() for name in names}


@dataclass(frozen=True)
class ColumnPlan:
    """Where each field is found; ``headers`` are the file's own names of its columns."""

    headers: Sequence[str]
    positions: Mapping[BookField, int]

    @property
    def is_own(self) -> bool:
        """Whether the shop wrote the file: then its texts mean exactly what they say."""
        return BookField.SHOP_STATUS in self.positions

    @property
    def unused(self) -> tuple[str, ...]:
        """The columns that mean nothing to the shop."""
        used = set(self.positions.values())
        return tuple(name for index, name in enumerate(self.headers) if index not in used)

    @property
    def meanings(self) -> dict[str, str]:
        """What each used column is taken for."""
        return {self.headers[index]: field.value for field, index in self.positions.items()}

    def header_of(self, field: BookField) -> str:
        """Return the file's own name for a field, or the field's if the file has no such column."""
        index = self.positions.get(field)
        return field.value if index is None else self.headers[index]

    def pick(self, cells: Sequence[str]) -> dict[BookField, str]:
        """Return a row's cells by field; those that are blank or missing say nothing."""
        return {
            field: cells[index]
            for field, index in self.positions.items()
            if index < len(cells) and cells[index].strip()
        }


def plan_columns(headers: Sequence[str], mapping: Mapping[str, str]) -> ColumnPlan:
    """Find out what the columns hold: by the mapping (header to field), else by their names.

    Of several columns for one field the first counts. Where no column has publishers, one with
    imprints does.

    Raises:
        ImportFileError: the mapping names a column or a field that does not exist, or nothing
            says which book a row is about.
    """
    names = [header.strip() for header in headers]
    mapped = _mapped_positions(names, mapping)
    positions = dict(mapped)
    taken = set(mapped.values())
    for index, name in enumerate(names):
        field = FIELDS_BY_KEY.get(_key(name))
        if field is not None and field not in positions and index not in taken:
            positions[field] = index
    if BookField.IMPRINT in positions and BookField.PUBLISHER not in positions:
        positions[BookField.PUBLISHER] = positions.pop(BookField.IMPRINT)
    known = positions.keys()
    if not known & {BookField.ISBN, BookField.ISBN13, BookField.OTHER_GTIN} and not (
        BookField.TITLE in known and known & {BookField.AUTHOR, BookField.AUTHORS}
    ):
        raise ImportFileError(
            "The file needs a column with ISBNs, or one with titles and one with authors. "
            f'Its columns are: {_listed(names)}. Say which is which, as in "{names[0]}=title".'
        )
    return ColumnPlan(names, positions)


def _mapped_positions(names: Sequence[str], mapping: Mapping[str, str]) -> dict[BookField, int]:
    positions: dict[BookField, int] = {}
    keys = [_key(name) for name in names]
    for header, wanted in mapping.items():
        field = FIELDS_BY_KEY.get(_key(wanted))
        if field is None:
            raise ImportFileError(
                f'"{wanted}" is nothing that a book has here. Choose from: {_listed(BookField)}.'
            )
        if _key(header) not in keys:
            raise ImportFileError(
                f'The file has no column "{header}". Its columns are: {_listed(names)}.'
            )
        positions[field] = keys.index(_key(header))
    return positions


def _listed(names: Sequence[str] | type[BookField]) -> str:
    return ", ".join(names)
