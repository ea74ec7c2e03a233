"""Accounts."""

import sys
from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from rich.markup import escape
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app import local
from app.audit.service import command_line
from app.commands.terminal import fail, out, visible
from app.commands.two_step import user_disable_two_step
from app.core import garbage
from app.core.rights import Right
from app.core.schemas import WriteModel
from app.core.security import MAX_PASSWORD_CHARACTERS, Role, hash_password
from app.db.session import dispose_engine, session_scope
from app.users import administration
from app.users.errors import UserNotFoundError
from app.users.guessable import refuse_address
from app.users.schemas import MIN_PASSWORD_CHARACTERS, NewPassword, UserQuery, UserRead

app = typer.Typer(help="Accounts.", no_args_is_help=True, add_completion=False)
app.command("disable-two-step")(user_disable_two_step)

T = TypeVar("T")
Email = Annotated[str, typer.Argument(help="The account's e-mail address.")]

REFUSED_PASSWORDS = {
    "too_short": f"A password has at least {MIN_PASSWORD_CHARACTERS} characters.",
    "too_long": f"A password has at most {MAX_PASSWORD_CHARACTERS} characters.",
}
GUESSABLE = {"password_common", "password_name"}
CONTROL_CHARACTERS = "A password has no control characters."


class ChosenPassword(WriteModel):
    """A password as the shop's own forms take it."""

    password: NewPassword


@app.command("create-admin")
def create_admin(email: Email) -> None:
    """Make an admin account; the password is asked for, or read from standard input.

    Example: bookstore user create-admin ada@example.com
    """
    password = _ask_password(email)

    async def create(session: AsyncSession) -> None:
        await administration.create_admin(
            session, actor=command_line(), email=email, password_hash=await hash_password(password)
        )

    _run(create, email)
    _say(f"{email} may run the shop.")


@app.command("list")
def list_accounts(
    role: Annotated[Role | None, typer.Option(help="Only those of this role.")] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--closed", help="Only open, or only closed ones.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many at the most.")] = 20,
) -> None:
    """List accounts, the newest first, with what they may do.

    Examples:
        bookstore user list --role staff

        bookstore user list --closed --limit 100
    """
    query = UserQuery(per_page=limit, role=role, is_active=active)
    page = _run(lambda session: administration.list_users(session, query=query))
    if not page.items:
        out.print("There is no such account.")
        return
    table = Table("id", "email", "name", "role", "rights", "open", "since (UTC)")
    table.columns[1].overflow = "fold"  # however narrow the terminal, it is shown whole
    for user in page.items:
        table.add_row(
            str(user.id),
            escape(visible(user.email)),
            escape(visible(user.full_name or "")),
            user.role,
            ", ".join(user.rights),
            "yes" if user.is_active else "no",
            f"{user.created_at.astimezone(UTC):%Y-%m-%d}",
        )
    out.print(table)
    if page.total_count > len(page.items):
        out.print(f"and {page.total_count - len(page.items):,} more")


@app.command("reset-password")
def reset_password(email: Email) -> None:
    """Set a new password and end all sessions of the account.

    Example: bookstore user reset-password admin@example.com
    """
    password = _ask_password(email)

    async def reset(session: AsyncSession) -> None:
        await administration.reset_password(
            session, actor=command_line(), email=email, password_hash=await hash_password(password)
        )

    _run(reset, email)
    out.print("The password is set, and every session of the account has ended.")


@app.command("revoke-sessions")
def revoke_sessions(email: Email) -> None:
    """Sign an account out everywhere, at once: every browser and every program.

    Example: bookstore user revoke-sessions ada@example.com
    """
    _run(
        lambda session: administration.revoke_sessions(session, actor=command_line(), email=email),
        email,
    )
    out.print("Every session of the account has ended.")


@app.command("grant")
def grant(
    email: Email,
    rights: Annotated[list[Right], typer.Option("--right", help="An area. Repeatable.")],
) -> None:
    """Let somebody work in areas of the shop, from their next request on.

    It adds to the rights that they have. Admins have every right already.

    Example: bookstore user grant ada@example.com --right catalogue --right orders
    """
    user = _run(
        lambda session: administration.grant_rights(
            session, actor=command_line(), email=email, rights=rights
        ),
        email,
    )
    _say_rights(user)


@app.command("revoke")
def revoke(
    email: Email,
    rights: Annotated[
        list[Right] | None,
        typer.Option("--right", help="An area. Repeatable; without it, all of them."),
    ] = None,
) -> None:
    """Take rights away, from the next request on; without any left somebody is a reader.

    Examples:
        bookstore user revoke ada@example.com --right orders

        bookstore user revoke ada@example.com
    """
    user = _run(
        lambda session: administration.revoke_rights(
            session, actor=command_line(), email=email, rights=rights or None
        ),
        email,
    )
    _say_rights(user)


def _say_rights(user: UserRead) -> None:
    if user.rights:
        _say(f"{user.email} may now do: {', '.join(user.rights)}.")
    else:
        _say(f"{user.email} is a reader.")


def _say(words: str) -> None:
    out.print(visible(words), markup=False, soft_wrap=True)


def _ask_password(email: str) -> str:
    """Return a password that the account can sign in with, or end with what is wrong with it."""
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        try:
            password = sys.stdin.buffer.readline().decode().rstrip("\r\n")
        except UnicodeDecodeError:
            fail("The password is not UTF-8.")
    try:
        return refuse_address(ChosenPassword(password=password).password, email=email)
    except ValidationError as error:
        fail(_sentence(error.errors()[0]))
    except PydanticCustomError as error:
        fail(error.message())


def _sentence(fault: ErrorDetails) -> str:
    kind = fault["type"].removeprefix("string_")
    if kind in GUESSABLE:
        return fault["msg"]
    return REFUSED_PASSWORDS.get(kind, CONTROL_CHARACTERS)


def _run(step: Callable[[AsyncSession], Awaitable[T]], email: str = "") -> T:
    """Take a step in a transaction of its own, or end with what is in its way."""

    async def run() -> T:
        try:
            async with session_scope() as session:
                return await step(session)
        finally:
            await dispose_engine()

    with local.local_database():
        try:
            return garbage.run(run())
        except UserNotFoundError:
            fail(f"There is no account {email}.")
