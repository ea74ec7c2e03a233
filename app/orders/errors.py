"""Why an order cannot be placed or shown."""

from typing import ClassVar

from app.core.exceptions import AppError


class OrderNotFoundError(AppError):
    """No such order; somebody else's order looks the same."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "ORDER_NOT_FOUND"
    detail = "This order does not exist."


class CartEmptyError(AppError):
    """There is nothing to buy."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "ORDER_CART_EMPTY"
    detail = "Your basket is empty."


class InsufficientStockError(AppError):
    """Somebody was quicker; ``items`` says of which books how many are left."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ORDER_INSUFFICIENT_STOCK"
    detail = "There are not enough copies left of a book in your basket."


class ItemsUnavailableError(AppError):
    """A book in the basket is no longer sold; ``items`` says which."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ORDER_ITEMS_UNAVAILABLE"
    detail = "A book in your basket is no longer sold."


class TooManyTitlesError(AppError):
    """The basket has more different books than one order may have, which are ``limit``."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ORDER_TOO_MANY_TITLES"
    detail = "Your basket has more different books than one order can. Please take some out."


class PaymentFailedError(AppError):
    """The gateway declined. The basket is as it was."""

    status: ClassVar[int] = 402
    code: ClassVar[str] = "ORDER_PAYMENT_FAILED"
    detail = "The payment was declined."


class PaymentNotDueError(AppError):
    """Nothing of this order is to be paid in the shop, or it was paid."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ORDER_PAYMENT_NOT_DUE"
    detail = "Nothing of this order is to be paid in the shop."


class OrderInProgressError(AppError):
    """The same request is being worked on at this moment."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ORDER_IN_PROGRESS"
    detail = "This order is being placed. Ask again in a moment."


class IdempotencyKeyReusedError(AppError):
    """The key was used before, for another request."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "IDEMPOTENCY_KEY_REUSED"
    detail = "This Idempotency-Key was used for a different request."
