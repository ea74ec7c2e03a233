"""What can be wrong with a list."""

from typing import ClassVar

from app.core.exceptions import AppError


class ListNotFoundError(AppError):
    """The shop keeps no such list."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "LIST_NOT_FOUND"
    detail = "There is no such list."
