"""What can be wrong with a whole file; what is wrong with one row is a refusal in the report."""

from typing import ClassVar

from app.core.exceptions import AppError


class ImportFileError(AppError):
    """Nothing can be read from the file: it is no CSV, or its columns mean nothing to the shop."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "IMPORT_FILE_INVALID"
    detail = "This file cannot be imported."
