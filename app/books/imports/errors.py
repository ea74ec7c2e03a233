"""What can be wrong with an import; what is wrong with its file is its ``reason``."""

from typing import ClassVar

from app.core.exceptions import AppError


class ImportNotFoundError(AppError):
    """No such import."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "IMPORT_NOT_FOUND"
    detail = "There is no such import."


class ImportOverError(AppError):
    """The import has ended and cannot be cancelled any more."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "IMPORT_OVER"
    detail = "This import has ended already."


class ImportStoppedError(Exception):
    """Somebody cancelled the import: it ends after what has landed."""


class ImportTakenOverError(Exception):
    """Somebody else has taken the import over: what is in hand must not be written."""
