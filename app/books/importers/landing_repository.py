"""SQL by which imports read and write the catalogue: one statement for a batch of any size.

Rows go to the database as arrays, one for each column, and are a table there.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Text,
    any_,
    cast,
    delete,
    exists,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased
from sqlalchemy.sql.selectable import TableValuedAlias

from app.books.locks import IMPORT_LOCK
from app.books.models import (
    Book,
    Contribution,
    Contributor,
    ContributorRole,
    Stock,
    Work,
    WorkAlias,
)
from app.books.repository import among
from app.core.keyset import AnyRow

Column: TypeAlias = InstrumentedAttribute[Any]
Told: TypeAlias = Mapping[str, Any]
"""What a row says, by the names of the columns; ``None`` where it says nothing."""

Credit: TypeAlias = tuple[int, int, int, ContributorRole]
"""A work, a position on its title page, who stands there and as what."""

POSITION = "row_number"
ITEM_SEPARATOR = "\x1f"
"""Stands between the items of a list that is written as one text; no text of the shop has it."""


async def wait_for_turn(session: AsyncSession) -> None:
    """Let no other import write until the transaction ends, so that none doubles a work."""
    await session.execute(select(func.pg_advisory_xact_lock(IMPORT_LOCK)))


async def fold(session: AsyncSession, texts: Iterable[str]) -> dict[str, str]:
    """Return the texts as the search compares them: no case, no accents, no punctuation."""
    given = func.unnest(cast(sorted(set(texts)), ARRAY(Text))).table_valued("text")
    derived = given.render_derived("given")
    statement = select(derived.c.text, func.search_fold(derived.c.text))
    return dict((await session.execute(statement)).all())


async def find_by_number(session: AsyncSession, numbers: Collection[str]) -> dict[str, int]:
    """Return the ids of the books that have these ISBNs or other bar codes."""
    found: dict[str, int] = {}
    for column in (Book.isbn, Book.gtin):
        statement = select(column, Book.id).where(_is_one_of(column, numbers))
        found |= {str(number): book_id for number, book_id in await session.execute(statement)}
    return found


async def find_works_by_number(
    session: AsyncSession, numbers: Collection[str]
) -> dict[str, AnyRow]:
    """Return the works of the books that have these ISBNs or other bar codes."""
    found: dict[str, AnyRow] = {}
    for column in (Book.isbn, Book.gtin):
        statement = (
            select(column.label("number"), Work.id, Work.first_published, Work.series_number)
            .join(Book.work)
            .where(_is_one_of(column, numbers))
        )
        found |= {str(row.number): row for row in await session.execute(statement)}
    return found


async def list_supplied(session: AsyncSession, *, numbers: Collection[str]) -> dict[str, AnyRow]:
    """Return of the books that are in the shop what a distributor's row is compared with.

    They are keyed by ISBN or other bar code, those of ``numbers``.
    """
    found: dict[str, AnyRow] = {}
    for column in (Book.isbn, Book.gtin):
        statement = (
            select(
                column.label("number"),
                Book.id,
                Book.price,
                Book.currency,
                Book.feed_price,
                Book.priced_on,
                Book.availability_code,
                Stock.on_hand,
            )
            .join(Book.stock)
            .where(_is_one_of(column, numbers), Book.deleted_at.is_(None))
        )
        found |= {str(row.number): row for row in await session.execute(statement)}
    return found


def _is_one_of(column: Column, texts: Collection[str]) -> ColumnElement[bool]:
    return column == any_(cast(list(texts), ARRAY(Text)))


async def find_by_title(session: AsyncSession, folded_titles: Collection[str]) -> Sequence[AnyRow]:
    """Return the works with these folded titles, the oldest first, with their first author."""
    first_author = (
        select(Contributor.name)
        .join(Contribution, Contribution.contributor_id == Contributor.id)
        .where(Contribution.work_id == Work.id)
        .order_by(Contribution.position)
        .limit(1)
        .scalar_subquery()
    )
    statement = (
        select(
            Work.id,
            Work.first_published,
            Work.series_number,
            Work.title,
            Work.folded_title,
            first_author.label("first_author"),
        )
        .where(Work.folded_title == any_(cast(sorted(folded_titles), ARRAY(Text))))
        .order_by(Work.id)
    )
    return (await session.execute(statement)).all()


async def find_by_alias(session: AsyncSession, folded_titles: Collection[str]) -> Sequence[AnyRow]:
    """Return as ``find_by_title`` the works that had such a title before staff changed it."""
    statement = (
        select(
            WorkAlias.work_id,
            WorkAlias.first_published,
            WorkAlias.series_number,
            WorkAlias.title,
            WorkAlias.folded_title,
            WorkAlias.author,
        )
        .where(WorkAlias.folded_title == any_(cast(sorted(folded_titles), ARRAY(Text))))
        .order_by(WorkAlias.id)
    )
    return (await session.execute(statement)).all()


async def list_without_number(
    session: AsyncSession, *, work_ids: Collection[int]
) -> Sequence[AnyRow]:
    """Return work, format and id of the works' books without number, the best of a format last.

    That is the oldest that is sold.
    """
    statement = (
        select(Book.work_id, Book.format, Book.id)
        .where(among(Book.work_id, work_ids), Book.isbn.is_(None), Book.gtin.is_(None))
        .order_by(Book.deleted_at.is_(None), Book.id.desc())
    )
    return (await session.execute(statement)).all()


async def list_known(session: AsyncSession, *, book_ids: Collection[int]) -> Sequence[AnyRow]:
    """Return of books by id what decides what a row can change: not what it says is compared."""
    edition = aliased(Book)
    older = exists().where(edition.work_id == Book.work_id, edition.id < Book.id)
    statement = (
        select(
            Book.id,
            Book.deleted_at,
            Book.work_id,
            (~older).label("is_oldest"),
            Work.is_curated,
            Work.series,
            Work.series_number,
            Stock.on_hand,
        )
        .join(Book.work)
        .join(Book.stock)
        .where(among(Book.id, book_ids))
        .order_by(Book.id)
    )
    return (await session.execute(statement)).all()


async def list_credits(session: AsyncSession, *, work_ids: Collection[int]) -> Sequence[AnyRow]:
    """Return work, role and name of everybody who made the works, in the order of title pages."""
    statement = (
        select(Contribution.work_id, Contribution.role, Contributor.name)
        .join(Contribution.contributor)
        .where(among(Contribution.work_id, work_ids))
        .order_by(Contribution.work_id, Contribution.position)
    )
    return (await session.execute(statement)).all()


async def contributor_ids(session: AsyncSession, names: Collection[str]) -> dict[str, int]:
    """Return the contributors' ids by name; who is not known is added.

    New names are written in their order, so that two who bring the same ones do not deadlock.
    """
    ids = await _known_contributor_ids(session, names)
    missing = sorted(set(names) - ids.keys())
    if missing:
        told = _as_table([Contributor.name], [{"name": name} for name in missing])
        added = insert(Contributor).from_select(["name"], _in_order(told, [Contributor.name]))
        await session.execute(added.on_conflict_do_nothing())
        ids |= await _known_contributor_ids(session, missing)
    return ids


async def _known_contributor_ids(session: AsyncSession, names: Collection[str]) -> dict[str, int]:
    statement = select(Contributor.name, Contributor.id).where(
        Contributor.name == any_(cast(list(names), ARRAY(Text)))
    )
    return dict((await session.execute(statement)).all())


async def insert_works(
    session: AsyncSession, columns: Sequence[Column], rows: Sequence[Told]
) -> list[int]:
    """Write works; return their ids in the order of the rows."""
    return await _insert(session, Work.id, columns, rows)


async def insert_books(
    session: AsyncSession, columns: Sequence[Column], rows: Sequence[Told]
) -> list[int]:
    """Write books; return their ids in the order of the rows."""
    return await _insert(session, Book.id, columns, rows)


async def _insert(
    session: AsyncSession, key: Column, columns: Sequence[Column], rows: Sequence[Told]
) -> list[int]:
    """Write rows in their order, in which PostgreSQL gives out the keys."""
    told = _as_table(columns, rows)
    names = [column.key for column in columns]
    statement = insert(key.class_).from_select(names, _in_order(told, columns)).returning(key)
    return sorted(await session.scalars(statement))


async def insert_credits(session: AsyncSession, given: Sequence[Credit]) -> None:
    """Write who made works."""
    columns = (
        Contribution.work_id,
        Contribution.position,
        Contribution.contributor_id,
        Contribution.role,
    )
    names = [column.key for column in columns]
    told = _as_table(columns, [dict(zip(names, credit, strict=True)) for credit in given])
    await session.execute(insert(Contribution).from_select(names, _in_order(told, columns)))


async def delete_credits(session: AsyncSession, *, work_ids: Collection[int]) -> None:
    """Forget who made the works."""
    await session.execute(delete(Contribution).where(among(Contribution.work_id, work_ids)))


async def update_works(
    session: AsyncSession, columns: Sequence[Column], rows: Mapping[int, Told]
) -> set[int]:
    """Make works, by id, what rows say; return those that were different: only they are written."""
    return await _update(session, Work.id, columns, rows)


async def update_books(
    session: AsyncSession, columns: Sequence[Column], rows: Mapping[int, Told]
) -> set[int]:
    """As ``update_works``, for books."""
    return await _update(session, Book.id, columns, rows)


async def _update(
    session: AsyncSession, key: Column, columns: Sequence[Column], rows: Mapping[int, Told]
) -> set[int]:
    """Write what differs; columns of which no row says anything stay out of the statement."""
    said = [
        column for column in columns if any(row[column.key] is not None for row in rows.values())
    ]
    if not said:
        return set()
    told = _as_table([key, *said], [{key.key: row_id, **row} for row_id, row in rows.items()])
    wanted = {column.key: func.coalesce(_value(told, column), column) for column in said}
    statement = (
        update(key.class_)
        .where(key == told.c[key.key], tuple_(*said).is_distinct_from(tuple_(*wanted.values())))
        .values(wanted)
        .returning(key)
        .execution_options(synchronize_session=False)
    )
    return set(await session.scalars(statement))


def _as_table(columns: Sequence[Column], rows: Sequence[Told]) -> TableValuedAlias:
    """Return rows as a table whose columns are named and typed like those of the catalogue.

    A list within a row is a text there, for ``unnest`` would take it apart: see ``_value``.
    """
    names = [column.key for column in columns]
    arrays = [
        cast([_joined(row[name]) for row in rows], ARRAY(Text))
        if isinstance(column.type, ARRAY)
        else cast([row[name] for row in rows], ARRAY(column.type))
        for name, column in zip(names, columns, strict=True)
    ]
    table = func.unnest(*arrays).table_valued(*names, with_ordinality=POSITION)
    return table.render_derived("told")


def _joined(items: Sequence[str] | None) -> str | None:
    return None if items is None else ITEM_SEPARATOR.join(items)


def _value(told: TableValuedAlias, column: Column) -> ColumnElement[Any]:
    """Return what a row of the table says for a column."""
    value: ColumnElement[Any] = told.c[column.key]
    is_list = isinstance(column.type, ARRAY)
    return func.string_to_array(value, ITEM_SEPARATOR, type_=column.type) if is_list else value


def _in_order(told: TableValuedAlias, columns: Sequence[Column]) -> Any:
    """Return a query of a table's own columns, in the order of its rows."""
    return select(*(_value(told, column) for column in columns)).order_by(told.c[POSITION])
