"""SQL for the stock and its ledger: no copy moves without a row that says so."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    Case,
    FromClause,
    Integer,
    Select,
    Text,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Book, MovementKind, Stock, StockMovement, Work
from app.books.repository.filters import among
from app.core.keyset import AnyRow, Order, read_slice
from app.core.pagination import Slice, Window

EFFECTS: Mapping[MovementKind, Mapping[str, int]] = {
    MovementKind.RECEIVED: {"received": 1, "on_hand": 1},
    MovementKind.RESERVED: {"on_hand": -1, "reserved": 1},
    MovementKind.RELEASED: {"reserved": -1, "on_hand": 1},
    MovementKind.SOLD: {"reserved": -1, "sold": 1},
    MovementKind.RETURNED: {"returned": 1, "on_hand": 1},
    MovementKind.CORRECTED: {"received": 1, "on_hand": 1},
}
"""How often each copy of a movement counts in which column. The sums of a book are its stock."""

COUNTED = ("received", "returned", "on_hand", "reserved", "sold")

STOCK_BY_BOOK = Order(name="stock", keys=(Stock.book_id.expression,))
MOVEMENTS_NEWEST_FIRST = Order(
    name="stock movements", keys=(StockMovement.id.expression,), is_descending=True
)

STATE = (
    Stock.book_id,
    Work.title,
    Book.isbn,
    Stock.on_hand,
    Stock.reserved,
    Stock.sold,
    Stock.received,
    Stock.returned,
    Stock.low_level,
)


@dataclass(frozen=True, kw_only=True)
class Note:
    """What the ledger says of a movement beside book, kind and copies."""

    order_id: int | None = None
    actor: str | None = None
    reason: str | None = None
    reference: str | None = None


async def move_copies(
    session: AsyncSession,
    kind: MovementKind,
    *,
    copies: Mapping[int, int],
    note: Note,
) -> dict[int, int]:
    """Move copies, by book, where the columns stay sound, and write it into the ledger.

    One statement, which locks the rows of several books in ascending order. Returns how many are
    on hand now, of the books whose copies were moved.
    """
    if not copies:
        return {}
    moved = await session.execute(
        _moving(kind, of_one_book=len(copies) == 1),
        _parameters(copies, note),
    )
    return {row.book_id: row.on_hand for row in moved}


@cache
def _moving(kind: MovementKind, *, of_one_book: bool) -> Select[int, int]:
    """Return the statement that moves copies: made once, as it takes longer than to run it."""
    told = _told()
    locked = (
        select(Stock.book_id, told.c.copies)
        .join(told, told.c.book_id == Stock.book_id)
        .order_by(Stock.book_id)
        .with_for_update(of=Stock)
        .cte("locked")
    )
    wanted = told if of_one_book else locked
    effects = EFFECTS[kind]
    enough = [
        getattr(Stock, name) + times * wanted.c.copies >= 0
        for name, times in effects.items()
        if times < 0 or kind is MovementKind.CORRECTED
    ]
    if kind is MovementKind.RETURNED:
        enough.append(Stock.returned + wanted.c.copies <= Stock.sold)
    moved = (
        update(Stock)
        .where(Stock.book_id == wanted.c.book_id, *enough)
        .values(
            {
                name: getattr(Stock, name) + times * wanted.c.copies
                for name, times in effects.items()
            }
        )
        .returning(Stock.book_id, Stock.on_hand, wanted.c.copies)
        .cte("moved")
    )
    written = _write_movements(moved, kind)
    return select(moved.c.book_id, moved.c.on_hand).add_cte(written)


async def set_copies_on_hand(
    session: AsyncSession, *, copies: Mapping[int, int], note: Note
) -> dict[int, int]:
    """Set how many copies can be bought, by book, and write the differences as corrections.

    Returns how many it were, of the books that exist. The rows are locked before their counts are
    read, in ascending order of their books, so that of two who restock one finds the book empty.

    ``received`` is worked out of the other columns, not of what was read: PostgreSQL proves the
    constraints first of the row as the snapshot has it, and only then finds the newest one.
    """
    told = _told()
    before = (
        select(Stock.book_id, Stock.on_hand, told.c.copies)
        .join(told, told.c.book_id == Stock.book_id)
        .join(Book, Book.id == Stock.book_id)
        .where(Book.deleted_at.is_(None))
        .order_by(Stock.book_id)
        .with_for_update(of=Stock)
        .cte("before")
    )
    moved = (
        update(Stock)
        .where(Stock.book_id == before.c.book_id, before.c.copies != before.c.on_hand)
        .values(
            on_hand=before.c.copies,
            received=before.c.copies + Stock.reserved + Stock.sold - Stock.returned,
        )
        .returning(Stock.book_id, (before.c.copies - before.c.on_hand).label("copies"))
        .cte("moved")
    )
    written = _write_movements(moved, MovementKind.CORRECTED)
    statement = select(before.c.book_id, before.c.on_hand).add_cte(written)
    return dict((await session.execute(statement, _parameters(copies, note))).all())


async def insert_stock(session: AsyncSession, *, copies: Mapping[int, int], note: Note) -> None:
    """Begin the stock of new books, by book: all of their copies were received."""
    told = _told()
    begun = (
        insert(Stock)
        .from_select(
            ["book_id", "received", "on_hand"],
            select(told.c.book_id, told.c.copies, told.c.copies).order_by(told.c.book_id),
        )
        .returning(Stock.book_id, Stock.on_hand.label("copies"))
        .cte("begun")
    )
    written = _write_movements(begun, MovementKind.RECEIVED)
    statement = select(func.count()).select_from(begun).add_cte(written)
    await session.execute(statement, _parameters(copies, note))


async def set_low_level(session: AsyncSession, *, book_id: int, low_level: int | None) -> bool:
    """Set with how many copies a book is to be ordered anew; tell whether there is the book."""
    statement = (
        update(Stock)
        .where(Stock.book_id == book_id)
        .values(low_level=low_level)
        .returning(Stock.book_id)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def copies_on_hand(session: AsyncSession, *, book_ids: Collection[int]) -> dict[int, int]:
    """Return how many copies can be bought, by book."""
    statement = select(Stock.book_id, Stock.on_hand).where(among(Stock.book_id, book_ids))
    return dict((await session.execute(statement)).all())


async def find_stock(session: AsyncSession, *, book_id: int) -> AnyRow | None:
    """Return the stock of a book that is not deleted."""
    statement = (
        select(*STATE).select_from(Stock).join(Book).join(Work).where(Stock.book_id == book_id)
    )
    return (await session.execute(statement.where(Book.deleted_at.is_(None)))).one_or_none()


async def set_preorders(session: AsyncSession, *, book_id: int, are_taken: bool) -> bool:
    """Let a book that is not deleted be bought in advance, or not; tell whether that was news."""
    statement = (
        update(Book)
        .where(Book.id == book_id, Book.deleted_at.is_(None), Book.takes_preorders != are_taken)
        .values(takes_preorders=are_taken)
        .returning(Book.id)
        .execution_options(synchronize_session=False)
    )
    return await session.scalar(statement) is not None


async def list_stock(session: AsyncSession, *, only_low: bool, window: Window) -> Slice[AnyRow]:
    """Return the stock of books that are not deleted, or of those that are to be ordered anew."""
    statement = (
        select(*STATE).select_from(Stock).join(Book).join(Work).where(Book.deleted_at.is_(None))
    )
    if only_low:
        statement = statement.where(Stock.low_level.is_not(None), Stock.on_hand <= Stock.low_level)
    return await read_slice(session, statement, order=STOCK_BY_BOOK, window=window)


async def lock_copies(session: AsyncSession, *, book_id: int) -> int:
    """Return the copies on hand of a book, which nobody changes until the transaction ends."""
    statement = select(Stock.on_hand).where(Stock.book_id == book_id).with_for_update(read=True)
    return await session.scalar(statement) or 0


async def list_lowest(session: AsyncSession, *, limit: int) -> tuple[int, Sequence[AnyRow]]:
    """Return how many books are to be ordered anew, and those with the fewest copies left."""
    books = func.count().over().label("books")
    statement = (
        select(Work.title, Book.isbn, Stock.on_hand, books)
        .select_from(Stock)
        .join(Book)
        .join(Work)
        .where(
            Book.deleted_at.is_(None),
            Stock.low_level.is_not(None),
            Stock.on_hand <= Stock.low_level,
        )
        .order_by(Stock.on_hand, Stock.book_id)
        .limit(limit)
    )
    rows = (await session.execute(statement)).all()
    return (rows[0].books if rows else 0), rows


async def list_movements(session: AsyncSession, *, book_id: int, window: Window) -> Slice[AnyRow]:
    """Return the movements of a book, the newest first."""
    columns = (
        StockMovement.id,
        StockMovement.created_at,
        StockMovement.kind,
        StockMovement.copies,
        StockMovement.order_id,
        StockMovement.actor,
        StockMovement.reason,
        StockMovement.reference,
    )
    statement = select(*columns).where(StockMovement.book_id == book_id)
    return await read_slice(session, statement, order=MOVEMENTS_NEWEST_FIRST, window=window)


async def list_unbalanced_stock(session: AsyncSession, *, limit: int) -> Sequence[Stock]:
    """Return stock whose columns do not add up, or of which there is less than none."""
    columns = (Stock.received, Stock.returned, Stock.on_hand, Stock.reserved, Stock.sold)
    statement = (
        select(Stock)
        .where(
            or_(
                Stock.received + Stock.returned != Stock.on_hand + Stock.reserved + Stock.sold,
                *(column < 0 for column in columns),
            )
        )
        .order_by(Stock.book_id)
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


async def list_unexplained_stock(session: AsyncSession, *, limit: int) -> Sequence[AnyRow]:
    """Return stock that is not the sum of its movements, with ``ledger_`` columns beside."""
    sums = (
        select(
            StockMovement.book_id,
            *(
                func.coalesce(func.sum(_times(name) * StockMovement.copies), 0).label(name)
                for name in COUNTED
            ),
        )
        .group_by(StockMovement.book_id)
        .subquery()
    )
    pairs = [(getattr(Stock, name), func.coalesce(sums.c[name], 0)) for name in COUNTED]
    statement = (
        select(
            Stock.book_id,
            *(column for column, _ in pairs),
            *(ledger.label(f"ledger_{column.key}") for column, ledger in pairs),
        )
        .outerjoin(sums, sums.c.book_id == Stock.book_id)
        .where(or_(*(column != ledger for column, ledger in pairs)))
        .order_by(Stock.book_id)
        .limit(limit)
    )
    return (await session.execute(statement)).all()


async def list_copies_away(session: AsyncSession) -> Sequence[AnyRow]:
    """Return the books of which copies are reserved or sold, and how many."""
    statement = select(Stock.book_id, Stock.reserved, Stock.sold).where(
        or_(Stock.reserved != 0, Stock.sold != 0)
    )
    return (await session.execute(statement)).all()


def _told() -> FromClause:
    """Return what is told of books (``_parameters``) as a table."""
    columns = func.unnest(
        bindparam("book_ids", type_=ARRAY(Integer)), bindparam("copies", type_=ARRAY(Integer))
    )
    return columns.table_valued("book_id", "copies").render_derived("told")


def _parameters(copies: Mapping[int, int], note: Note) -> dict[str, Any]:
    """Return the values that ``_told`` and ``_write_movements`` stand for."""
    return {"book_ids": list(copies), "copies": list(copies.values()), **asdict(note)}


def _write_movements(moved: CTE, kind: MovementKind) -> CTE:
    """Return the statement that writes the books and ``copies`` of another into the ledger."""
    facts = [field.name for field in fields(Note)]
    told = select(
        moved.c.book_id,
        cast(literal(kind.value), Text),
        moved.c.copies,
        *(bindparam(name, type_=StockMovement.__table__.c[name].type) for name in facts),
    ).where(moved.c.copies != 0)
    return (
        insert(StockMovement)
        .from_select(["book_id", "kind", "copies", *facts], told)
        .returning(StockMovement.id)
        .cte("written")
    )


def _times(column: str) -> Case[int]:
    return case(
        {kind.value: effects[column] for kind, effects in EFFECTS.items() if column in effects},
        value=cast(StockMovement.kind, Text),
        else_=0,
    )
