"""Why a coupon, an offer or a gift card cannot be used or changed."""

from typing import ClassVar

from app.core.exceptions import AppError


class CouponRefusedError(AppError):
    """A code takes nothing off. ``coupon`` says which, ``reason`` why."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "COUPON_REFUSED"
    detail = "This code cannot be used."


class CouponNotFoundError(AppError):
    """No such coupon, for staff."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "COUPON_NOT_FOUND"
    detail = "There is no such coupon."


class CouponConflictError(AppError):
    """Another coupon has the code, be it one that is over."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "COUPON_CONFLICT"
    detail = "There is a coupon with this code already."


class CouponLimitError(AppError):
    """The coupon was used more often than the new limit allows."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "COUPON_LIMIT_TOO_LOW"
    detail = "The coupon was used more often than that already."


class OfferNotFoundError(AppError):
    """No such offer, for staff."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "OFFER_NOT_FOUND"
    detail = "There is no such offer."


class GiftCardNotFoundError(AppError):
    """No gift card has the code, or it has expired or was ended: which of these is not told."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "GIFT_CARD_NOT_FOUND"
    detail = "There is no gift card with this code, or it cannot be used any more."


class GiftCardEmptyError(AppError):
    """Nothing is left on the gift card."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "GIFT_CARD_EMPTY"
    detail = "Nothing is left on this gift card."


class GiftCardUsedError(AppError):
    """Something was spent of a gift card that is to be taken back."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "GIFT_CARD_USED"
    detail = "Something was spent of a gift card of this order, so it cannot be taken back."
