"""Writing down what staff do, and reading it.

A row is written in the transaction of what it tells of: an act that is undone leaves none, and one
whose row cannot be written is undone.
"""

import getpass
import io
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import repository
from app.audit.schemas import AuditFilter, AuditQuery, AuditRead
from app.core.pagination import Position, Slice, Window
from app.core.spreadsheets import SheetWriter
from app.db.session import session_scope

Facts = BaseModel | Mapping[str, Any]

EXPORTED_AT_ONCE = 1000
HIDDEN = "[hidden]"
SECRETS = ("password", "secret", "token", "hash")
"""What a fact is called that no row may hold."""


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acts, and from where."""

    name: str
    account_id: int | None = None
    client: str | None = None
    user_agent: str | None = None


def command_line() -> Actor:
    """Return who acts where a command runs: the system's user."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number and no name
        user = "unknown user"
    return Actor(name=f"the command line ({user})")


async def record(
    session: AsyncSession,
    *,
    actor: Actor,
    action: str,
    thing_id: int | str | None = None,
    before: Facts | None = None,
    after: Facts | None = None,
) -> None:
    """Write an act down, in the transaction that it happens in.

    ``action`` is the kind of thing and what was done to it (``book.update``). Of what is told of
    the thing before and after, only what differs is kept, and nothing that is called a secret.
    """
    old, new = _differences(_facts(before), _facts(after))
    await repository.insert_entry(
        session,
        {
            "actor_id": actor.account_id,
            "actor": actor.name,
            "action": action,
            "thing": action.partition(".")[0],
            "thing_id": None if thing_id is None else str(thing_id),
            "before": old,
            "after": new,
            "client": actor.client,
            "user_agent": actor.user_agent,
        },
    )


async def list_entries(session: AsyncSession, *, query: AuditQuery) -> Slice[AuditRead]:
    """Return acts, the newest first.

    Raises:
        CursorError: not a cursor of this list.
    """
    window = query.window(repository.NEWEST_FIRST.name)
    found = await repository.list_entries(session, wanted=query, window=window)
    return found.map(AuditRead.model_validate)


async def export_lines(*, wanted: AuditFilter) -> AsyncIterator[str]:
    """Yield acts as the lines of a CSV file, the newest first.

    No transaction is open while a part of them is sent; acts that come meanwhile are not in it.
    No cell is a formula to a spreadsheet.
    """
    yield "\ufeff" + _csv([AuditRead.columns()])
    position: Position | None = None
    while True:
        async with session_scope() as session:
            found = await repository.list_entries(
                session,
                wanted=wanted,
                window=Window(limit=EXPORTED_AT_ONCE, position=position),
            )
        if found.rows:
            yield _csv(AuditRead.model_validate(entry).cells() for entry in found.rows)
            position = Position(values=(found.rows[-1].id,))
        if found.next_cursor is None:
            return


def _csv(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO(newline="")
    sheet = SheetWriter(text)
    for row in rows:
        sheet.write(row)
    return text.getvalue()


def _facts(told: Facts | None) -> dict[str, Any] | None:
    if told is None:
        return None
    facts = told.model_dump(mode="json") if isinstance(told, BaseModel) else told
    plain: dict[str, Any] = to_jsonable_python(dict(facts))
    return {
        name: HIDDEN if any(word in name for word in SECRETS) else value
        for name, value in plain.items()
    }


def _differences(
    before: dict[str, Any] | None, after: dict[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    if before is None or after is None:
        return before, after
    names = [name for name in before | after if before.get(name) != after.get(name)]
    return (
        {name: before.get(name) for name in names},
        {name: after.get(name) for name in names},
    )
