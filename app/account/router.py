"""Address book, copy of everything and the account's end, as JSON."""

from typing import Annotated

from fastapi import APIRouter, Path, status
from fastapi.responses import StreamingResponse

from app.account import service
from app.account.deletion import delete_account
from app.account.export import export_account
from app.account.schemas import AddressRead, AddressWrite, Deletion
from app.core.clock import Now
from app.core.deps import CurrentUser, DbSession
from app.core.rights import of_its_owner
from app.core.schemas import Id
from app.users import removal
from app.users.account_schemas import Asked
from app.users.callers import TOO_MANY_ATTEMPTS, RequestClient

router = APIRouter(prefix="/account", tags=["account"])

NOT_FOUND = "ACCOUNT_ADDRESS_NOT_FOUND"


@router.get("/addresses", summary="My addresses")
async def list_addresses(session: DbSession, user: CurrentUser) -> list[AddressRead]:
    """Return the address book, of which twenty is the most; the default one is the first."""
    return await service.list_addresses(session, user_id=user.id)


@router.post(
    "/addresses",
    status_code=status.HTTP_201_CREATED,
    summary="Keep an address",
    responses={409: {"description": "ACCOUNT_ADDRESS_BOOK_FULL"}},
)
async def add_address(session: DbSession, user: CurrentUser, address: AddressWrite) -> AddressRead:
    """Keep an address. The first is the default, and so is the last that says it is."""
    return await service.add_address(session, user_id=user.id, address=address)


@router.put(
    "/addresses/{address_id}",
    summary="Change an address",
    responses={404: {"description": NOT_FOUND}},
)
@of_its_owner()
async def change_address(
    session: DbSession, user: CurrentUser, address_id: Annotated[Id, Path()], address: AddressWrite
) -> AddressRead:
    """Change an address; orders that went there keep what they were sent to."""
    return await service.change_address(
        session, user_id=user.id, address_id=address_id, address=address
    )


@router.delete(
    "/addresses/{address_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Remove an address",
    responses={404: {"description": NOT_FOUND}},
)
@of_its_owner()
async def remove_address(
    session: DbSession, user: CurrentUser, address_id: Annotated[Id, Path()]
) -> None:
    """Forget an address; orders that went there keep what they were sent to."""
    await service.remove_address(session, user_id=user.id, address_id=address_id)


@router.get(
    "/export",
    summary="Everything the shop keeps of me",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def export(user: CurrentUser, now: Now) -> StreamingResponse:
    """Return profile, addresses, sign-ins, basket, wishes, orders with payments, and messages."""
    return StreamingResponse(
        export_account(user_id=user.id, now=now),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="my-account.json"'},
    )


@router.post(
    "/deletion/link",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Ask for a link to delete an account that has no password",
    responses={
        409: {"description": "ACCOUNT_PASSWORD_EXPECTED: the account has a password"},
        429: TOO_MANY_ATTEMPTS,
    },
)
async def ask_for_deletion_link(
    session: DbSession, user: CurrentUser, client: RequestClient, now: Now
) -> Asked:
    """Mail a link whose token proves, within 30 minutes, that the reader wants this."""
    await removal.ask_for_deletion_link(session, user_id=user.id, client=client, now=now)
    return Asked(detail="A link is on its way to your address.")


@router.post(
    "/deletion",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Delete my account for ever",
    responses={
        400: {"description": "ACCOUNT_LINK_INVALID"},
        403: {"description": "ACCOUNT_PASSWORD_WRONG"},
        409: {
            "description": "ACCOUNT_LAST_ADMIN: nobody else runs the shop; "
            "ACCOUNT_ORDER_UNSETTLED: an order is being paid"
        },
        429: TOO_MANY_ATTEMPTS,
    },
)
async def delete(session: DbSession, user: CurrentUser, proof: Deletion, now: Now) -> None:
    """Delete the account and all that is the person's. Orders stay, without the person.

    It cannot be undone.
    """
    await delete_account(session, user_id=user.id, proof=proof, now=now)
