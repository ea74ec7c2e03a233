"""What an example of a request is."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Example:
    """A request that an endpoint takes, and how it is answered where somebody is let in.

    ``ids`` are other values of the path than the usual ones. ``missing`` is the status for who
    does not own what the path names. ``cookies`` are those that a browser brings besides.
    """

    status: int | None = None
    json: Any = None
    form: dict[str, str] | None = None
    content: bytes | None = None
    files: Any = None
    ids: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    signed_in_status: int | None = None
    missing: int = 404
    cookies: dict[str, str] = field(default_factory=dict)
