"""What can be wrong with a rate."""

from typing import ClassVar

from app.core.exceptions import AppError


class TaxRateNotFoundError(AppError):
    """No such rate."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "TAX_RATE_NOT_FOUND"
    detail = "There is no such tax rate."
