"""Accounts."""

import sys
from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from app import local
from app.commands.terminal import fail, out
from app.core import garbage
from app.core.schemas import WriteModel
from app.core.security import MAX_PASSWORD_CHARACTERS, hash_password
from app.db.session import dispose_engine, session_scope
from app.users.guessable import refuse_address
from app.users.schemas import MIN_PASSWORD_CHARACTERS, NewPassword
from app.users.service import create_admin, reset_password

app = typer.Typer(help="Accounts.", no_args_is_help=True, add_completion=False)

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
def user_create_admin(email: Email) -> None:
    """Make an admin account; the password is asked for, or read from standard input.

    Example: bookstore user create-admin ada@example.com
    """
    password = _ask_password(email)
    with local.local_database():
        garbage.run(_create_admin(email, password))
    out.print(f"{email} may run the shop.")


@app.command("reset-password")
def user_reset_password(email: Email) -> None:
    """Set a new password and end all sessions of the account.

    Example: bookstore user reset-password admin@example.com
    """
    password = _ask_password(email)
    with local.local_database():
        found = garbage.run(_reset_password(email, password))
    if not found:
        fail(f"There is no account {email}.")
    out.print("The password is set, and every session of the account has ended.")


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


async def _create_admin(email: str, password: str) -> None:
    password_hash = await hash_password(password)
    async with session_scope() as session:
        await create_admin(session, email=email, password_hash=password_hash)
    await dispose_engine()


async def _reset_password(email: str, password: str) -> bool:
    password_hash = await hash_password(password)
    async with session_scope() as session:
        found = await reset_password(session, email=email, password_hash=password_hash)
    await dispose_engine()
    return found
