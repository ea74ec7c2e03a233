"""What can be wrong with zones and methods."""

from typing import ClassVar

from app.core.exceptions import AppError


class MethodNotOfferedError(AppError):
    """There is no such method, or not for this order: its country, weight or value."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "SHIPPING_METHOD_NOT_OFFERED"
    detail = "This way of shipping is not offered for this order. Please choose another."


class ZoneNotFoundError(AppError):
    """No such zone."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "SHIPPING_ZONE_NOT_FOUND"
    detail = "There is no such shipping zone."


class ZoneConflictError(AppError):
    """Another zone has a country of this one, or is the rest of the world already."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "SHIPPING_ZONE_CONFLICT"
    detail = "Another zone has one of these countries already."


class ZoneInUseError(AppError):
    """Methods are for this zone."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "SHIPPING_ZONE_IN_USE"
    detail = "Shipping methods are for this zone. Please delete them first."


class MethodNotFoundError(AppError):
    """No such method."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "SHIPPING_METHOD_NOT_FOUND"
    detail = "There is no such shipping method."
