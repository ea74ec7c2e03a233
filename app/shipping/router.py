"""The staff's zones and methods of shipping, as JSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response, status

from app.audit.deps import AuditTrail
from app.core.deps import DbSession, SettingsStaff
from app.core.pagination import ListParams, link_pages
from app.core.schemas import Id
from app.shipping import administration
from app.shipping.schemas import MethodRead, MethodWrite, ZoneRead, ZoneWrite

admin_router = APIRouter(prefix="/admin/shipping", tags=["shipping and tax"])

ZoneId = Annotated[Id, Path()]
MethodId = Annotated[Id, Path()]
Responses = dict[int | str, dict[str, Any]]

STAFF_ONLY: Responses = {
    401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"},
    403: {"description": "AUTH_FORBIDDEN: not staff with the right `settings`"},
}
NO_ZONE: Responses = {404: {"description": "SHIPPING_ZONE_NOT_FOUND"}}
CONFLICT: Responses = {
    409: {
        "description": "SHIPPING_ZONE_CONFLICT: another zone has one of the countries, or is the "
        "rest of the world"
    }
}


@admin_router.get("/zones", summary="Shipping zones", responses=STAFF_ONLY)
async def list_zones(
    request: Request,
    response: Response,
    session: DbSession,
    _staff: SettingsStaff,
    query: ListParams,
) -> list[ZoneRead]:
    """Return the zones with their countries; ``Link`` leads to more."""
    found = await administration.list_zones(session, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@admin_router.post(
    "/zones",
    status_code=status.HTTP_201_CREATED,
    summary="Add a shipping zone",
    responses=STAFF_ONLY | CONFLICT,
)
async def create_zone(
    session: DbSession, _staff: SettingsStaff, trail: AuditTrail, zone: ZoneWrite
) -> ZoneRead:
    """Add a zone of countries, or the one that is the rest of the world."""
    return await administration.create_zone(session, actor=trail.actor, zone=zone)


@admin_router.put(
    "/zones/{zone_id}",
    summary="Change a shipping zone",
    responses=STAFF_ONLY | NO_ZONE | CONFLICT,
)
async def update_zone(
    session: DbSession,
    _staff: SettingsStaff,
    trail: AuditTrail,
    zone_id: ZoneId,
    zone: ZoneWrite,
) -> ZoneRead:
    """Replace a zone's name and countries."""
    return await administration.update_zone(session, actor=trail.actor, zone_id=zone_id, zone=zone)


@admin_router.delete(
    "/zones/{zone_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Delete a shipping zone",
    responses=STAFF_ONLY
    | NO_ZONE
    | {409: {"description": "SHIPPING_ZONE_IN_USE: methods are for it"}},
)
async def delete_zone(
    session: DbSession, _staff: SettingsStaff, trail: AuditTrail, zone_id: ZoneId
) -> None:
    """Delete a zone that no method is for; its countries are of the rest of the world then."""
    await administration.delete_zone(session, actor=trail.actor, zone_id=zone_id)


@admin_router.get("/methods", summary="Shipping methods", responses=STAFF_ONLY)
async def list_methods(
    request: Request,
    response: Response,
    session: DbSession,
    _staff: SettingsStaff,
    query: ListParams,
) -> list[MethodRead]:
    """Return the methods in the order that they are offered in; ``Link`` leads to more."""
    found = await administration.list_methods(session, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@admin_router.post(
    "/methods",
    status_code=status.HTTP_201_CREATED,
    summary="Add a shipping method",
    responses=STAFF_ONLY | NO_ZONE,
)
async def create_method(
    session: DbSession, _staff: SettingsStaff, trail: AuditTrail, method: MethodWrite
) -> MethodRead:
    """Add a parcel to a zone, a shop to collect at, or digital delivery."""
    return await administration.create_method(session, actor=trail.actor, method=method)


@admin_router.put(
    "/methods/{method_id}",
    summary="Change a shipping method",
    responses=STAFF_ONLY
    | {404: {"description": "SHIPPING_METHOD_NOT_FOUND, SHIPPING_ZONE_NOT_FOUND"}},
)
async def update_method(
    session: DbSession,
    _staff: SettingsStaff,
    trail: AuditTrail,
    method_id: MethodId,
    method: MethodWrite,
) -> MethodRead:
    """Replace a method. Orders that were placed keep what they were placed with."""
    return await administration.update_method(
        session, actor=trail.actor, method_id=method_id, method=method
    )


@admin_router.delete(
    "/methods/{method_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Delete a shipping method",
    responses=STAFF_ONLY | {404: {"description": "SHIPPING_METHOD_NOT_FOUND"}},
)
async def delete_method(
    session: DbSession, _staff: SettingsStaff, trail: AuditTrail, method_id: MethodId
) -> None:
    """Delete a method. Orders that were placed keep what they were placed with."""
    await administration.delete_method(session, actor=trail.actor, method_id=method_id)
