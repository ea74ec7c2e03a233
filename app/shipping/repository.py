"""SQL for zones and methods."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, delete, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, array, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.keyset import AnyRow, Order, read_objects, read_slice
from app.core.pagination import Slice, Window
from app.shipping.models import MethodKind, ShippingMethod, ShippingZone, ZoneCountry

ZONES = Order(name="shipping zones", keys=(ShippingZone.id.expression,))
METHODS = Order(
    name="shipping methods",
    keys=(ShippingMethod.position.expression, ShippingMethod.id.expression),
)

COUNTRIES = (
    select(
        func.coalesce(
            func.array_agg(aggregate_order_by(ZoneCountry.country, ZoneCountry.country)),
            array([], type_=Text),
            type_=ARRAY(Text),
        )
    )
    .where(ZoneCountry.zone_id == ShippingZone.id)
    .scalar_subquery()
    .label("countries")
)
ZONE = (ShippingZone.id, ShippingZone.name, ShippingZone.is_rest_of_world, COUNTRIES)


async def list_methods_to(
    session: AsyncSession, *, country: str | None
) -> Sequence[ShippingMethod]:
    """Return the methods that are offered to a country, in staff's order.

    Those that are no parcels are offered everywhere, and without a country no others.
    """
    is_offered: ColumnElement[bool] = ShippingMethod.kind != MethodKind.PARCEL
    if country is not None:
        named = select(ZoneCountry.zone_id).where(ZoneCountry.country == country)
        rest = select(ShippingZone.id).where(ShippingZone.is_rest_of_world, ~exists(named))
        is_offered = or_(is_offered, ShippingMethod.zone_id.in_(named.union_all(rest)))
    statement = (
        select(ShippingMethod)
        .where(ShippingMethod.is_active, is_offered)
        .order_by(*METHODS.clauses())
    )
    return (await session.scalars(statement)).all()


async def has_active_method(session: AsyncSession) -> bool:
    """Tell whether anything is offered to anybody."""
    statement = select(exists().where(ShippingMethod.is_active))
    return bool((await session.scalars(statement)).one())


async def lock_zones(session: AsyncSession) -> None:
    """Let nobody else change zones until the transaction ends; they are read as ever."""
    await session.execute(text("LOCK TABLE shipping_zones IN SHARE ROW EXCLUSIVE MODE"))


async def list_zones(session: AsyncSession, *, window: Window) -> Slice[AnyRow]:
    """Return the zones of a window with their countries."""
    return await read_slice(session, select(*ZONE), order=ZONES, window=window)


async def find_zone(
    session: AsyncSession, *, zone_id: int, for_update: bool = False
) -> AnyRow | None:
    """Return a zone with its countries; locked, nobody else changes it or adds a method to it."""
    statement = select(*ZONE).where(ShippingZone.id == zone_id)
    if for_update:
        statement = statement.with_for_update(of=ShippingZone)
    return (await session.execute(statement)).one_or_none()


async def has_rest_of_world(session: AsyncSession, *, except_id: int | None = None) -> bool:
    """Tell whether a zone, other than the one that is named, is the rest of the world."""
    rest = exists().where(
        ShippingZone.is_rest_of_world, ShippingZone.id.is_distinct_from(except_id)
    )
    return bool((await session.scalars(select(rest))).one())


async def has_zones(session: AsyncSession) -> bool:
    """Tell whether there is a zone."""
    return bool((await session.scalars(select(exists(select(ShippingZone.id))))).one())


async def insert_zone(session: AsyncSession, *, name: str, is_rest_of_world: bool) -> int:
    """Write a zone without countries; return its id."""
    statement = (
        insert(ShippingZone)
        .values(name=name, is_rest_of_world=is_rest_of_world)
        .returning(ShippingZone.id)
    )
    return (await session.scalars(statement)).one()


async def update_zone(
    session: AsyncSession, *, zone_id: int, name: str, is_rest_of_world: bool
) -> None:
    """Change a zone, but for its countries."""
    await session.execute(
        update(ShippingZone)
        .where(ShippingZone.id == zone_id)
        .values(name=name, is_rest_of_world=is_rest_of_world)
    )


async def set_countries(
    session: AsyncSession, *, zone_id: int, countries: Sequence[str]
) -> list[str]:
    """Make these a zone's countries; return those that stay another zone's."""
    await session.execute(
        delete(ZoneCountry).where(
            ZoneCountry.zone_id == zone_id, ZoneCountry.country.not_in(countries)
        )
    )
    if not countries:
        return []
    rows = [{"country": country, "zone_id": zone_id} for country in countries]
    await session.execute(insert(ZoneCountry).values(rows).on_conflict_do_nothing())
    others = select(ZoneCountry.country).where(
        ZoneCountry.country.in_(countries), ZoneCountry.zone_id != zone_id
    )
    return list(await session.scalars(others.order_by(ZoneCountry.country)))


async def has_methods(session: AsyncSession, *, zone_id: int) -> bool:
    """Tell whether a method is for the zone."""
    statement = select(exists().where(ShippingMethod.zone_id == zone_id))
    return bool((await session.scalars(statement)).one())


async def delete_zone(session: AsyncSession, *, zone_id: int) -> None:
    """Delete a zone that no method is for."""
    await session.execute(delete(ShippingZone).where(ShippingZone.id == zone_id))


async def keep_zone(session: AsyncSession, *, zone_id: int) -> bool:
    """Keep a zone from being deleted until the transaction ends; tell whether there is one."""
    statement = (
        select(ShippingZone.id)
        .where(ShippingZone.id == zone_id)
        .with_for_update(read=True, key_share=True)
    )
    return (await session.scalars(statement)).one_or_none() is not None


async def list_methods(session: AsyncSession, *, window: Window) -> Slice[ShippingMethod]:
    """Return the methods of a window in staff's order, those that are not offered among them."""
    return await read_objects(session, select(ShippingMethod), order=METHODS, window=window)


async def hold_method(session: AsyncSession, *, method_id: int) -> ShippingMethod | None:
    """Return a method; nobody else changes it until the transaction ends."""
    statement = (
        select(ShippingMethod)
        .where(ShippingMethod.id == method_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def insert_method(session: AsyncSession, facts: Mapping[str, Any]) -> ShippingMethod:
    """Write a method."""
    statement = insert(ShippingMethod).values(**facts).returning(ShippingMethod)
    return (await session.scalars(statement)).one()


async def update_method(
    session: AsyncSession, *, method_id: int, facts: Mapping[str, Any]
) -> ShippingMethod:
    """Change a method, which was held."""
    statement = (
        update(ShippingMethod)
        .where(ShippingMethod.id == method_id)
        .values(**facts)
        .returning(ShippingMethod)
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).one()


async def delete_method(session: AsyncSession, *, method_id: int) -> ShippingMethod | None:
    """Delete a method and return it."""
    statement = (
        delete(ShippingMethod).where(ShippingMethod.id == method_id).returning(ShippingMethod)
    )
    return (await session.scalars(statement)).one_or_none()
