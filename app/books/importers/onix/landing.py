"""Records land in the catalogue in batches, each in a transaction of its own.

A record is about the book that its sender's reference stood for before, else the one with its ISBN
or bar code. The same record again changes nothing and writes nothing; one that was sent before what
was already taken changes nothing either.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.importers.batches import ReadAhead, take
from app.books.importers.journal import REFUSED, Entry, OnLanded
from app.books.importers.landing_repository import wait_for_turn
from app.books.importers.onix import writing
from app.books.importers.onix.codes import Notification
from app.books.importers.onix.facts import (
    ALL_BLOCKS,
    SUPPLY,
    Facts,
    is_for_the_trade,
    main_supply,
    read_facts,
    told_blocks,
)
from app.books.importers.onix.product import BrokenProduct, OnixHeader, OnixProduct
from app.books.importers.onix.reader import OnixMessage
from app.books.importers.onix.shelf import Shelf, find_records, load_shelf
from app.books.importers.report import OWN_PRICE, ImportReport, Note, Refusal
from app.books.models import Book, FeedRecord, Price
from app.books.pricing import choose_price, is_set_in_shop
from app.core.exceptions import is_unstorable
from app.db.session import MAX_ATTEMPTS, AsyncSessionLocal, transactional

NO_REFERENCE = "The record has no RecordReference: nothing could tell what later records are about."
NO_NUMBER = "The record has neither an ISBN nor another bar code (GTIN-13)."
WRONG_NUMBER = "{} is no valid ISBN or bar code: one of its digits must be wrong."
NO_TITLE = "The book is new to the shop, and the record has no title."
NO_BOOK = "The record updates a book that the shop does not have: it must be sent in full first."
FOR_THE_TRADE = "The product is a display or a pack for the trade: no shopper buys it."
TEST = "The record is marked as a test."
REMOVED = "This book was removed from the shop by its staff. To sell it again, add it there first."
REPEATED = "The message has several records with this reference: the last one counts."
FREE_OR_UNKNOWN = "Not on sale: the feed says that it is free of charge or has no price yet."
NO_PRICE = "Not on sale: the record has no price."

NOT_STORABLE = "A value of the record does not fit into the catalogue."

BATCH_RECORDS = 100
BATCH_CHARACTERS = 4_000_000
"""A batch ends before it has so many records, where their texts are long."""

TESTS = {Notification.TEST, Notification.TEST_UPDATE}
NAMED_PRICES = 5
NUMBER_TYPES = {"02", "03", "15"}
"""Identifiers (ONIX list 5) that prove themselves: ISBN-10, GTIN-13, ISBN-13."""


class Outcome(StrEnum):
    """What became of a record that was not refused; the values are fields of the report."""

    TAKEN = "taken"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    OUTDATED = "outdated"


@dataclass(frozen=True, kw_only=True)
class FeedOptions:
    """Where the shop is: its currency (ISO 4217), its country (ISO 3166) and its day."""

    currency: str
    country: str
    today: date


@dataclass(frozen=True, slots=True)
class Landing:
    """What became of a record; ``note`` is what a bookseller should know of it."""

    line: int
    reference: str
    outcome: Outcome
    note: str | None = None


def digest_of(product: OnixProduct, options: FeedOptions) -> bytes:
    """Return 16 bytes that change when the record says something else, or the shop has moved."""
    parts = [f"{options.currency} {options.country};"]
    _tell(parts, product)
    content = "".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=16).digest()


def _tell(parts: list[str], value: Any) -> None:
    """Add what a value says, so that no two values say the same."""
    kind = type(value)
    if kind is str or value is None:  # as most are
        parts.append(f"{value!r};")
    elif kind is tuple or kind is frozenset:
        items = value if kind is tuple else sorted(value)
        parts.append("(")
        for item in items:
            _tell(parts, item)
        parts.append(")")
    elif is_dataclass(kind):
        for name in _members(kind):
            _tell(parts, getattr(value, name))
    else:
        parts.append(f"{value!r};")


@cache
def _members(kind: type[Any]) -> tuple[str, ...]:
    """Return what a class of facts holds, but for where and how it was written."""
    names = (member.name for member in fields(kind))
    return tuple(name for name in names if name not in {"line", "repairs"})


async def import_products(
    message: OnixMessage,
    *,
    options: FeedOptions,
    report: ImportReport,
    started_at: datetime,
    on_landed: OnLanded,
    on_batch: Callable[[], None],
    clock: Callable[[], datetime],
) -> None:
    """Land the records of a message and write into the report what became of them.

    Each batch is committed by itself. Memory holds a batch that lands and the next one, which is
    read meanwhile. ``started_at`` is as ``land_products`` says.
    """
    records = iter(message)
    async with ReadAhead(lambda: _take(records)) as batches:
        async for batch in batches:
            results = await _land(
                batch,
                header=message.header,
                options=options,
                started_at=started_at,
                on_landed=on_landed,
                now=clock(),
            )
            _report(report, results)
            for product in batch:
                if isinstance(product, OnixProduct):
                    for repair in product.repairs:
                        report.repaired(product.line, repair)
            on_batch()


def _take(records: Iterator[OnixProduct | BrokenProduct]) -> list[OnixProduct | BrokenProduct]:
    return take(records, at_most=BATCH_RECORDS, weigh=_characters, weight=BATCH_CHARACTERS)


def _characters(record: OnixProduct | BrokenProduct) -> int:
    """Return how many characters the long texts of a record have."""
    if isinstance(record, BrokenProduct):
        return 0
    return sum(len(text.text) for text in record.texts)


async def _land(
    records: Sequence[OnixProduct | BrokenProduct],
    *,
    header: OnixHeader,
    options: FeedOptions,
    started_at: datetime,
    on_landed: OnLanded,
    now: datetime,
) -> list[Landing | Refusal]:
    """Land a batch; begin again when somebody enters one of its books at the same moment.

    What cannot be stored is looked for by halves, so that one record does not cost the others.
    """
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            async with AsyncSessionLocal() as session:
                return await land_products(
                    session,
                    records,
                    header=header,
                    options=options,
                    started_at=started_at,
                    on_landed=on_landed,
                    now=now,
                )
        except DBAPIError as error:
            if isinstance(error, IntegrityError) and attempt < MAX_ATTEMPTS:
                continue
            if not (isinstance(error, IntegrityError) or is_unstorable(error)):
                raise
            if len(records) == 1:
                (record,) = records
                if isinstance(record, BrokenProduct):  # nothing of it is stored
                    raise
                refused = BrokenProduct(record.line, record.record_reference, NOT_STORABLE)
                return await _land(
                    [refused],
                    header=header,
                    options=options,
                    started_at=started_at,
                    on_landed=on_landed,
                    now=now,
                )
            break
    middle = len(records) // 2
    return [
        result
        for half in (records[:middle], records[middle:])
        for result in await _land(
            half,
            header=header,
            options=options,
            started_at=started_at,
            on_landed=on_landed,
            now=now,
        )
    ]


def _report(report: ImportReport, results: Sequence[Landing | Refusal]) -> None:
    report.rows += len(results)
    for result in results:
        if isinstance(result, Refusal):
            report.refuse(result)
            continue
        setattr(report, result.outcome, getattr(report, result.outcome) + 1)
        if result.note is not None:
            report.note(Note(result.line, result.reference, result.note))


@transactional
async def land_products(
    session: AsyncSession,
    records: Sequence[OnixProduct | BrokenProduct],
    *,
    header: OnixHeader,
    options: FeedOptions,
    started_at: datetime,
    on_landed: OnLanded,
    now: datetime,
) -> list[Landing | Refusal]:
    """Write what the records say, and tell of each what became of it, in the order of the file.

    ``started_at`` is when the import began: what was taken since then is of the same message, of
    whose records about one book the last counts.
    """
    await wait_for_turn(session)
    products = [record for record in records if isinstance(record, OnixProduct)]
    known = await find_records(session, products, sender=header.sender)
    given = [(product, digest_of(product, options)) for product in products]
    fresh = [
        product
        for product, digest in given
        if not _was_taken(known.get(product.record_reference), digest)
    ]
    told = {id(product): read_facts(product) for product in fresh}
    shelf = await load_shelf(session, fresh, list(told.values()), records=known)
    batch = _Batch(session, shelf, header=header, options=options, started_at=started_at, now=now)
    digests = {id(product): digest for product, digest in given}
    results = [
        batch.land(record, told.get(id(record)), digests[id(record)])
        if isinstance(record, OnixProduct)
        else Refusal(record.line, record.reference, record.reason)
        for record in records
    ]
    await session.flush()  # what cannot be stored is found out here, with the batch at hand
    await on_landed(session, list(map(_entry, records, results)))
    return results


def _entry(record: OnixProduct | BrokenProduct, result: Landing | Refusal) -> Entry:
    repairs = record.repairs if isinstance(record, OnixProduct) else ()
    if isinstance(result, Refusal):
        return Entry(result.line, result.reference, REFUSED, result.reason, repairs=repairs)
    return Entry(result.line, result.reference, result.outcome, result.note, repairs=repairs)


def _was_taken(record: FeedRecord | None, digest: bytes) -> bool:
    return record is not None and (digest == record.digest or digest in record.superseded)


class _Batch:
    """Lands one record after the other."""

    def __init__(
        self,
        session: AsyncSession,
        shelf: Shelf,
        *,
        header: OnixHeader,
        options: FeedOptions,
        started_at: datetime,
        now: datetime,
    ) -> None:
        self._session = session
        self._shelf = shelf
        self._header = header
        self._options = options
        self._started_at = started_at
        self._now = now

    def land(self, product: OnixProduct, facts: Facts | None, digest: bytes) -> Landing | Refusal:
        """Write what a record says, unless it says nothing new."""
        record = self._shelf.records.get(product.record_reference)
        reason = _unusable(product)
        if reason is not None:
            return self._refuse(product, reason)
        if facts is None or _was_taken(record, digest):
            return self._tell(product, Outcome.UNCHANGED)
        if self._is_outdated(record):
            return self._tell(product, Outcome.OUTDATED)
        return self._write(product, facts, digest)

    def _write(self, product: OnixProduct, facts: Facts, digest: bytes) -> Landing | Refusal:
        book = self._shelf.find_book(product)
        record = self._shelf.records.get(product.record_reference)
        if product.notification is Notification.DELETE:
            return self._delete(product, book, digest)
        if book is None:
            return self._add(product, facts, digest)
        if book.deleted_at is not None and not (record is not None and record.is_withdrawn):
            return self._refuse(product, REMOVED)
        return self._update(product, book, facts, digest)

    def _delete(self, product: OnixProduct, book: Book | None, digest: bytes) -> Landing:
        is_sold = book is not None and book.deleted_at is None
        if book is not None and is_sold:
            book.deleted_at = self._now
        self._remember(product, book, digest, is_withdrawn=is_sold)
        return self._tell(product, Outcome.DELETED if is_sold else Outcome.UNCHANGED)

    def _add(self, product: OnixProduct, facts: Facts, digest: bytes) -> Landing | Refusal:
        if told_blocks(product) != ALL_BLOCKS:
            return self._refuse(product, NO_BOOK)
        if not product.title:
            return self._refuse(product, NO_TITLE)
        if product.isbn is None and product.gtin is None:
            return self._refuse(product, _why_nameless(product))
        book = writing.add_book(
            self._session, self._shelf, product, facts, currency=self._options.currency
        )
        note = self._price(product, book)
        self._remember(product, book, digest)
        return self._tell(product, Outcome.TAKEN, note)

    def _update(self, product: OnixProduct, book: Book, facts: Facts, digest: bytes) -> Landing:
        before = (book.price, book.currency, book.deleted_at)
        is_changed = writing.update_book(self._shelf, book, facts)
        note = self._price(product, book) if SUPPLY in told_blocks(product) else None
        book.deleted_at = None
        is_changed |= before != (book.price, book.currency, book.deleted_at)
        if self._is_of_this_message(product):
            note = REPEATED
        self._remember(product, book, digest)
        return self._tell(product, Outcome.UPDATED if is_changed else Outcome.UNCHANGED, note)

    def _price(self, product: OnixProduct, book: Book) -> str | None:
        """Give the book the price that holds for the shop; say why if it gets none.

        A book that has a price keeps it then, and also where that is not what feeds said before:
        somebody has set it since.
        """
        options = self._options
        is_set = is_set_in_shop(
            price=book.price,
            currency=book.currency,
            feed_price=book.feed_price,
            priced_on=book.priced_on,
            feed_currency=options.currency,
        )
        book.priced_on = options.today
        chosen = choose_price(
            book.prices, currency=options.currency, country=options.country, day=options.today
        )
        if chosen is not None:
            amount = round(chosen.amount, 2)
            if book.feed_price != amount:
                book.feed_price = amount
            if is_set and book.currency == options.currency:
                return None if book.price == amount else OWN_PRICE.format(amount)
            if (book.price, book.currency) != (amount, options.currency):
                book.price, book.currency = amount, options.currency
            return None
        return None if book.price is not None else _why_unpriced(product, book.prices, options)

    def _is_outdated(self, record: FeedRecord | None) -> bool:
        sent_at = self._header.sent_at
        return (
            record is not None
            and record.sent_at is not None
            and sent_at is not None
            and sent_at < record.sent_at
        )

    def _is_as_old_as(self, record: FeedRecord) -> bool:
        return record.sent_at is not None and record.sent_at == self._header.sent_at

    def _is_of_this_message(self, product: OnixProduct) -> bool:
        record = self._shelf.records.get(product.record_reference)
        return record is not None and record.taken_at >= self._started_at

    def _remember(
        self, product: OnixProduct, book: Book | None, digest: bytes, *, is_withdrawn: bool = False
    ) -> None:
        reference = product.record_reference
        superseded: list[bytes] = []
        record = self._shelf.records.get(reference)
        if record is None:
            record = FeedRecord(sender=self._header.sender, reference=reference)
            self._shelf.records[reference] = record
            self._session.add(record)
        elif self._is_of_this_message(product) or self._is_as_old_as(record):
            superseded = [*record.superseded, record.digest]
        record.book = book
        record.digest = digest
        record.superseded = superseded
        record.sent_at = self._header.sent_at
        record.taken_at = self._now
        record.is_withdrawn = is_withdrawn

    def _tell(self, product: OnixProduct, outcome: Outcome, note: str | None = None) -> Landing:
        return Landing(product.line, product.record_reference, outcome, note)

    def _refuse(self, product: OnixProduct, reason: str) -> Refusal:
        name = product.record_reference or product.isbn or product.gtin or product.title
        return Refusal(product.line, name, reason)


def _unusable(product: OnixProduct) -> str | None:
    if product.notification in TESTS:
        return TEST
    if not product.record_reference:
        return NO_REFERENCE
    if product.notification is not Notification.DELETE and is_for_the_trade(product):
        return FOR_THE_TRADE
    return None


def _why_nameless(product: OnixProduct) -> str:
    """Say what is wrong with the number, if there is one."""
    numbers = [item.value for item in product.identifiers if item.type in NUMBER_TYPES]
    return WRONG_NUMBER.format(numbers[0]) if numbers else NO_NUMBER


def _why_unpriced(product: OnixProduct, prices: Sequence[Price], options: FeedOptions) -> str:
    if prices:
        named = sorted({f"{price.amount.normalize():f} {price.currency}" for price in prices})
        return (
            f"Not on sale: no price in {options.currency} for shoppers in {options.country} today,"
            f" only {', '.join(named[:NAMED_PRICES])}."
        )
    supply = main_supply(product)
    return FREE_OR_UNKNOWN if supply is not None and supply.unpriced else NO_PRICE
