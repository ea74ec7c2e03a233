"""Accounts as JSON, for the staff who look after them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from app.audit.deps import AuditTrail
from app.core.clock import Now
from app.core.deps import CurrentAdmin, CustomersStaff, DbSession
from app.core.schemas import Id
from app.users import administration
from app.users.schemas import RightsUpdate, UserPage, UserQuery, UserRead

router = APIRouter(prefix="/admin/users", tags=["admin"])

UserId = Annotated[Id, Path()]
Responses = dict[int | str, dict[str, Any]]

SIGNED_IN: Responses = {
    401: {"description": "AUTH_TOKEN_INVALID, AUTH_TOKEN_EXPIRED: not signed in"}
}
MISSING: Responses = {404: {"description": "USER_NOT_FOUND: no such account"}}
CUSTOMERS = "AUTH_FORBIDDEN: not staff with the right `customers`"


@router.get(
    "",
    summary="All accounts, the newest first",
    responses=SIGNED_IN | {403: {"description": CUSTOMERS}},
)
async def list_users(
    session: DbSession, _staff: CustomersStaff, query: Annotated[UserQuery, Query()]
) -> UserPage:
    """Return a page of accounts, by its number or by a cursor."""
    return await administration.list_users(session, query=query)


@router.patch(
    "/{user_id}/deactivate",
    summary="Close an account",
    responses=SIGNED_IN
    | MISSING
    | {
        403: {
            "description": f"{CUSTOMERS}, or the account is staff's and you are no admin; "
            "ADMN_CANNOT_DEACTIVATE_ADMIN"
        }
    },
)
async def deactivate_user(
    session: DbSession, staff: CustomersStaff, trail: AuditTrail, user_id: UserId, now: Now
) -> UserRead:
    """Lock somebody out from their next request on, wherever they are signed in.

    It can be repeated. Readers are closed by staff with the right `customers`, staff only by an
    admin, admins by nobody.
    """
    return await administration.deactivate_user(
        session, by=staff, actor=trail.actor, user_id=user_id, now=now
    )


@router.patch(
    "/{user_id}/reactivate",
    summary="Open a closed account again",
    responses=SIGNED_IN
    | MISSING
    | {403: {"description": f"{CUSTOMERS}, or the account is staff's and you are no admin"}},
)
async def reactivate_user(
    session: DbSession, staff: CustomersStaff, trail: AuditTrail, user_id: UserId
) -> UserRead:
    """Let somebody sign in again; what was signed in before is not. It can be repeated."""
    return await administration.reactivate_user(
        session, by=staff, actor=trail.actor, user_id=user_id
    )


@router.put(
    "/{user_id}/rights",
    summary="Say what somebody may do",
    responses=SIGNED_IN
    | MISSING
    | {403: {"description": "AUTH_FORBIDDEN: no admin; ADMN_CANNOT_CHANGE_ADMIN"}},
)
async def set_rights(
    session: DbSession,
    _admin: CurrentAdmin,
    trail: AuditTrail,
    user_id: UserId,
    wanted: RightsUpdate,
) -> UserRead:
    """Make somebody staff with these rights, or with none a reader; from their next request on.

    Rights that were given before and are not named are taken away. Admins have every right, and
    are made by the command line alone.
    """
    return await administration.set_rights(
        session, actor=trail.actor, user_id=user_id, rights=wanted.rights
    )
