"""The rules of address books."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.account import repository
from app.account.errors import AddressBookFullError, AddressNotFoundError
from app.account.schemas import AddressRead, AddressWrite

MAX_ADDRESSES = 20


async def list_addresses(session: AsyncSession, *, user_id: int) -> list[AddressRead]:
    """Return the account's addresses, at most ``MAX_ADDRESSES``; the default one is the first."""
    found = await repository.list_addresses(session, user_id=user_id)
    return [AddressRead.model_validate(address) for address in found]


async def get_address(session: AsyncSession, *, user_id: int, address_id: int) -> AddressRead:
    """Return an address of the account.

    Raises:
        AddressNotFoundError: it has none of that id.
    """
    found = await repository.find_address(session, user_id=user_id, address_id=address_id)
    if found is None:
        raise AddressNotFoundError
    return AddressRead.model_validate(found)


async def find_default(session: AsyncSession, *, user_id: int) -> AddressRead | None:
    """Return the account's default address, if it has one."""
    addresses = await list_addresses(session, user_id=user_id)
    return addresses[0] if addresses and addresses[0].is_default else None


async def add_address(session: AsyncSession, *, user_id: int, address: AddressWrite) -> AddressRead:
    """Keep an address. The first one is the default, whatever it says.

    Raises:
        AddressBookFullError: there are ``MAX_ADDRESSES`` already.
    """
    await repository.lock_book(session, user_id=user_id)
    kept = await repository.count_addresses(session, user_id=user_id)
    if kept >= MAX_ADDRESSES:
        raise AddressBookFullError(extra={"limit": MAX_ADDRESSES})
    values = address.model_dump() | {"is_default": address.is_default or kept == 0}
    if values["is_default"]:
        await repository.clear_default(session, user_id=user_id)
    written = await repository.insert_address(session, user_id=user_id, values=values)
    return AddressRead.model_validate(written)


async def change_address(
    session: AsyncSession, *, user_id: int, address_id: int, address: AddressWrite
) -> AddressRead:
    """Change an address; one that becomes the default takes the place of another.

    Raises:
        AddressNotFoundError: the account has none of that id.
    """
    await repository.lock_book(session, user_id=user_id)
    if address.is_default:
        await repository.clear_default(session, user_id=user_id)
    changed = await repository.update_address(
        session, user_id=user_id, address_id=address_id, values=address.model_dump()
    )
    if changed is None:
        raise AddressNotFoundError
    return AddressRead.model_validate(changed)


async def remove_address(session: AsyncSession, *, user_id: int, address_id: int) -> None:
    """Forget an address. Orders that went there keep their copy.

    Raises:
        AddressNotFoundError: the account has none of that id.
    """
    if not await repository.delete_address(session, user_id=user_id, address_id=address_id):
        raise AddressNotFoundError
