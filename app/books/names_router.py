"""People, series and publishers, as staff mend them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from app.audit.deps import AuditTrail
from app.books import names
from app.books.catalogue_schemas import ContributorDetail, PublisherRead, SeriesSummary
from app.books.name_schemas import (
    ContributorUpdate,
    NamesMerge,
    PublisherUpdate,
    SeriesUpdate,
)
from app.core.deps import CatalogueStaff, DbSession
from app.core.schemas import Id

router = APIRouter(prefix="/admin", tags=["works"])

NamedId = Annotated[Id, Path()]
Responses = dict[int | str, dict[str, Any]]

REFUSED: Responses = {
    401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"},
    403: {"description": "AUTH_FORBIDDEN: not staff with the right `catalogue`"},
    404: {"description": "CONTRIBUTOR_NOT_FOUND, SERIES_NOT_FOUND, PUBLISHER_NOT_FOUND"},
}
TAKEN: Responses = {409: {"description": "NAME_CONFLICT: another one has the name; merge them"}}
SAME: Responses = {409: {"description": "NAME_MERGED_WITH_ITSELF"}}


@router.patch("/contributors/{named_id}", summary="Change a contributor", responses=REFUSED | TAKEN)
async def update_contributor(
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    named_id: NamedId,
    change: ContributorUpdate,
) -> ContributorDetail:
    """Change name, sort name or biography. The author lines of their works follow the name."""
    before = await names.hold(session, "contributor", named_id)
    changed = await names.update_contributor(session, contributor_id=named_id, change=change)
    after = await names.hold(session, "contributor", named_id)
    await trail.record("contributor.update", named_id, before=before, after=after)
    return changed


@router.post(
    "/contributors/{named_id}/merge",
    summary="Merge doubled contributors",
    responses=REFUSED | SAME,
)
async def merge_contributors(
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    named_id: NamedId,
    merge: NamesMerge,
) -> ContributorDetail:
    """Make the others' works this one's. Author lines follow; the others are gone."""
    gone = await names.hold_all(session, "contributor", merge.ids)
    kept = await names.merge_contributors(session, contributor_id=named_id, other_ids=merge.ids)
    await trail.record("contributor.merge", named_id, before={"merged": gone})
    return kept


@router.patch("/series/{named_id}", summary="Rename a series", responses=REFUSED | TAKEN)
async def update_series(
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    named_id: NamedId,
    change: SeriesUpdate,
) -> SeriesSummary:
    """Give a series another title; its works say it at once."""
    before = await names.hold(session, "series", named_id)
    changed = await names.update_series(session, series_id=named_id, title=change.title)
    after = await names.hold(session, "series", named_id)
    await trail.record("series.update", named_id, before=before, after=after)
    return changed


@router.post("/series/{named_id}/merge", summary="Merge doubled series", responses=REFUSED | SAME)
async def merge_series(
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    named_id: NamedId,
    merge: NamesMerge,
) -> SeriesSummary:
    """Make the others' works volumes of this one; the others are gone."""
    gone = await names.hold_all(session, "series", merge.ids)
    kept = await names.merge_series(session, series_id=named_id, other_ids=merge.ids)
    await trail.record("series.merge", named_id, before={"merged": gone})
    return kept


@router.patch("/publishers/{named_id}", summary="Rename a publisher", responses=REFUSED | TAKEN)
async def update_publisher(
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    named_id: NamedId,
    change: PublisherUpdate,
) -> PublisherRead:
    """Give a publisher or an imprint another name."""
    before = await names.hold(session, "publisher", named_id)
    changed = await names.update_publisher(session, publisher_id=named_id, name=change.name)
    after = await names.hold(session, "publisher", named_id)
    await trail.record("publisher.update", named_id, before=before, after=after)
    return changed


@router.post(
    "/publishers/{named_id}/merge", summary="Merge doubled publishers", responses=REFUSED | SAME
)
async def merge_publishers(
    session: DbSession,
    _staff: CatalogueStaff,
    trail: AuditTrail,
    named_id: NamedId,
    merge: NamesMerge,
) -> PublisherRead:
    """Make the others' books this one's, as publisher and as imprint; the others are gone."""
    gone = await names.hold_all(session, "publisher", merge.ids)
    kept = await names.merge_publishers(session, publisher_id=named_id, other_ids=merge.ids)
    await trail.record("publisher.merge", named_id, before={"merged": gone})
    return kept
