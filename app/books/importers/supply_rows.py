"""What a row of a distributor's stock-and-price file says, or why it is refused."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from app.books.importers import repair
from app.books.importers.columns import BookField, ColumnPlan
from app.books.importers.csv import BrokenRecord, Record
from app.books.importers.errors import ImportFileError
from app.books.importers.onix.values import gtin_of
from app.books.importers.report import Refusal, Repair, RepairKind
from app.books.schemas import MAX_QUANTITY
from app.core.schemas import Price
from app.core.spreadsheets import restore

T = TypeVar("T")

NUMBERS = (BookField.ISBN, BookField.ISBN13, BookField.OTHER_GTIN)
TOLD = (BookField.STOCK, BookField.PRICE, BookField.AVAILABILITY, BookField.ORDER_TIME)
MAX_DAYS = 2**15 - 1

QUANTITY = re.compile(r"[<>~]?\s*(-?\d{1,9})(?:[.,]0{1,2})?\s*\+?")
DAYS = re.compile(r"(?:\d{1,4}\s*(?:-|\u2013|to)\s*)?(\d{1,4})(?:[.,]0+)?\s*(?:days?|d)?")
CODE = re.compile(r"\d{1,2}")

AVAILABILITY_WORDS = {
    "21": ("in stock", "available", "yes", "y", "ip", "in print", "instock"),
    "10": ("not yet published", "not yet available", "nyp", "forthcoming", "pre order", "preorder"),
    "22": ("to order", "special order", "on order", "available to order"),
    "23": ("print on demand", "pod"),
    "31": ("out of stock", "os", "oos", "no", "n", "sold out"),
    "30": ("temporarily unavailable", "tu", "temporarily out of stock", "tos"),
    "32": ("reprinting", "reprint", "rp", "reprint under consideration", "ruc"),
    "40": ("not available", "unavailable", "na"),
    "46": ("withdrawn", "withdrawn from sale"),
    "49": ("recalled",),
    "51": ("out of print", "op", "discontinued"),
}
"""What distributors say for codes of ONIX list 65."""

CODES_BY_WORDS = {
    words: code for code, spellings in AVAILABILITY_WORDS.items() for words in spellings
}
PRICE: TypeAdapter[Decimal] = TypeAdapter(Price)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyRow:
    """What a row says; ``None`` where it says nothing. ``availability`` is of ONIX list 65."""

    line: int
    number: str
    stock: int | None
    price: Decimal | None
    availability: str | None
    order_time_days: int | None
    repairs: tuple[Repair, ...] = ()

    @property
    def reference(self) -> str:
        """What a bookseller knows the row by."""
        return self.number


class _RefusedError(Exception):
    """The row cannot be used; the message is for the bookseller."""


class SupplyReader:
    """Understands the rows of a file whose columns are known, in the shop's currency.

    Raises:
        ImportFileError: no column says which book a row is about, or none what there is of it.
    """

    def __init__(self, plan: ColumnPlan, *, currency: str) -> None:
        if plan.positions.keys().isdisjoint(NUMBERS):
            raise ImportFileError("The file needs a column with ISBNs or bar codes (EAN).")
        if plan.positions.keys().isdisjoint(TOLD):
            raise ImportFileError(
                "The file needs a column with stock, prices, availability or order times. "
                f"Its columns are: {', '.join(plan.headers)}."
            )
        self._plan = plan
        self._currency = currency

    def read(self, record: Record | BrokenRecord) -> SupplyRow | Refusal:
        """Return what a row says, or why it is refused."""
        if isinstance(record, BrokenRecord):
            return Refusal(record.line, "", record.reason)
        cells = {
            field: restore(cell).strip() for field, cell in self._plan.pick(record.cells).items()
        }
        reference = next((cells[field] for field in NUMBERS if field in cells), "")[:80]
        if any(cell.strip() for cell in record.cells[len(self._plan.headers) :]):
            return Refusal(record.line, reference, "The row has more cells than the header.")
        repairs: list[Repair] = []
        try:
            return self._understood(record.line, cells, repairs)
        except _RefusedError as refused:
            return Refusal(record.line, reference, str(refused))

    def _understood(
        self, line: int, cells: Mapping[BookField, str], repairs: list[Repair]
    ) -> SupplyRow:
        self._must(cells, BookField.CURRENCY, self._check_currency)
        return SupplyRow(
            line=line,
            number=self._number(cells),
            stock=self._must(cells, BookField.STOCK, _read_quantity),
            price=self._must(cells, BookField.PRICE, self._read_price),
            availability=self._may(cells, BookField.AVAILABILITY, _read_availability, repairs),
            order_time_days=self._may(cells, BookField.ORDER_TIME, _read_days, repairs),
            repairs=tuple(repairs),
        )

    def _number(self, cells: Mapping[BookField, str]) -> str:
        told = [cells[field] for field in NUMBERS if field in cells]
        try:
            isbn = repair.find_isbn(told, []) if told else None
        except ValueError as error:
            raise _RefusedError(f"{error}.") from None
        number = isbn or next(filter(None, map(gtin_of, told)), None)
        if number is None:
            raise _RefusedError("The row has neither an ISBN nor another bar code.")
        return number

    def _must(
        self, cells: Mapping[BookField, str], field: BookField, read: Callable[[str], T]
    ) -> T | None:
        """Read a cell that matters: what cannot be understood refuses the row."""
        try:
            return read(cells[field]) if field in cells else None
        except ValueError as error:
            raise _RefusedError(f"{self._plan.header_of(field)}: {error}.") from None

    def _may(
        self,
        cells: Mapping[BookField, str],
        field: BookField,
        read: Callable[[str], T],
        repairs: list[Repair],
    ) -> T | None:
        """Read a cell that matters less: what cannot be understood is left out."""
        try:
            return read(cells[field]) if field in cells else None
        except ValueError:
            said = f"{self._plan.header_of(field)}: {cells[field]}"
            repairs.append(Repair(RepairKind.LEFT_OUT, said, ""))
            return None

    def _read_price(self, text: str) -> Decimal | None:
        """Return a price above zero: zero is what a distributor sends for none."""
        amount = repair.read_price(text, currency=self._currency)
        if amount == 0:
            return None
        try:
            return PRICE.validate_python(amount)
        except ValidationError:
            raise ValueError(f"{text} is no price") from None

    def _check_currency(self, text: str) -> None:
        repair.refuse_other_currency(text, self._currency)


def _read_quantity(text: str) -> int:
    """Return how many copies there are: ``12``, ``12.0``, ``100+``; what is owed is none."""
    quantity = QUANTITY.fullmatch(text)
    if quantity is None:
        raise ValueError(f"{text} is no number of copies")
    count = max(int(quantity[1]), 0)
    if count > MAX_QUANTITY:
        raise ValueError(f"{text} is more than {MAX_QUANTITY:,} copies")
    return count


def _read_availability(text: str) -> str:
    if CODE.fullmatch(text):
        return text.zfill(2)
    words = " ".join(text.casefold().replace("-", " ").replace("_", " ").split())
    if words not in CODES_BY_WORDS:
        raise ValueError(f"{text} says nothing of availability")
    return CODES_BY_WORDS[words]


def _read_days(text: str) -> int:
    """Return a number of days; of a span the longest."""
    days = DAYS.fullmatch(text.casefold())
    if days is None or int(days[1]) > MAX_DAYS:
        raise ValueError(f"{text} is no number of days")
    return int(days[1])
