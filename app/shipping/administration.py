"""Staff's changes of zones and methods; each is written down in its transaction."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import Actor, record
from app.core.pagination import ListQuery, Slice
from app.shipping import repository
from app.shipping.errors import (
    MethodNotFoundError,
    ZoneConflictError,
    ZoneInUseError,
    ZoneNotFoundError,
)
from app.shipping.schemas import MethodRead, MethodWrite, ZoneRead, ZoneWrite


async def list_zones(session: AsyncSession, *, query: ListQuery) -> Slice[ZoneRead]:
    """Return zones with their countries, the oldest first.

    Raises:
        CursorError: not a cursor of this list.
    """
    window = query.window(repository.ZONES.name)
    return (await repository.list_zones(session, window=window)).map(ZoneRead.model_validate)


async def create_zone(session: AsyncSession, *, actor: Actor, zone: ZoneWrite) -> ZoneRead:
    """Add a zone.

    Raises:
        ZoneConflictError: another zone has one of its countries, or is the rest of the world.
    """
    await repository.lock_zones(session)
    await _refuse_second_rest_of_world(session, zone)
    zone_id = await repository.insert_zone(
        session, name=zone.name, is_rest_of_world=zone.is_rest_of_world
    )
    after = await _set_countries(session, zone_id=zone_id, zone=zone)
    await record(session, actor=actor, action="shipping_zone.create", thing_id=zone_id, after=after)
    return after


async def update_zone(
    session: AsyncSession, *, actor: Actor, zone_id: int, zone: ZoneWrite
) -> ZoneRead:
    """Change a zone, its countries included.

    Raises:
        ZoneNotFoundError: no such zone.
        ZoneConflictError: another zone has one of its countries, or is the rest of the world.
    """
    await repository.lock_zones(session)
    before = await _find_zone(session, zone_id=zone_id)
    await _refuse_second_rest_of_world(session, zone, except_id=zone_id)
    await repository.update_zone(
        session, zone_id=zone_id, name=zone.name, is_rest_of_world=zone.is_rest_of_world
    )
    after = await _set_countries(session, zone_id=zone_id, zone=zone)
    await record(
        session,
        actor=actor,
        action="shipping_zone.update",
        thing_id=zone_id,
        before=before,
        after=after,
    )
    return after


async def delete_zone(session: AsyncSession, *, actor: Actor, zone_id: int) -> None:
    """Delete a zone; its countries are of the rest of the world then.

    Raises:
        ZoneNotFoundError: no such zone.
        ZoneInUseError: methods are for it.
    """
    await repository.lock_zones(session)
    before = await _find_zone(session, zone_id=zone_id)
    if await repository.has_methods(session, zone_id=zone_id):
        raise ZoneInUseError
    await repository.delete_zone(session, zone_id=zone_id)
    await record(
        session, actor=actor, action="shipping_zone.delete", thing_id=zone_id, before=before
    )


async def list_methods(session: AsyncSession, *, query: ListQuery) -> Slice[MethodRead]:
    """Return methods in staff's order, those that are not offered among them.

    Raises:
        CursorError: not a cursor of this list.
    """
    window = query.window(repository.METHODS.name)
    return (await repository.list_methods(session, window=window)).map(MethodRead.model_validate)


async def create_method(session: AsyncSession, *, actor: Actor, method: MethodWrite) -> MethodRead:
    """Add a method.

    Raises:
        ZoneNotFoundError: no such zone.
    """
    await _keep_zone(session, method)
    created = await repository.insert_method(session, method.model_dump())
    after = MethodRead.model_validate(created)
    await record(
        session, actor=actor, action="shipping_method.create", thing_id=after.id, after=after
    )
    return after


async def update_method(
    session: AsyncSession, *, actor: Actor, method_id: int, method: MethodWrite
) -> MethodRead:
    """Change a method. Orders keep what they were placed with.

    Raises:
        MethodNotFoundError: no such method.
        ZoneNotFoundError: no such zone.
    """
    held = await repository.hold_method(session, method_id=method_id)
    if held is None:
        raise MethodNotFoundError
    before = MethodRead.model_validate(held)
    await _keep_zone(session, method)
    changed = await repository.update_method(
        session, method_id=method_id, facts=method.model_dump()
    )
    after = MethodRead.model_validate(changed)
    await record(
        session,
        actor=actor,
        action="shipping_method.update",
        thing_id=method_id,
        before=before,
        after=after,
    )
    return after


async def delete_method(session: AsyncSession, *, actor: Actor, method_id: int) -> None:
    """Delete a method. Orders keep what they were placed with.

    Raises:
        MethodNotFoundError: no such method.
    """
    deleted = await repository.delete_method(session, method_id=method_id)
    if deleted is None:
        raise MethodNotFoundError
    before = MethodRead.model_validate(deleted)
    await record(
        session, actor=actor, action="shipping_method.delete", thing_id=method_id, before=before
    )


async def _find_zone(session: AsyncSession, *, zone_id: int) -> ZoneRead:
    """Return a zone, to which nobody can add a method until the transaction ends."""
    row = await repository.find_zone(session, zone_id=zone_id, for_update=True)
    if row is None:
        raise ZoneNotFoundError
    return ZoneRead.model_validate(row)


async def _refuse_second_rest_of_world(
    session: AsyncSession, zone: ZoneWrite, *, except_id: int | None = None
) -> None:
    if zone.is_rest_of_world and await repository.has_rest_of_world(session, except_id=except_id):
        raise ZoneConflictError(
            "Another zone is the rest of the world already.", field="is_rest_of_world"
        )


async def _set_countries(session: AsyncSession, *, zone_id: int, zone: ZoneWrite) -> ZoneRead:
    taken = await repository.set_countries(session, zone_id=zone_id, countries=zone.countries)
    if taken:
        raise ZoneConflictError(
            f"Another zone has these countries already: {', '.join(taken)}.", field="countries"
        )
    return await _find_zone(session, zone_id=zone_id)


async def _keep_zone(session: AsyncSession, method: MethodWrite) -> None:
    if method.zone_id is not None and not await repository.keep_zone(
        session, zone_id=method.zone_id
    ):
        raise ZoneNotFoundError(field="zone_id")
