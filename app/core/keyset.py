"""Reading a part of a long list by the keys that it is sorted by, instead of counting rows off."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    false,
    func,
    literal,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.pagination import Position, Slice, Window, write_cursor

AnySelect: TypeAlias = Select[*tuple[Any, ...]]
T = TypeVar("T")
AnyRow: TypeAlias = Row[*tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class Order:
    """An order of rows, under the name that its cursors are signed for.

    ``keys`` tell every row from every other and all run in one direction, so that one index
    serves both. With ``has_gaps`` the first may be null, and such rows come last in either
    direction; the index has them last when it is read downwards. The first ``index_keys`` are in
    one index; the others only part rows that are equal by them.
    """

    name: str
    keys: Sequence[ColumnElement[Any]]
    is_descending: bool = False
    has_gaps: bool = False
    index_keys: int | None = None

    def clauses(self, *, is_reversed: bool = False) -> list[ColumnElement[Any]]:
        """Return what ``ORDER BY`` takes, as the index has it: gaps at its end read downwards."""
        return _clauses(
            self.keys, descending=self.is_descending is not is_reversed, has_gaps=self.has_gaps
        )

    def beyond(self, position: Position) -> ColumnElement[bool]:
        """Return the condition that a row, which has all the keys, is beyond a position.

        The row comparison over the keys of the index alone lets the index begin at the position.
        """
        values = [
            literal(value, key.type) for key, value in zip(self.keys, position.values, strict=True)
        ]
        descending = self.is_descending is not position.is_before
        exact = _compare(self.keys, values, descending=descending, or_equal=False)
        if self.index_keys is None:
            return exact
        count = self.index_keys
        near = _compare(self.keys[:count], values[:count], descending=descending, or_equal=True)
        return and_(near, exact)


async def read_slice(
    session: AsyncSession, statement: AnySelect, *, order: Order, window: Window
) -> Slice[AnyRow]:
    """Return the rows of the window, and the cursors of the windows beside it.

    One row more than asked for is read, to tell whether there is another window.
    """
    position = window.position
    is_before = position is not None and position.is_before
    labels = [f"key_{number}" for number in range(len(order.keys))]
    statement = statement.add_columns(
        *(key.label(label) for key, label in zip(order.keys, labels, strict=True))
    )
    rest = window.offset + window.limit + 1
    if order.has_gaps:
        statement = _read_with_gaps(statement, order, position, labels, limit=rest)
    else:
        if position is not None:
            statement = statement.where(order.beyond(position))
        statement = statement.order_by(*order.clauses(is_reversed=is_before)).limit(rest)
    rows = list((await session.execute(statement.offset(window.offset))).all())
    has_more = len(rows) > window.limit
    del rows[window.limit :]
    if is_before:
        rows.reverse()

    def cursor(row: AnyRow, *, is_before: bool) -> str:
        values = [getattr(row, label) for label in labels]
        return write_cursor(order.name, values, is_before=is_before)

    has_next = has_more or is_before
    has_previous = has_more if is_before else position is not None or window.offset > 0
    return Slice(
        rows=rows,
        next_cursor=cursor(rows[-1], is_before=False) if rows and has_next else None,
        previous_cursor=cursor(rows[0], is_before=True) if rows and has_previous else None,
    )


async def count_rows(session: AsyncSession, statement: AnySelect, *, limit: int) -> int:
    """Return how many rows a statement has, and no more than the limit."""
    rows = statement.limit(limit).subquery()
    return (await session.scalars(select(func.count()).select_from(rows))).one()


async def read_objects(
    session: AsyncSession, statement: Select[T], *, order: Order, window: Window
) -> Slice[T]:
    """Return the same of a statement over one class, as its objects."""
    found = await read_slice(session, cast("AnySelect", statement), order=order, window=window)
    return found.map(itemgetter(0))


def _read_with_gaps(
    statement: AnySelect,
    order: Order,
    position: Position | None,
    labels: Sequence[str],
    *,
    limit: int,
) -> AnySelect:
    """Read the rows that have the first key, and those that do not, each along the index.

    As one condition ("beyond it, or null") no index could begin at the position.
    """
    first, *others = order.keys
    is_before = position is not None and position.is_before
    present: ColumnElement[bool] = true()
    missing: ColumnElement[bool] = true()
    if position is not None:
        if position.values[0] is None:
            rest = Position(values=position.values[1:], is_before=is_before)
            gap = replace(order, keys=others, index_keys=order.index_keys and order.index_keys - 1)
            missing = gap.beyond(rest)
            present = true() if is_before else false()
        else:
            present = order.beyond(position)
            missing = false() if is_before else true()
    clauses = order.clauses(is_reversed=is_before)
    halves = union_all(
        statement.where(first.is_not(None), present).order_by(*clauses).limit(limit),
        statement.where(first.is_(None), missing).order_by(*clauses).limit(limit),
    ).subquery()
    keys = [halves.c[label] for label in labels]
    descending = order.is_descending is not is_before
    gaps = keys[0].is_(None)
    return (
        select(halves)
        .order_by(
            gaps.desc() if is_before else gaps,
            *_clauses(keys, descending=descending, has_gaps=False),
        )
        .limit(limit)
    )


def _clauses(
    keys: Sequence[ColumnElement[Any]], *, descending: bool, has_gaps: bool
) -> list[ColumnElement[Any]]:
    clauses: list[ColumnElement[Any]] = [key.desc() if descending else key.asc() for key in keys]
    if has_gaps:
        clauses[0] = clauses[0].nulls_last() if descending else clauses[0].nulls_first()
    return clauses


def _compare(
    keys: Sequence[ColumnElement[Any]],
    values: Sequence[ColumnElement[Any]],
    *,
    descending: bool,
    or_equal: bool,
) -> ColumnElement[bool]:
    left, right = tuple_(*keys), tuple_(*values)
    if descending:
        return left <= right if or_equal else left < right
    return left >= right if or_equal else left > right
