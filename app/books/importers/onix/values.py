"""Numbers, dates, ISBNs and languages as feeds write them.

Each function returns None for what says nothing or cannot be understood, and notes the latter.
"""

import calendar
import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache

from stdnum import ean

from app.books.codes import DatePrecision
from app.books.errors import InvalidIsbnError
from app.books.importers import repair
from app.books.importers.onix.product import PartialDate
from app.books.importers.report import Repair, RepairKind
from app.books.isbn import parse_isbn

PLAIN_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,8})?")
PLAIN_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
WHOLE_START = re.compile(r"([0-9]{1,9})(?:[.,]0+)?(?![0-9.,])")
MAX_NUMBER_CHARACTERS = 24
UNKNOWN_CURRENCY = "XXX"

DATE_PARTS = re.compile(r"([0-9]{4})(?:[-/.]?([0-9]{2})(?:[-/.]?([0-9]{2}))?)?")
SENT_AT = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})"
    r"(?:[T ]?([0-9]{2}):?([0-9]{2})(?::?([0-9]{2})(?:\.[0-9]+)?)?)?"
    r"(?:Z|([+-])([0-9]{2}):?([0-9]{2})?)?"
)
YEAR_IN_TEXT = re.compile(r"(?<![0-9])(1[4-9][0-9]{2}|2[01][0-9]{2})(?![0-9])")
YEAR_DIGITS, MONTH_DIGITS = 4, 6
LAST_MONTH = 12
DATES_OF_YEAR_FORMS = {"03", "04", "05", "09", "10", "11"}
DATES_OF_MONTH_FORMS = {"01", "07"}
WEEK_FORMS = {"02", "08"}
TEXT_FORM = "12"
HIJRI_FORMS = {"20", "21", "25", "32"}

MAX_GTIN_DIGITS = 14
MAX_REMEMBERED_CHARACTERS = 60
"""Longer texts are no ISBNs and no languages, and must not stay in memory."""


def left_out(repairs: list[Repair], what: str, text: str) -> None:
    """Note a value that the record has and the shop has not."""
    repairs.append(Repair(RepairKind.LEFT_OUT, f"{what}: {text}"[:200], ""))


def amount(text: str, *, currency: str | None, what: str, repairs: list[Repair]) -> Decimal | None:
    """Return an amount of money, with its decimal point, comma, spaces and sign as they may be."""
    if not text:
        return None
    if PLAIN_AMOUNT.fullmatch(text):
        return Decimal(text)
    try:
        if len(text) > MAX_NUMBER_CHARACTERS:
            raise ValueError
        value = repair.read_price(text, currency=currency or UNKNOWN_CURRENCY)
    except ValueError:
        left_out(repairs, what, text)
        return None
    repairs.append(Repair(RepairKind.NUMBER, text, str(value)))
    return value


def number(text: str, *, what: str, repairs: list[Repair]) -> Decimal | None:
    """Return a number that is not negative: a comma may be its point, a percent sign its end."""
    if not text:
        return None
    if PLAIN_NUMBER.fullmatch(text):
        return Decimal(text)
    compact = text.rstrip("% ").replace(",", ".")
    if PLAIN_NUMBER.fullmatch(compact):
        repairs.append(Repair(RepairKind.NUMBER, text, compact))
        return Decimal(compact)
    left_out(repairs, what, text)
    return None


def whole(text: str, *, what: str, repairs: list[Repair]) -> int | None:
    """Return the whole number that a text is or begins with: ``320``, ``320.0``, ``320 pages``."""
    if not text:
        return None
    if text.isdecimal() and text.isascii() and len(text) <= 9:  # noqa: PLR2004 (fits everywhere)
        return int(text)
    if start := WHOLE_START.match(text):
        repairs.append(Repair(RepairKind.NUMBER, text, start[1]))
        return int(start[1])
    left_out(repairs, what, text)
    return None


def partial_date(text: str, form: str, *, what: str, repairs: list[Repair]) -> PartialDate | None:
    """Return a date written in a form of list 55, or in none or the wrong one of them.

    Of a range the beginning counts, of a quarter or season the year, of a week the month that it
    begins in; the time of day does not. A date that does not exist is one of its month or year.
    """
    if not text or not text.strip("0-"):
        return None
    found = None
    if form in HIJRI_FORMS:
        pass
    elif form == TEXT_FORM:
        years = set(YEAR_IN_TEXT.findall(text))
        found = _made(int(years.pop()), None, None) if len(years) == 1 else None
    elif form in WEEK_FORMS and len(text) >= MONTH_DIGITS and text[:MONTH_DIGITS].isdecimal():
        found = _week(int(text[:YEAR_DIGITS]), int(text[YEAR_DIGITS:MONTH_DIGITS]))
    elif parts := DATE_PARTS.match(_cut(text, form)):
        found = _exact(text, parts[1], parts[2], parts[3], repairs)
    if found is None:
        left_out(repairs, what, text)
    return found


def _cut(text: str, form: str) -> str:
    """Return as much of a date as its form says that counts, unless it is written in another."""
    if form in DATES_OF_YEAR_FORMS and text[:MONTH_DIGITS].isdecimal():
        return text[:YEAR_DIGITS] if form != "05" or len(text) == YEAR_DIGITS else text
    if (
        form in DATES_OF_MONTH_FORMS
        and text.isdecimal()
        and (form != "01" or len(text) <= MONTH_DIGITS)
    ):
        return text[:MONTH_DIGITS]
    return text


def _exact(
    text: str, year: str, month: str | None, day: str | None, repairs: list[Repair]
) -> PartialDate | None:
    """Return what exists of a date; zeros stand for what is not known."""
    months = int(month or 0)
    days = int(day or 0)
    found = _made(int(year), months or None, days or None)
    if found is None and int(year):
        is_month = 1 <= months <= LAST_MONTH
        found = _made(int(year), months if is_month else None, None)
        repairs.append(Repair(RepairKind.DATE_WRONG, text, f"{year}-{month}" if is_month else year))
    return found


def _made(year: int, month: int | None, day: int | None) -> PartialDate | None:
    precision = (
        DatePrecision.YEAR if month is None else DatePrecision.DAY if day else DatePrecision.MONTH
    )
    try:
        return PartialDate(date(year, month or 1, (day or 1) if month else 1), precision)
    except ValueError:
        return None


def _week(year: int, week: int) -> PartialDate | None:
    try:
        return PartialDate(date.fromisocalendar(year, week, 1), DatePrecision.MONTH)
    except ValueError:
        return None


def last_day(found: PartialDate) -> date:
    """Return the last day of a date."""
    day = found.value
    if found.precision is DatePrecision.YEAR:
        return date(day.year, LAST_MONTH, 31)
    if found.precision is DatePrecision.MONTH:
        return date(day.year, day.month, calendar.monthrange(day.year, day.month)[1])
    return day


def moment(text: str) -> datetime | None:
    """Return when a message was sent, in UTC, which is also meant where no zone is given."""
    parts = SENT_AT.fullmatch(text)
    if parts is None:
        return None
    *numbers, sign, hours, minutes = parts.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        zone = timezone(-offset if sign == "-" else offset)
        year, month, day, hour, minute, second = (int(part or 0) for part in numbers)
        return datetime(year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def isbn_of(text: str) -> str | None:
    """Return the thirteen digits of what proves itself to be an ISBN."""
    return _remembered_isbn(text) if len(text) <= MAX_REMEMBERED_CHARACTERS else None


@lru_cache(maxsize=1024)
def _remembered_isbn(text: str) -> str | None:
    try:
        return parse_isbn(text)
    except InvalidIsbnError:
        return None


def gtin_of(text: str) -> str | None:
    """Return a bar code's digits if its check digit is right; twelve get their zero."""
    digits = text.replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= MAX_GTIN_DIGITS):
        return None
    padded = digits.zfill(13)
    return padded if ean.is_valid(padded) else None


def language_code(raw: str) -> str:
    """Return the usual code of a language; what is no known language stays as it is, in small."""
    return _remembered_language(raw) if len(raw) <= MAX_REMEMBERED_CHARACTERS else raw.casefold()


@lru_cache(maxsize=1024)
def _remembered_language(raw: str) -> str:
    try:
        return repair.read_language(raw, [])
    except ValueError:
        return raw.casefold()
