"""Lists come in pages: by number to a bounded depth, or by a cursor to any.

A cursor says behind which row a page begins, so rows that come or go before it move nothing. It
is signed: what it says was read from a row, by this shop and for the same order.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Generic, Self, TypeAlias, TypeVar

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field, model_validator

from app.core.config import get_settings
from app.core.exceptions import AppError
from app.core.schemas import EmptyAsNone

T = TypeVar("T")
KeyValue: TypeAlias = int | str | Decimal | date | datetime | None

MAX_OFFSET = 10_000
"""How deep ``page`` and ``size`` may reach; beyond it an offset reads more than it returns."""

MAX_SIZE = 100
MAX_CURSOR = 8_192
CURSOR_VERSION = 1
SIGNATURE_BYTES = 12

CursorText = Annotated[
    Annotated[str, Field(max_length=MAX_CURSOR)] | None,
    EmptyAsNone,
    Field(
        description="A `next_cursor` or `previous_cursor` of an answer: the page behind or before "
        "it, however deep, and unmoved by rows that come or go. For the same order only.",
    ),
]


class CursorError(AppError):
    """Not a cursor of this list in this order."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "VALIDATION_ERROR"
    detail = "This cursor does not belong to this list in this order: begin at its first page."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, field="cursor")


@dataclass(frozen=True, kw_only=True)
class Position:
    """Behind a row with these values of an order's keys, or before it."""

    values: tuple[KeyValue, ...]
    is_before: bool = False


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which rows of a list: ``limit`` of them from a position or an offset, else from the start."""

    limit: int
    offset: int = 0
    position: Position | None = None


@dataclass(frozen=True, kw_only=True)
class Slice(Generic[T]):
    """The rows of a window, in order, and the cursors of the windows beside it."""

    rows: Sequence[T]
    next_cursor: str | None = None
    previous_cursor: str | None = None

    def map(self, convert: Callable[[T], Any]) -> "Slice[Any]":
        """Return the slice with every row converted."""
        return Slice(
            rows=[convert(row) for row in self.rows],
            next_cursor=self.next_cursor,
            previous_cursor=self.previous_cursor,
        )


class ListQuery(BaseModel):
    """Which part of a list that is answered as an array."""

    limit: Annotated[int, Field(ge=1, le=MAX_SIZE, description="How many at the most.")] = MAX_SIZE
    cursor: CursorText = None

    def window(self, order: str) -> Window:
        """Return the rows that are asked for of a list in the named order.

        Raises:
            CursorError: the cursor is not of that order.
        """
        return Window(limit=self.limit, position=read_position(self.cursor, order))


class PageQuery(BaseModel):
    """Which page is asked for: by its number, of which the first is 1, or by a cursor."""

    page: Annotated[int, Field(ge=1, le=MAX_OFFSET + 1)] = 1
    size: Annotated[int, Field(ge=1, le=MAX_SIZE)] = 20
    cursor: CursorText = None

    @model_validator(mode="after")
    def _refuse_depth(self) -> Self:
        if self.offset > MAX_OFFSET:
            raise ValueError(f"page {self.page} is too deep: narrow the list down instead")
        return self

    @property
    def offset(self) -> int:
        """How many rows come before this page, at most ``MAX_OFFSET``."""
        return (self.page - 1) * self.size

    def window(self, order: str) -> Window:
        """Return the rows that are asked for of a list in the named order.

        Raises:
            CursorError: the cursor is not of that order, or a page is numbered beside it.
        """
        if self.cursor is not None and self.page > 1:
            raise CursorError("A page has a cursor or a number, not both.")
        position = read_position(self.cursor, order)
        return Window(limit=self.size, offset=self.offset, position=position)


class PerPageQuery(BaseModel):
    """As ``PageQuery``, with the names that the contract's lists for admins have."""

    page: Annotated[int, Field(ge=1, le=MAX_OFFSET + 1)] = 1
    per_page: Annotated[int, Field(ge=1, le=MAX_SIZE)] = 20
    cursor: CursorText = None

    @model_validator(mode="after")
    def _refuse_depth(self) -> Self:
        self._numbered()
        return self

    def window(self, order: str) -> Window:
        """Return the rows that are asked for of a list in the named order.

        Raises:
            CursorError: the cursor is not of that order, or a page is numbered beside it.
        """
        return self._numbered().window(order)

    def _numbered(self) -> PageQuery:
        return PageQuery(page=self.page, size=self.per_page, cursor=self.cursor)


PageParams = Annotated[PageQuery, Query()]
ListParams = Annotated[ListQuery, Query()]


class Page(BaseModel, Generic[T]):
    """One page of a list. ``total`` counts all rows, over all pages."""

    items: list[T]
    total: int
    page: int
    size: int
    next_cursor: Annotated[
        str | None, Field(description="`cursor` of the page behind this one, if there is one.")
    ] = None
    previous_cursor: Annotated[
        str | None, Field(description="`cursor` of the page before this one, if there is one.")
    ] = None

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))


class CountedPage(Page[T], Generic[T]):
    """One page of a list that may be too long to be counted."""

    total_is_exact: Annotated[
        bool, Field(description="Whether there are exactly `total` rows, or at least so many.")
    ]


def write_cursor(order: str, values: Sequence[KeyValue], *, is_before: bool = False) -> str:
    """Return the cursor of a position in the named order: letters that fit into an address."""
    facts = [CURSOR_VERSION, int(is_before), *map(_to_json, values)]
    words = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode()
    return _spell(_sign(order, words, get_settings().signing_secrets[0]) + words)


def read_position(cursor: str | None, order: str) -> Position | None:
    """Return the position that a cursor of the named order says.

    Raises:
        CursorError: it is no such cursor, or not as it was written.
    """
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        sealed = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise CursorError from None
    signature, words = sealed[:SIGNATURE_BYTES], sealed[SIGNATURE_BYTES:]
    if not _is_signed(order, words, signature) or cursor != _spell(sealed):
        raise CursorError
    _version, is_before, *values = json.loads(words)
    return Position(values=tuple(map(_from_json, values)), is_before=bool(is_before))


def link_pages(request: Request, response: Response, found: Slice[Any]) -> None:
    """Say in a ``Link`` header (RFC 8288) where the parts beside this one of an array are."""
    links = []
    for relation, cursor in (("prev", found.previous_cursor), ("next", found.next_cursor)):
        if cursor is not None:
            url = request.url.include_query_params(cursor=cursor)
            links.append(f'<{url.path}?{url.query}>; rel="{relation}"')
    if links:
        response.headers["Link"] = ", ".join(links)


def _spell(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _sign(order: str, words: bytes, secret: str) -> bytes:
    """Return a signature that holds for this order, this version and this shop."""
    message = f"cursor {CURSOR_VERSION} {order}\n".encode() + words
    return hmac.digest(secret.encode(), message, "sha256")[:SIGNATURE_BYTES]


def _is_signed(order: str, words: bytes, signature: bytes) -> bool:
    """Tell whether the shop signed the words, be it with a secret that it has replaced since."""
    return any(
        hmac.compare_digest(signature, _sign(order, words, secret))
        for secret in get_settings().signing_secrets
    )


def _to_json(value: KeyValue) -> Any:
    match value:
        case Decimal():
            return {"decimal": str(value)}
        case datetime():
            return {"moment": value.isoformat()}
        case date():
            return {"day": value.isoformat()}
    return value


def _from_json(value: Any) -> KeyValue:
    match value:
        case {"decimal": str(text)}:
            return Decimal(text)
        case {"moment": str(text)}:
            return datetime.fromisoformat(text)
        case {"day": str(text)}:
            return date.fromisoformat(text)
    return value  # type: ignore[no-any-return] # it is signed: a number, a text or nothing
