"""What failures mean to who runs a command."""

from sqlalchemy.exc import DBAPIError

from app.core.exceptions import AppError, is_connection_failure, is_unavailable, sqlstate
from app.db.embedded import EmbeddedError
from app.server import CannotListenError

UNDEFINED_TABLE = "42P01"
TRY_DATABASE = "Try: bookstore db up, or set DATABASE_URL."


def sentence(error: Exception) -> str | None:
    """Return one sentence on a failure that its user can mend, or None: it is our own fault."""
    if isinstance(error, AppError):
        return error.detail
    if isinstance(error, EmbeddedError | CannotListenError):
        return str(error)
    if isinstance(error, OSError):
        if is_connection_failure(error):
            return f"The database does not answer ({error}). {TRY_DATABASE}"
        return f"{error.filename}: {error.strerror}." if error.filename else str(error)
    if isinstance(error, DBAPIError):
        return _database_refusal(error)
    return None


def _database_refusal(error: DBAPIError) -> str | None:
    if sqlstate(error) == UNDEFINED_TABLE:
        return "The database has no tables of this release yet. Try: bookstore db migrate."
    if is_unavailable(error):
        return f"The database does not let us in ({error.driver_exception}). {TRY_DATABASE}"
    return None
