"""A copy of everything that the shop keeps of an account's reader, as one JSON document.

It is read in small pieces, each in a transaction of its own: a reader who takes it in slowly
holds no connection meanwhile, and a long history takes no memory.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Iterable
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from app.account.service import list_addresses
from app.cart.schemas import CartOwner
from app.cart.service import list_quantities
from app.core.pagination import ListQuery, Slice
from app.db.session import session_scope
from app.notifications.service import list_messages
from app.orders.buyers import list_for_export as list_orders
from app.orders.checkouts import list_for_export as list_checkouts
from app.prebooks.service import list_prebooks
from app.reviews.service import list_own as list_reviews
from app.users.oauth.service import list_identities
from app.users.profiles import get_account
from app.users.sessions import list_sign_ins
from app.users.two_step.service import describe as describe_two_step
from app.wishlist.service import list_wishes

FORMAT_VERSION = 1


class ReadPart(Protocol):
    """Reads one page of a list."""

    def __call__(self, session: AsyncSession, /, *, query: ListQuery) -> Awaitable[Slice[Any]]:
        """Return the page."""


async def export_account(*, user_id: int, now: datetime) -> AsyncIterator[bytes]:
    """Yield the document piece by piece."""
    async with session_scope() as session:
        account = await get_account(session, user_id=user_id, now=now)
        addresses = await list_addresses(session, user_id=user_id)
        sign_ins = await list_sign_ins(session, user_id=user_id, now=now)
        identities = await list_identities(session, user_id=user_id)
        two_step = await describe_two_step(session, user_id=user_id)
        basket = await list_quantities(session, owner=CartOwner.account(user_id))

    facts = {
        "format": FORMAT_VERSION,
        "exported_at": now.isoformat(),
        "account": account.model_dump(mode="json"),
        "addresses": _plain(addresses),
        "sign_ins": _plain(sign_ins),
        "connected_accounts": _plain(identities),
        "two_step_sign_in": two_step.model_dump(mode="json"),
        "basket": [
            {"book_id": book_id, "quantity": copies} for book_id, copies in sorted(basket.items())
        ],
    }
    yield _json(facts)[:-1]
    lists: dict[str, ReadPart] = {
        "wish_list": partial(list_wishes, user_id=user_id),
        "waiting_list": partial(list_prebooks, user_id=user_id),
        "reviews": partial(list_reviews, user_id=user_id),
        "orders": partial(list_orders, user_id=user_id),
        "checkouts": partial(list_checkouts, user_id=user_id),
        "messages": partial(list_messages, recipient=account.email),
    }
    for name, read in lists.items():
        yield f',"{name}":['.encode()
        async for part in _rows(read):
            yield part
        yield b"]"
    yield b"}\n"


async def _rows(read: ReadPart) -> AsyncIterator[bytes]:
    """Yield the rows of a list, as many at a time as a page has."""
    query: ListQuery | None = ListQuery()
    separator = b""
    while query is not None:
        async with session_scope() as session:
            found = await read(session, query=query)
        for row in _plain(found.rows):
            yield separator + _json(row)
            separator = b","
        query = ListQuery(cursor=found.next_cursor) if found.next_cursor else None


def _plain(rows: Iterable[BaseModel]) -> list[dict[str, Any]]:
    return [row.model_dump(mode="json") for row in rows]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
