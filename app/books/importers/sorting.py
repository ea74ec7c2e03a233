"""What each row of a batch is to the catalogue: a known book, a new one, or nothing it can use."""

from dataclasses import dataclass
from decimal import Decimal

from app.books.importers.batches import Lines
from app.books.importers.matching import KnownWork, Matches
from app.books.importers.report import Refusal
from app.books.importers.rows import BookRow
from app.books.models import BookFormat

NO_NAME = "This book is new to the shop: a new book needs a title and an author."
NO_PRICE = (
    'The price is missing. Say which column holds it (--map "Our Price=price"), or give one price '
    "to all new books that come without (--default-price 9.99)."
)


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What new books get that the file says nothing about, and the shop's currency (ISO 4217)."""

    currency: str
    default_price: Decimal | None = None
    default_stock: int = 0


@dataclass(frozen=True, slots=True)
class NewBook:
    """A book to be made; it makes its work too if that has no id yet and no earlier row does."""

    row: BookRow
    work: KnownWork
    makes_work: bool


class Sorting:
    """A batch, sorted row by row; ``known`` are rows by the id of the book that they are about."""

    def __init__(self, matches: Matches, *, lines: Lines, options: ImportOptions) -> None:
        self._matches = matches
        self._lines = lines
        self._options = options
        self._new_numbers: dict[str, int] = {}
        self.known: dict[int, BookRow] = {}
        self.new_books: list[NewBook] = []
        self.refusals: list[Refusal] = []

    def add(self, row: BookRow) -> None:
        """Decide what a row is, in the light of those before it."""
        number = row.book.number
        if number is not None and number in self._matches.books:
            self._recognise(row, self._matches.books[number])
        elif number is not None and number in self._new_numbers:
            self._refuse_repeated(row, self._new_numbers[number])
        elif row.line not in self._matches.keys:
            self._refuse(row, NO_NAME)
        else:
            self._add_named(row)

    def _add_named(self, row: BookRow) -> None:
        """Sort a row that says title and author and has no number that is known."""
        book = row.book
        works = self._matches.works[self._matches.keys[row.line]]
        book_format = book.format or BookFormat.PAPERBACK
        if book.edition_of is not None:
            work = self._matches.named_works.get(book.edition_of)
        else:
            candidates = [known for known in works if known.may_be(book)]
            having = (known for known in candidates if known.has_nameless(book_format))
            work = next(having, None) if book.number is None else None
            work = work or next(iter(candidates), None)
        if book.number is None and work is not None:
            if book_format in work.editions:
                self._recognise(row, work.editions[book_format])
                return
            if book_format in work.new_editions:
                self._refuse_repeated(row, work.new_editions[book_format])
                return
        has_price = book.price is not None or self._options.default_price is not None
        if not (has_price or book.may_lack_price):
            self._refuse(row, NO_PRICE)
            return
        makes_work = work is None
        if work is None:
            work = KnownWork(None, book.first_published, book.series_number)
            works.append(work)
            if book.edition_of is not None:
                self._matches.named_works[book.edition_of] = work
        self.new_books.append(NewBook(row, work, makes_work))
        if book.number is None:
            work.new_editions[book_format] = row.line
        else:
            self._new_numbers[book.number] = row.line

    def _recognise(self, row: BookRow, book_id: int) -> None:
        line = self._lines.get(book_id)
        if line is not None:
            self._refuse_repeated(row, line)
        elif book_id in self.known:
            self._refuse_repeated(row, self.known[book_id].line)
        else:
            self.known[book_id] = row

    def _refuse_repeated(self, row: BookRow, line: int) -> None:
        self._refuse(row, f"This book is on line {line} already.")

    def _refuse(self, row: BookRow, reason: str) -> None:
        self.refusals.append(Refusal(row.line, row.reference, reason))
