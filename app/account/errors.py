"""Why an address cannot be kept, or an account not deleted."""

from typing import ClassVar

from app.core.exceptions import AppError


class AddressNotFoundError(AppError):
    """The account has no such address; somebody else's looks the same."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "ACCOUNT_ADDRESS_NOT_FOUND"
    detail = "This address does not exist."


class AddressBookFullError(AppError):
    """The account has as many addresses as one may have, which are ``limit``."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ACCOUNT_ADDRESS_BOOK_FULL"
    detail = "Your address book is full. Please remove an address first."


class OrderUnsettledError(AppError):
    """A gateway has yet to say whether an order is paid; its buyer must be reached until then."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ACCOUNT_ORDER_UNSETTLED"
    detail = "One of your orders is still being paid. Please try again in a quarter of an hour."
