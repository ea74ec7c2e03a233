"""Why an order cannot be placed, shown or worked on."""

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


class BadIdempotencyKeyError(AppError):
    """The header cannot be read, so a repetition could not be told from another request."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "IDEMPOTENCY_KEY_INVALID"
    detail = (
        "An Idempotency-Key is 1 to 255 printable ASCII characters, bare or in double quotes as a "
        "Structured Field string."
    )


class PriceChangedError(AppError):
    """The total is not what the buyer saw. ``total`` is the new one, ``changes`` say what it was.

    Nothing was charged, and the basket is as it was.
    """

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ORDER_PRICE_CHANGED"
    detail = "The total has changed since you saw it. Please look it over once more."


class NotDeliverableError(AppError):
    """The shop has no way to where the books are to go."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ORDER_NOT_DELIVERABLE"
    detail = "We do not deliver this order there. Please choose another address."


class EmailNeededError(AppError):
    """A guest buys, and has to be written to."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "ORDER_EMAIL_NEEDED"
    detail = "Please tell us your e-mail address."


class CheckoutNotFoundError(AppError):
    """No such checkout, or it has expired; somebody else's looks the same."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "CHECKOUT_NOT_FOUND"
    detail = "This checkout does not exist any more. Please begin again from your basket."


class CheckoutCompletedError(AppError):
    """The checkout has become an order: ``order_id``."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "CHECKOUT_COMPLETED"
    detail = "This checkout has become an order already."


class GiftCardSpentError(AppError):
    """A gift card pays less than the buyer saw: somebody spends it at this moment, or has."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "GIFT_CARD_SPENT"
    detail = "Less is left on a gift card than there was. Please look the total over once more."


class AddressNeededError(AppError):
    """Books are to be sent, and nobody said where to."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "ORDER_ADDRESS_NEEDED"
    detail = "Please tell us where the books shall go."


class OrderEmbargoedError(AppError):
    """Copies would leave the shop before their on-sale date."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ORDER_EMBARGOED"
    detail = "Some of these books may not leave the shop yet."


class MoveNotAllowedError(AppError):
    """The order cannot go from where it stands (``from``) to where it was to go (``to``)."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ORDER_MOVE_NOT_ALLOWED"
    detail = "This cannot be done with an order in its state."

    def __init__(self, *, now: str, wanted: str) -> None:
        super().__init__(
            f"The order is {now.replace('_', ' ')} and cannot become {wanted.replace('_', ' ')}.",
            extra={"from": now, "to": wanted},
        )


class LineNotFoundError(AppError):
    """A line is named that the order does not have; ``line_id`` says which."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "ORDER_LINE_NOT_FOUND"
    detail = "The order has no such line."


class TooManyCopiesError(AppError):
    """More copies of a line (``line_id``) than there are left to send, take back or refund."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ORDER_TOO_MANY_COPIES"
    detail = "There are not so many copies left in this line."


class NothingLeftError(AppError):
    """No copy is left to send, or all are to be dropped: the order is to be cancelled instead."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ORDER_NOTHING_LEFT"
    detail = "Nothing of this order would be left to send."


class RefundTooHighError(AppError):
    """More than is left of what was paid, which is ``refundable``."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ORDER_REFUND_TOO_HIGH"
    detail = "This is more than is left of what was paid."


class NotInvoicedError(AppError):
    """There is no paper for this: the order was never paid, or the refund is not done."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ORDER_NO_PAPER"
    detail = "There is no paper for this yet."


class RefundNotFoundError(AppError):
    """The order has no such refund."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "ORDER_REFUND_NOT_FOUND"
    detail = "This refund does not exist."


class ShipmentNotFoundError(AppError):
    """The order has no such parcel."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "ORDER_SHIPMENT_NOT_FOUND"
    detail = "This parcel does not exist."
