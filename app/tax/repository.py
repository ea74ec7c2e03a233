"""SQL for tax rates."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ScalarResult, bindparam, delete, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.keyset import Order, read_objects
from app.core.pagination import Slice, Window
from app.tax.kinds import ProductKind
from app.tax.models import TaxRate

BY_COUNTRY = Order(
    name="tax rates by country",
    keys=(
        TaxRate.country.expression,
        TaxRate.kind.expression,
        TaxRate.valid_from.expression,
    ),
)

IN_FORCE = (
    select(TaxRate.kind, TaxRate.rate)
    .ext(distinct_on(TaxRate.kind))
    .where(TaxRate.country == bindparam("country"), TaxRate.valid_from <= bindparam("today"))
    .order_by(TaxRate.kind, TaxRate.valid_from.desc())
)
"""Made once, as whatever every checkout sends."""


async def list_rates(
    session: AsyncSession, *, country: str | None, window: Window
) -> Slice[TaxRate]:
    """Return the rates of a window, of one country or of all."""
    statement = select(TaxRate)
    if country is not None:
        statement = statement.where(TaxRate.country == country)
    return await read_objects(session, statement, order=BY_COUNTRY, window=window)


async def rates_in_force(
    session: AsyncSession, *, country: str, today: date
) -> dict[ProductKind, Decimal]:
    """Return by kind the rate of the latest day that has come, in per cent."""
    rows = await session.execute(IN_FORCE, {"country": country, "today": today})
    return {row.kind: row.rate for row in rows}


async def hold_rate(
    session: AsyncSession, *, country: str, kind: ProductKind, valid_from: date
) -> TaxRate | None:
    """Return a rate; nobody else changes it until the transaction ends."""
    statement = (
        select(TaxRate)
        .where(TaxRate.country == country, TaxRate.kind == kind, TaxRate.valid_from == valid_from)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def set_rate(session: AsyncSession, facts: Mapping[str, Any]) -> TaxRate:
    """Write a rate, or change the one of the same country, kind and day."""
    written = insert(TaxRate).values(**facts)
    statement = (
        written.on_conflict_do_update(
            index_elements=[TaxRate.country, TaxRate.kind, TaxRate.valid_from],
            set_={name: written.excluded[name] for name in ("rate", "source", "as_of", "note")},
        )
        .returning(TaxRate)
        .execution_options(populate_existing=True)
    )
    found: ScalarResult[TaxRate] = await session.scalars(statement)
    return found.one()


async def delete_rate(session: AsyncSession, *, rate_id: int) -> TaxRate | None:
    """Delete a rate and return it."""
    statement = delete(TaxRate).where(TaxRate.id == rate_id).returning(TaxRate)
    return (await session.scalars(statement)).one_or_none()


async def delete_rates(session: AsyncSession, *, country: str | None) -> None:
    """Delete the rates of a country, or all."""
    statement = delete(TaxRate)
    await session.execute(
        statement if country is None else statement.where(TaxRate.country == country)
    )


async def insert_rates(session: AsyncSession, *, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rates of which there are none yet."""
    if rows:
        await session.execute(insert(TaxRate), rows)
