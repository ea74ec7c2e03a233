"""From the cells of a row to what it says about a book, or to the reason why it is refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from app.books.author_lines import author_line
from app.books.importers import repair
from app.books.importers.columns import BookField, ColumnPlan
from app.books.importers.csv import BrokenRecord, Record
from app.books.importers.report import Refusal, Repair, RepairKind
from app.books.models import BookFormat, ContributorRole
from app.books.schemas import MAX_QUANTITY, BookDetails, Line
from app.core.schemas import Price, Text

T = TypeVar("T")
People = Mapping[ContributorRole, tuple[str, ...]]
"""Who made a work: names by role, in the order of the title page."""

MAX_POPULARITY = 2**31 - 1
MAX_REFERENCE_CHARACTERS = 80
PLACEHOLDER_COVER = "nophoto"
GENRE_SEPARATORS = "|;"

PEOPLE = {
    ContributorRole.AUTHOR: BookField.AUTHORS,
    ContributorRole.EDITOR: BookField.EDITORS,
    ContributorRole.TRANSLATOR: BookField.TRANSLATORS,
    ContributorRole.ILLUSTRATOR: BookField.ILLUSTRATORS,
}

COLUMNS_OF_DETAILS = {
    "publish_date": BookField.PUBLISHED,
    "publish_year": BookField.PUBLISHED,
    "cover_image_url": BookField.COVER,
}
"""Where the details of a book come from whose names are not the fields' own."""

MATTERS = {"title", "authors", "price", "stock"}
"""A row whose values of these cannot be used is refused."""

SENTENCES = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_long": "has more than {max_length} characters",
    "decimal_max_places": "has more than {decimal_places} decimals",
    "decimal_max_digits": "is too large",
    "decimal_whole_digits": "is too large",
}
"""What the kinds of errors of a schema mean to a bookseller; the others speak for themselves."""


class ImportedBook(BookDetails):
    """What a row says about a book; ``None`` or nothing where it says nothing."""

    title: Line | None = None
    authors: tuple[Line, ...] = ()
    editors: tuple[Line, ...] = ()
    translators: tuple[Line, ...] = ()
    illustrators: tuple[Line, ...] = ()
    genre: Annotated[Text, Field(max_length=100, pattern=r"\w")] | None = None
    first_published: Annotated[int, Field(ge=-9999, le=9999)] | None = None
    publish_year: Annotated[int, Field(ge=1, le=9999)] | None = None
    format: BookFormat | None = None
    price: Price | None = None
    stock: Annotated[int, Field(ge=0, le=MAX_QUANTITY)] | None = None
    popularity: Annotated[int, Field(ge=0, le=MAX_POPULARITY)] | None = None

    @property
    def author(self) -> str | None:
        """The authors as readers see them, in one line."""
        return author_line(self.authors) or None

    @property
    def people(self) -> People:
        """The names by role, of those roles that the row tells of."""
        named = {role: getattr(self, field.value) for role, field in PEOPLE.items()}
        return {role: names for role, names in named.items() if names}


@dataclass(frozen=True, slots=True)
class BookRow:
    """A row that was understood, the line where it begins, and what was repaired in it."""

    line: int
    reference: str
    book: ImportedBook
    repairs: tuple[Repair, ...]


class _RefusedError(Exception):
    """The row cannot be used; the message is for the bookseller."""


def _sentence(error: ErrorDetails) -> str:
    sentence = SENTENCES.get(error["type"])
    if sentence is None:
        return error["msg"].removeprefix("Value error, ").removesuffix(".")
    return sentence.format_map(error["ctx"])


class RowReader:
    """Understands the rows of a file whose columns are known, in the shop's currency."""

    def __init__(self, plan: ColumnPlan, *, currency: str) -> None:
        self._plan = plan
        self._currency = currency

    def read(self, record: Record | BrokenRecord) -> BookRow | Refusal:
        """Return what a row says, repaired where that is sound, or why it is refused."""
        if isinstance(record, BrokenRecord):
            return Refusal(record.line, "", record.reason)
        cells = self._plan.pick(record.cells)
        reference = _reference(cells)
        surplus = record.cells[len(self._plan.headers) :]
        if any(cell.strip() for cell in surplus):
            return Refusal(
                record.line,
                reference,
                f"The row has {len(record.cells)} cells and the header {len(self._plan.headers)}: "
                "is a cell with a comma not in quotation marks?",
            )
        reading = _Reading(self._plan, cells, currency=self._currency)
        if record.is_recoded:
            reading.repairs.append(Repair(RepairKind.ENCODING, reference, reference))
        try:
            book = reading.book()
        except _RefusedError as refused:
            return Refusal(record.line, reference, str(refused))
        return BookRow(record.line, reference, book, tuple(reading.repairs))


def _reference(cells: Mapping[BookField, str]) -> str:
    """Return what a bookseller knows the row by."""
    for field in (BookField.TITLE, BookField.ISBN13, BookField.ISBN):
        if field in cells:
            return " ".join(cells[field].split())[:MAX_REFERENCE_CHARACTERS]
    return ""


class _Reading:
    """One row being understood."""

    def __init__(self, plan: ColumnPlan, cells: Mapping[BookField, str], *, currency: str) -> None:
        self._plan = plan
        self._cells = cells
        self._currency = currency
        self.repairs: list[Repair] = []

    def book(self) -> ImportedBook:
        """Return what all cells say.

        Raises:
            _RefusedError: a cell that matters cannot be understood.
        """
        self._must(BookField.CURRENCY, self._check_currency)
        values: dict[str, Any] = {
            "isbn": self._isbn(),
            **self._title(),
            **self._people(),
            **self._years(),
            "subtitle": self._line(BookField.SUBTITLE),
            "publisher": self._line(BookField.PUBLISHER),
            "description": self._description(),
            "genre": self._genre(),
            "language": self._may(
                BookField.LANGUAGE, lambda text: repair.read_language(text, self.repairs)
            ),
            "format": self._may(BookField.FORMAT, repair.read_format),
            "pages": self._may(BookField.PAGES, repair.read_whole),
            "cover_image_url": self._cover(),
            "price": self._must(BookField.PRICE, self._read_price),
            "stock": self._must(BookField.STOCK, repair.read_whole),
            "popularity": self._may(BookField.POPULARITY, repair.read_whole),
        }
        try:
            return ImportedBook.model_validate(values)
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False):
                self._leave_out(values, error)
        return ImportedBook.model_validate(values)

    def _leave_out(self, values: dict[str, Any], error: ErrorDetails) -> None:
        """Do without a value that no book here can have, unless it is one that matters."""
        name = str(error["loc"][0])
        if name not in values:  # a list of names has an error for each
            return
        header = self._plan.header_of(COLUMNS_OF_DETAILS.get(name) or BookField(name))
        if name in MATTERS:
            raise _RefusedError(f"{header}: {_sentence(error)}.") from None
        self.repairs.append(Repair(RepairKind.LEFT_OUT, f"{header}: {values.pop(name)}", ""))

    def _must(self, field: BookField, read: Callable[[str], T]) -> T | None:
        """Read a cell that matters: what cannot be understood refuses the row."""
        try:
            return read(self._cells[field]) if field in self._cells else None
        except ValueError as error:
            raise _RefusedError(f"{self._plan.header_of(field)}: {error}.") from None

    def _may(self, field: BookField, read: Callable[[str], T]) -> T | None:
        """Read a cell that matters less: what cannot be understood is left out."""
        try:
            return read(self._cells[field]) if field in self._cells else None
        except ValueError:
            said = f"{self._plan.header_of(field)}: {self._cells[field]}"
            self.repairs.append(Repair(RepairKind.LEFT_OUT, said, ""))
            return None

    def _line(self, field: BookField) -> str | None:
        return self._must(field, lambda text: repair.clean(text, self.repairs)) or None

    def _isbn(self) -> str | None:
        fields = [field for field in (BookField.ISBN, BookField.ISBN13) if field in self._cells]
        cells = [self._cells[field].strip() for field in fields]
        if not cells:
            return None
        return self._must(fields[0], lambda _: repair.find_isbn(cells, self.repairs))

    def _title(self) -> dict[str, str | None]:
        title = self._line(BookField.TITLE)
        series = number = None
        if title is not None:
            title, series, number = repair.split_series(title, self.repairs)
        return {
            "title": title,
            "series": self._line(BookField.SERIES) or series,
            "series_number": self._line(BookField.SERIES_NUMBER) or number,
        }

    def _people(self) -> dict[str, tuple[str, ...]]:
        people = {field.value: self._names(field) for field in PEOPLE.values()}
        people[BookField.AUTHORS] = people[BookField.AUTHORS] or self._names(BookField.AUTHOR)
        return people

    def _names(self, field: BookField) -> tuple[str, ...]:
        by_comma = field is BookField.AUTHORS
        text = self._cells.get(field, "")
        if not text:
            return ()
        return repair.split_authors(text, by_comma=by_comma, repairs=self.repairs)

    def _years(self) -> dict[str, Any]:
        first = self._may(
            BookField.FIRST_PUBLISHED, lambda text: repair.read_year(text, self.repairs)
        )
        published = self._may(
            BookField.PUBLISHED, lambda text: repair.read_published(text, self.repairs)
        )
        day, year = published or (None, None)
        if year is not None and year < 0:
            self.repairs.append(
                Repair(RepairKind.YEAR_BEFORE_CHRIST, self._cells[BookField.PUBLISHED], str(year))
            )
            first, year = first or year, None
        return {"first_published": first, "publish_date": day, "publish_year": year}

    def _description(self) -> str | None:
        text = self._cells.get(BookField.DESCRIPTION, "")
        return repair.write_out_entities(text, self.repairs).strip() or None

    def _genre(self) -> str | None:
        genre = self._line(BookField.GENRE)
        for separator in GENRE_SEPARATORS if genre else ():
            first, _, rest = str(genre).partition(separator)
            if rest:
                self.repairs.append(Repair(RepairKind.GENRE_CUT, str(genre), first.strip()))
                return first.strip() or None
        return genre

    def _cover(self) -> str | None:
        url = self._cells.get(BookField.COVER, "").strip()
        if PLACEHOLDER_COVER in url:
            self.repairs.append(Repair(RepairKind.COVER_PLACEHOLDER, url, ""))
            return None
        return url or None

    def _read_price(self, text: str) -> Decimal:
        return repair.read_price(text, currency=self._currency)

    def _check_currency(self, text: str) -> None:
        repair.refuse_other_currency(text.strip(), self._currency)
