"""SQL for what readers also bought and for bestsellers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Column as TableColumn
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    and_,
    cast,
    delete,
    func,
    literal,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.schema import CreateTable, DropTable
from sqlalchemy.sql.expression import CTE

from app.books.rankings import OF_WORK
from app.core.keyset import AnySelect
from app.orders.sales import purchases
from app.recommendations.models import AlsoBought, Bestseller, Period
from app.reviews.ratings import ratings

PURCHASE_WEIGHT = 4
"""What a purchase says of a reader's taste: as much as four stars of five would."""

LEAST_LIKED = 4
"""So many stars, or more, say that a reader likes a work; fewer say nothing."""

WORKS_AT_ONCE = 1_000
DAYS_AT_ONCE = timedelta(days=30)
"""One statement deals with so many works, or days: it must end within its time limit."""

_scratch = MetaData()

TOLD = Table(
    "also_bought_told",
    _scratch,
    TableColumn("reader", Text, nullable=False),
    TableColumn("work_id", Integer, nullable=False),
    TableColumn("weight", Integer, nullable=False),
    TableColumn("told_at", DateTime(timezone=True), nullable=False),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)
"""What the sources tell, as often as they do: for the time of one refresh."""

EVIDENCE = Table(
    "also_bought_evidence",
    _scratch,
    TableColumn("reader", Text, nullable=False),
    TableColumn("work_id", Integer, nullable=False),
    TableColumn("weight", Integer, nullable=False),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)
"""Who likes what, each once: for the time of one refresh."""

READERSHIPS = Table(
    "also_bought_readerships",
    _scratch,
    TableColumn("work_id", Integer, primary_key=True, autoincrement=False),
    TableColumn("readers", Integer, nullable=False),
    TableColumn("squares", Integer, nullable=False),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)
"""How many readers a work has, and the sum of their weights' squares."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When two works are shown together; ``app.recommendations.refreshing`` explains it."""

    least_support: int
    shrinkage: int
    works_per_reader: int
    kept: int


async def lock_refresh(session: AsyncSession, *, name: str) -> None:
    """Wait until no other transaction refreshes the same; until this one ends, none does."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))


async def gather_evidence(
    session: AsyncSession, *, since: datetime, until: datetime, works_per_reader: int
) -> None:
    """Write down, for this transaction, who likes which works: of a reader the last so many."""
    await session.execute(CreateTable(EVIDENCE))
    await session.execute(CreateTable(READERSHIPS))
    await session.execute(CreateTable(TOLD))
    while since <= until:
        end = min(since + DAYS_AT_ONCE - timedelta.resolution, until)
        told = union_all(*(source(since, end) for source in SOURCES)).subquery("told")
        known = select(*(told.c[column.name] for column in TOLD.c)).where(
            told.c.reader.is_not(None)
        )
        await session.execute(insert(TOLD).from_select([column.name for column in TOLD.c], known))
        since = end + timedelta.resolution
    await session.execute(text("ANALYZE also_bought_told"))
    liked = (
        select(
            TOLD.c.reader,
            TOLD.c.work_id,
            func.max(TOLD.c.weight).label("weight"),
            func.row_number()
            .over(
                partition_by=TOLD.c.reader,
                order_by=(func.max(TOLD.c.told_at).desc(), TOLD.c.work_id),
            )
            .label("place"),
        )
        .group_by(TOLD.c.reader, TOLD.c.work_id)
        .subquery("liked")
    )
    last = select(liked.c.reader, liked.c.work_id, liked.c.weight).where(
        liked.c.place <= works_per_reader
    )
    await session.execute(insert(EVIDENCE).from_select(["reader", "work_id", "weight"], last))
    readerships = select(
        EVIDENCE.c.work_id,
        func.count(),
        cast(func.sum(EVIDENCE.c.weight * EVIDENCE.c.weight), Integer),
    ).group_by(EVIDENCE.c.work_id)
    await session.execute(
        insert(READERSHIPS).from_select(["work_id", "readers", "squares"], readerships)
    )
    # A table of this transaction has no statistics, and is otherwise taken for a small one.
    await session.execute(text("CREATE INDEX ON also_bought_evidence (work_id)"))
    await session.execute(text("CREATE INDEX ON also_bought_evidence (reader)"))
    await session.execute(text("ANALYZE also_bought_evidence, also_bought_readerships"))


async def forget_evidence(session: AsyncSession) -> None:
    """Drop what was written down for this transaction."""
    await session.execute(DropTable(TOLD))
    await session.execute(DropTable(EVIDENCE))
    await session.execute(DropTable(READERSHIPS))


async def count_readers(session: AsyncSession) -> int:
    """Return how many readers there is evidence of."""
    statement = select(func.count(EVIDENCE.c.reader.distinct()))
    return (await session.scalars(statement)).one()


async def list_ends(session: AsyncSession) -> Sequence[int]:
    """Return the work at which each portion but the last ends."""
    place = func.row_number().over(order_by=READERSHIPS.c.work_id).label("place")
    numbered = select(READERSHIPS.c.work_id, place).subquery()
    statement = (
        select(numbered.c.work_id)
        .where(numbered.c.place % WORKS_AT_ONCE == 0)
        .order_by(numbered.c.work_id)
    )
    return (await session.scalars(statement)).all()


async def replace_also_bought(
    session: AsyncSession, *, after: int, to: int | None, readers: int, rule: Rule
) -> None:
    """Make what is told of the works from one to another what the evidence says.

    ``after`` is outside, ``to`` inside; without it there is no end. Rows that say the same stay
    untouched.
    """
    fresh = _ranked(_scored(after, to, readers, rule), rule)
    row = (AlsoBought.work_id, AlsoBought.rank)
    gone = (
        delete(AlsoBought)
        .where(
            *_between(AlsoBought.work_id, after, to),
            ~select(fresh.c.work_id)
            .where(fresh.c.work_id == row[0], fresh.c.rank == row[1])
            .exists(),
        )
        .returning(AlsoBought.work_id)
        .cte("gone")
    )
    names = ("work_id", "rank", "other_work_id", "support", "score")
    facts = names[2:]
    differs = func.row(*(getattr(AlsoBought, name) for name in facts)).is_distinct_from(
        func.row(*(fresh.c[name] for name in facts))
    )
    # Left out before they conflict: a row that conflicts is locked, and so written, in any case.
    changed = (
        select(*(fresh.c[name] for name in names))
        .outerjoin_from(fresh, AlsoBought, and_(row[0] == fresh.c.work_id, row[1] == fresh.c.rank))
        .where(differs)
    )
    written = insert(AlsoBought).from_select(names, changed)
    await session.execute(
        written.on_conflict_do_update(
            index_elements=list(row),
            set_={name: getattr(written.excluded, name) for name in facts},
        ).add_cte(gone)
    )


@cache
def also_bought() -> AnySelect:
    """Return the ranking of what readers of the work ``OF_WORK`` also bought."""
    return select(
        AlsoBought.other_work_id.label("work_id"), AlsoBought.rank, AlsoBought.support
    ).where(AlsoBought.work_id == OF_WORK)


async def replace_bestsellers(
    session: AsyncSession, *, period: Period, since: datetime, until: datetime, kept: int
) -> None:
    """Make a period's bestsellers what was sold between two moments, both inside."""
    bought = purchases(since=since, until=until).subquery("bought")
    editions = (
        select(bought.c.work_id, bought.c.book_id, func.sum(bought.c.copies).label("copies"))
        .where(bought.c.is_sold)
        .group_by(bought.c.work_id, bought.c.book_id)
        .subquery("editions")
    )
    works = (
        select(
            editions.c.work_id,
            editions.c.book_id,
            func.sum(editions.c.copies).over(partition_by=editions.c.work_id).label("copies"),
            func.row_number()
            .over(
                partition_by=editions.c.work_id,
                order_by=(editions.c.copies.desc(), editions.c.book_id),
            )
            .label("place"),
        )
        .select_from(editions)
        .subquery("works_sold")
    )
    rank = func.row_number().over(order_by=(works.c.copies.desc(), works.c.work_id))
    ranked = (
        select(works.c.work_id, works.c.book_id, works.c.copies, rank.label("rank"))
        .where(works.c.place == 1)
        .subquery("ranked")
    )
    best = select(
        literal(period, Bestseller.period.type),
        cast(ranked.c.rank, SmallInteger),
        ranked.c.work_id,
        ranked.c.book_id,
        cast(ranked.c.copies, Integer),
    ).where(ranked.c.rank <= kept)
    await session.execute(delete(Bestseller).where(Bestseller.period == period))
    await session.execute(
        insert(Bestseller).from_select(["period", "rank", "work_id", "book_id", "copies"], best)
    )


def bestsellers(*, period: Period) -> AnySelect:
    """Return the ranking of a period's bestsellers."""
    return select(Bestseller.book_id, Bestseller.rank).where(Bestseller.period == period)


def _purchases(since: datetime, until: datetime) -> AnySelect:
    """Return whose purchases tell of taste: the relation that every source comes down to."""
    bought = purchases(since=since, until=until).subquery("bought")
    return select(
        bought.c.reader,
        bought.c.work_id,
        literal(PURCHASE_WEIGHT, Integer).label("weight"),
        bought.c.bought_at.label("told_at"),
    )


def _ratings(since: datetime, until: datetime) -> AnySelect:
    given = ratings(since=since, until=until).subquery("given")
    return select(
        given.c.reader,
        given.c.work_id,
        given.c.rating.label("weight"),
        given.c.rated_at.label("told_at"),
    ).where(given.c.rating >= LEAST_LIKED)


SOURCES = (_purchases, _ratings)
"""What tells who likes what: each a function of two moments that returns a statement of
``reader``, ``work_id``, ``weight`` and ``told_at``. What several tell of one pair counts once,
by the greatest weight."""


def _between(column: Any, after: int, to: int | None) -> tuple[ColumnElement[bool], ...]:
    return (column > after,) if to is None else (column > after, column <= to)


def _scored(after: int, to: int | None, readers: int, rule: Rule) -> CTE:
    """Return the pairs that pass the thresholds, with their support and score."""
    mine, theirs = EVIDENCE.alias("mine"), EVIDENCE.alias("theirs")
    pairs = (
        select(
            mine.c.work_id,
            theirs.c.work_id.label("other_work_id"),
            func.count().label("support"),
            func.sum(mine.c.weight * theirs.c.weight).label("product"),
        )
        .join_from(
            mine,
            theirs,
            and_(mine.c.reader == theirs.c.reader, mine.c.work_id != theirs.c.work_id),
        )
        .where(*_between(mine.c.work_id, after, to))
        .group_by(mine.c.work_id, theirs.c.work_id)
        .having(func.count() >= rule.least_support)
        .cte("pairs")
    )
    one, other = READERSHIPS.alias("one"), READERSHIPS.alias("other")
    cosine = pairs.c.product / func.sqrt(cast(one.c.squares, Numeric) * other.c.squares)
    trust = cast(pairs.c.support, Numeric) / (pairs.c.support + rule.shrinkage)
    return (
        select(
            pairs.c.work_id,
            pairs.c.other_work_id,
            pairs.c.support,
            func.round(cosine * trust, 6).label("score"),
        )
        .join(one, one.c.work_id == pairs.c.work_id)
        .join(other, other.c.work_id == pairs.c.other_work_id)
        .where(pairs.c.support * readers > cast(one.c.readers, Numeric) * other.c.readers)
        .cte("scored")
    )


def _ranked(scored: CTE, rule: Rule) -> CTE:
    """Return the best of each work's pairs."""
    rank = func.row_number().over(
        partition_by=scored.c.work_id,
        order_by=(scored.c.score.desc(), scored.c.support.desc(), scored.c.other_work_id),
    )
    numbered = select(*scored.c, rank.label("rank")).subquery("numbered")
    return select(numbered).where(numbered.c.rank <= rule.kept).cte("fresh")
