"""The staff's tax rates, as JSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response, status

from app.audit.deps import AuditTrail
from app.core.clock import Now
from app.core.countries import Country
from app.core.deps import DbSession, SettingsStaff
from app.core.pagination import link_pages
from app.core.schemas import Id
from app.tax import service
from app.tax.schemas import (
    RatedKind,
    TaxRateQuery,
    TaxRateRead,
    TaxRateUpdate,
    TaxReset,
    TaxResetDone,
)

admin_router = APIRouter(prefix="/admin/tax-rates", tags=["shipping and tax"])

STAFF_ONLY: dict[int | str, dict[str, Any]] = {
    401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"},
    403: {"description": "AUTH_FORBIDDEN: not staff with the right `settings`"},
}


@admin_router.get("", summary="Tax rates", responses=STAFF_ONLY)
async def list_rates(
    request: Request,
    response: Response,
    session: DbSession,
    _staff: SettingsStaff,
    query: Annotated[TaxRateQuery, Query()],
) -> list[TaxRateRead]:
    """Return the rates by country, each with its source; ``Link`` leads to more."""
    found = await service.list_rates(session, query=query)
    link_pages(request, response, found)
    return list(found.rows)


@admin_router.put("/{country}/{kind}", summary="Set a tax rate", responses=STAFF_ONLY)
async def set_rate(
    session: DbSession,
    _staff: SettingsStaff,
    trail: AuditTrail,
    now: Now,
    country: Annotated[Country, Path()],
    kind: Annotated[RatedKind, Path()],
    update: TaxRateUpdate,
) -> TaxRateRead:
    """Set a country's rate for books, e-books, audiobooks or everything else, from a day on.

    A rate of a later day waits for it. Orders that were placed keep the tax that they were
    placed with.
    """
    return await service.set_rate(
        session, actor=trail.actor, country=country, kind=kind, update=update, now=now
    )


@admin_router.delete(
    "/{rate_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Delete a tax rate",
    responses=STAFF_ONLY | {404: {"description": "TAX_RATE_NOT_FOUND"}},
)
async def delete_rate(
    session: DbSession, _staff: SettingsStaff, trail: AuditTrail, rate_id: Annotated[Id, Path()]
) -> None:
    """Delete a rate; that of an earlier day is in force again. Without any there is no tax."""
    await service.delete_rate(session, actor=trail.actor, rate_id=rate_id)


@admin_router.post("/reset", summary="Take the shop's own tax rates", responses=STAFF_ONLY)
async def reset_rates(
    session: DbSession, _staff: SettingsStaff, trail: AuditTrail, wanted: TaxReset
) -> TaxResetDone:
    """Set a country's rates, or all, to those that this version of the shop comes with."""
    return await service.reset_rates(session, actor=trail.actor, country=wanted.country)
