"""From the cells of a row to what it says about a book, or to the reason why it is refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from app.books.author_lines import author_line
from app.books.importers import repair
from app.books.importers.cells import split_list
from app.books.importers.columns import BookField, ColumnPlan
from app.books.importers.csv import BrokenRecord, Record
from app.books.importers.onix.values import gtin_of, isbn_of
from app.books.importers.report import Refusal, Repair, RepairKind
from app.books.models import BookFormat, ContributorRole, DatePrecision, SubjectScheme
from app.books.schemas import MAX_QUANTITY, BookDetails, Line
from app.core.schemas import Price, Text
from app.core.spreadsheets import restore, unprotect

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

SUBJECTS = {
    SubjectScheme.THEMA: BookField.THEMA,
    SubjectScheme.BISAC: BookField.BISAC,
    SubjectScheme.BIC: BookField.BIC,
}
MAIN_SUBJECT = "*"
"""Stands behind the code of a main subject."""

COLUMNS_OF_DETAILS = {
    "publish_date": BookField.PUBLISHED,
    "publish_year": BookField.PUBLISHED,
    "publish_date_precision": BookField.PUBLISHED_PRECISION,
    "cover_image_url": BookField.COVER,
    "edition_statement": BookField.EDITION,
    "product_form": BookField.FORM_CODE,
    "table_of_contents": BookField.CONTENTS,
    "more_series": BookField.SERIES,
    "subjects": BookField.THEMA,
    "gtin": BookField.OTHER_GTIN,
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


class ShopStatus(StrEnum):
    """Whether the shop sells a book: why not, if not."""

    ON_SALE = "on sale"
    UNPRICED = "no price"
    REMOVED = "removed"


Code = Annotated[Text, Field(min_length=1, max_length=50)]
LongLine = Annotated[Text, Field(min_length=1, max_length=5_000)]
LongProse = Annotated[Text, Field(min_length=1, max_length=100_000)]


class ImportedBook(BookDetails):
    """What a row says about a book; ``None`` or nothing where it says nothing.

    ``edition_of`` is the ISBN or other bar code of the first edition of the book's work, which
    may be the book itself. ``more_series`` are all series but the first, with numbers; of
    ``subjects`` only the schemes that the row tells, by code whether it is a main one.
    """

    title: Line | None = None
    authors: tuple[Line, ...] = ()
    editors: tuple[Line, ...] = ()
    translators: tuple[Line, ...] = ()
    illustrators: tuple[Line, ...] = ()
    other_contributors: tuple[tuple[ContributorRole, Line], ...] = ()
    author_line: Line | None = None
    genre: Annotated[Text, Field(max_length=100, pattern=r"\w")] | None = None
    more_series: tuple[tuple[Line, Line | None], ...] | None = None
    subjects: Mapping[SubjectScheme, Mapping[Code, bool]] | None = None
    first_published: Annotated[int, Field(ge=-9999, le=9999)] | None = None
    publish_year: Annotated[int, Field(ge=1, le=9999)] | None = None
    publish_date_precision: DatePrecision | None = None
    gtin: str | None = None
    edition_of: str | None = None
    format: BookFormat | None = None
    product_form: Code | None = None
    form_details: list[Code] | None = None
    publishing_status: Code | None = None
    availability_code: Code | None = None
    order_time_days: Annotated[int, Field(ge=0, le=2**15 - 1)] | None = None
    price: Price | None = None
    stock: Annotated[int, Field(ge=0, le=MAX_QUANTITY)] | None = None
    popularity: Annotated[int, Field(ge=0, le=MAX_POPULARITY)] | None = None
    shop_status: ShopStatus | None = None

    @property
    def number(self) -> str | None:
        """The ISBN, or the bar code of what has none."""
        return self.isbn or self.gtin

    @property
    def author(self) -> str | None:
        """The authors as readers see them, in one line."""
        if self.author_line is not None:
            return self.author_line
        return author_line(self.authors) or None

    @property
    def first_name(self) -> str | None:
        """Whose name comes first on the title page."""
        return next((name for names in self.people.values() for name in names), self.author_line)

    @property
    def people(self) -> People:
        """The names by role, of those roles that the row tells of."""
        named = {role: getattr(self, field.value) for role, field in PEOPLE.items()}
        for role, name in self.other_contributors:
            named[role] = (*named.get(role, ()), name)
        return {role: names for role, names in named.items() if names}

    @property
    def may_lack_price(self) -> bool:
        """Whether the row itself says that the book is not sold."""
        return self.shop_status in {ShopStatus.UNPRICED, ShopStatus.REMOVED}


class ExportedBook(ImportedBook):
    """The same of the shop's own files: feeds have longer texts than forms and lists may have."""

    title: LongLine | None = None
    subtitle: LongLine | None = None
    authors: tuple[LongLine, ...] = ()
    editors: tuple[LongLine, ...] = ()
    translators: tuple[LongLine, ...] = ()
    illustrators: tuple[LongLine, ...] = ()
    other_contributors: tuple[tuple[ContributorRole, LongLine], ...] = ()
    author_line: LongLine | None = None
    series: LongLine | None = None
    series_number: LongLine | None = None
    more_series: tuple[tuple[LongLine, LongLine | None], ...] | None = None
    publisher: LongLine | None = None
    imprint: LongLine | None = None
    edition_statement: LongLine | None = None
    short_description: LongProse | None = None
    description: LongProse | None = None
    table_of_contents: LongProse | None = None


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
        bare = unprotect if self._plan.is_own else restore
        cells = {field: bare(cell) for field, cell in self._plan.pick(record.cells).items()}
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
    """One row being understood.

    In the shop's own files a text is what it is: nothing in it is repaired or taken apart.
    """

    def __init__(self, plan: ColumnPlan, cells: Mapping[BookField, str], *, currency: str) -> None:
        self._plan = plan
        self._cells = cells
        self._currency = currency
        self._model = ExportedBook if plan.is_own else ImportedBook
        self.repairs: list[Repair] = []

    def book(self) -> ImportedBook:
        """Return what all cells say.

        Raises:
            _RefusedError: a cell that matters cannot be understood.
        """
        self._must(BookField.CURRENCY, self._check_currency)
        values: dict[str, Any] = {
            **self._numbers(),
            **self._title(),
            **self._people(),
            **self._years(),
            **self._trade(),
            "subtitle": self._line(BookField.SUBTITLE),
            "publisher": self._line(BookField.PUBLISHER),
            "imprint": self._line(BookField.IMPRINT),
            "edition_statement": self._line(BookField.EDITION),
            "description": self._prose(BookField.DESCRIPTION),
            "short_description": self._prose(BookField.SHORT_DESCRIPTION),
            "table_of_contents": self._prose(BookField.CONTENTS),
            "genre": self._genre(),
            "subjects": self._subjects(),
            "language": self._language(BookField.LANGUAGE),
            "original_language": self._language(BookField.ORIGINAL_LANGUAGE),
            "format": self._may(BookField.FORMAT, repair.read_format),
            "cover_image_url": self._cover(),
            "price": self._must(BookField.PRICE, self._read_price),
            "stock": self._must(BookField.STOCK, repair.read_whole),
            "shop_status": self._must(BookField.SHOP_STATUS, _read_status),
        }
        for field in WHOLE_NUMBERS:
            values[field.value] = self._may(field, repair.read_whole)
        try:
            return self._model.model_validate(values)
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False):
                self._leave_out(values, error)
        return self._model.model_validate(values)

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
        if self._plan.is_own:
            return self._cells.get(field)
        return self._must(field, lambda text: repair.clean(text, self.repairs)) or None

    def _numbers(self) -> dict[str, str | None]:
        """Return by which numbers the book and its work are known."""
        isbn = self._isbn()
        gtin = self._must(BookField.OTHER_GTIN, _read_gtin) if isbn is None else None
        return {
            "isbn": isbn,
            "gtin": gtin,
            "edition_of": self._must(BookField.EDITION_OF, _read_number),
        }

    def _isbn(self) -> str | None:
        fields = [field for field in (BookField.ISBN, BookField.ISBN13) if field in self._cells]
        cells = [self._cells[field].strip() for field in fields]
        if not cells:
            return None
        isbn = self._must(fields[0], lambda _: repair.find_isbn(cells, self.repairs))
        if isbn is None and self._plan.is_own:
            header = self._plan.header_of(fields[0])
            raise _RefusedError(f"{header}: {cells[0]} is no ISBN any more: it was damaged.")
        return isbn

    def _title(self) -> dict[str, Any]:
        title = self._line(BookField.TITLE)
        if self._plan.is_own:
            return {"title": title, **self._own_series()}
        series = number = None
        if title is not None:
            title, series, number = repair.split_series(title, self.repairs)
        return {
            "title": title,
            "series": self._line(BookField.SERIES) or series,
            "series_number": self._line(BookField.SERIES_NUMBER) or number,
        }

    def _own_series(self) -> dict[str, Any]:
        """Return all series with their numbers, which stand in the same order in their cell."""
        titles = split_list(self._cells.get(BookField.SERIES, ""))
        told = split_list(self._cells.get(BookField.SERIES_NUMBER, ""))
        numbers = [number or None for number in told]
        numbers += [None] * (len(titles) - len(numbers))
        series = [(title, number) for title, number in zip(titles, numbers, strict=False) if title]
        if not series:
            return {"series_number": numbers[0]}
        first, number = series[0]
        return {"series": first, "series_number": number, "more_series": tuple(series[1:])}

    def _people(self) -> dict[str, Any]:
        people: dict[str, Any] = {field.value: self._names(field) for field in PEOPLE.values()}
        people[BookField.AUTHORS] = people[BookField.AUTHORS] or self._names(BookField.AUTHOR)
        people["author_line"] = self._line(BookField.AUTHOR_LINE)
        people["other_contributors"] = self._may(BookField.OTHER_CONTRIBUTORS, _read_people) or ()
        return people

    def _names(self, field: BookField) -> tuple[str, ...]:
        by_comma = field is BookField.AUTHORS
        text = self._cells.get(field, "")
        if not text:
            return ()
        if self._plan.is_own:
            return tuple(dict.fromkeys(name for name in split_list(text) if name))
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
        precision = self._may(BookField.PUBLISHED_PRECISION, _read_precision)
        return {
            "first_published": first,
            "publish_date": day,
            "publish_year": year,
            "publish_date_precision": (precision or DatePrecision.DAY) if day else None,
            "on_sale_date": self._may(BookField.ON_SALE_DATE, self._read_day),
        }

    def _read_day(self, text: str) -> date:
        day, _ = repair.read_published(text, [])
        if day is None:
            raise ValueError(f"{text} is no day")
        return day

    def _trade(self) -> dict[str, Any]:
        """Return what the trade's codes say."""
        details = split_list(self._cells.get(BookField.FORM_DETAILS, ""))
        return {
            "product_form": self._line(BookField.FORM_CODE),
            "form_details": [detail for detail in details if detail] or None,
            "publishing_status": self._code(BookField.PUBLISHING_STATUS),
            "availability_code": self._code(BookField.AVAILABILITY),
        }

    def _code(self, field: BookField) -> str | None:
        """Return a code of two digits, of which a spreadsheet may have dropped the zero."""
        code = self._cells.get(field, "").strip()
        return (code.zfill(2) if code.isdecimal() else code) or None

    def _prose(self, field: BookField) -> str | None:
        text = self._cells.get(field, "")
        if self._plan.is_own:
            return text or None
        return repair.write_out_entities(text, self.repairs).strip() or None

    def _genre(self) -> str | None:
        genre = self._line(BookField.GENRE)
        if self._plan.is_own:
            return genre
        for separator in GENRE_SEPARATORS if genre else ():
            first, _, rest = str(genre).partition(separator)
            if rest:
                self.repairs.append(Repair(RepairKind.GENRE_CUT, str(genre), first.strip()))
                return first.strip() or None
        return genre

    def _subjects(self) -> dict[SubjectScheme, dict[str, bool]] | None:
        """Return the codes of each scheme that has any, and whether it is a main subject."""
        told: dict[SubjectScheme, dict[str, bool]] = {}
        for scheme, field in SUBJECTS.items():
            text = self._cells.get(field, "")
            codes = split_list(text if self._plan.is_own else text.replace(";", "|"))
            for code in filter(None, codes):
                bare = code.removesuffix(MAIN_SUBJECT)
                told.setdefault(scheme, {})[bare] = bare != code
        return told or None

    def _language(self, field: BookField) -> str | None:
        if self._plan.is_own:
            return self._cells.get(field)
        return self._may(field, lambda text: repair.read_language(text, self.repairs))

    def _cover(self) -> str | None:
        url = self._cells.get(BookField.COVER, "").strip()
        if PLACEHOLDER_COVER in url and not self._plan.is_own:
            self.repairs.append(Repair(RepairKind.COVER_PLACEHOLDER, url, ""))
            return None
        return url or None

    def _read_price(self, text: str) -> Decimal:
        return repair.read_price(text, currency=self._currency)

    def _check_currency(self, text: str) -> None:
        repair.refuse_other_currency(text.strip(), self._currency)


WHOLE_NUMBERS = (
    BookField.PAGES,
    BookField.MINUTES,
    BookField.HEIGHT,
    BookField.WIDTH,
    BookField.THICKNESS,
    BookField.WEIGHT,
    BookField.ORDER_TIME,
    BookField.POPULARITY,
)
"""Columns that hold what the book's field of the same name holds."""


def _read_status(text: str) -> ShopStatus:
    try:
        return ShopStatus(" ".join(text.casefold().split()))
    except ValueError:
        raise ValueError(f"{text} is none of {', '.join(ShopStatus)}") from None


def _read_precision(text: str) -> DatePrecision:
    return DatePrecision(text.strip().casefold())


def _read_gtin(text: str) -> str:
    """Return the digits of a bar code; zeros that a spreadsheet dropped are put back."""
    gtin = gtin_of(text.strip().removesuffix(".0"))
    if gtin is None or isbn_of(gtin) is not None:
        raise ValueError(f"{text} is no bar code of anything but a book")
    return gtin


def _read_number(text: str) -> str:
    """Return the digits of an ISBN or another bar code."""
    number = isbn_of(text) or gtin_of(text.strip().removesuffix(".0"))
    if number is None:
        raise ValueError(f"{text} is neither an ISBN nor another bar code")
    return number


def _read_people(text: str) -> tuple[tuple[ContributorRole, str], ...]:
    """Return roles and names: ``narrator: Stephen Fry | foreword: Neil Gaiman``."""
    people = []
    for item in filter(None, split_list(text)):
        role, colon, name = item.partition(":")
        if not colon or not name.strip():
            raise ValueError(f"{item} is no role and name")
        people.append((ContributorRole(role.strip().casefold()), name.strip()))
    return tuple(people)
