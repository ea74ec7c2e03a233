"""What an example of a request is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

Prepare = Callable[[AsyncSession, int], Awaitable[dict[str, str]]]
"""Takes the account's id."""


@dataclass(frozen=True)
class Example:
    """A request that an endpoint takes, and how it is answered where somebody is let in.

    ``ids`` are other values of the path than the usual ones. ``missing`` is the status for who
    does not own what the path names. ``headers`` and ``cookies`` are those that come besides.

    ``prepare`` brings the account of who is let in into the state that the request is for, and
    returns what its body has besides.
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
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    prepare: Prepare | None = None
