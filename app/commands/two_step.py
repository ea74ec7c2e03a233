"""``bookstore user disable-two-step``: for who has lost the device and the recovery codes."""

from typing import Annotated

import typer

from app import local
from app.audit.service import command_line, record
from app.commands.terminal import fail, out
from app.core import garbage
from app.db.session import dispose_engine, session_scope
from app.users.two_step.service import remove

Email = Annotated[str, typer.Argument(help="The account's e-mail address.")]


def user_disable_two_step(email: Email) -> None:
    """Turn two-step sign-in off for an account; its password stays.

    Be sure who asks for it. Where staff must have it, they set it up again at their next sign-in.

    Example: bookstore user disable-two-step ada@example.com
    """
    with local.local_database():
        was_on = garbage.run(_disable(email))
    if not was_on:
        fail(f"There is no account {email} with two-step sign-in.")
    out.print(f"{email} signs in without a second step now.")


async def _disable(email: str) -> bool:
    async with session_scope() as session:
        user_id = await remove(session, email=email)
        if user_id is not None:
            await record(
                session, actor=command_line(), action="user.disable_two_step", thing_id=user_id
            )
    await dispose_engine()
    return user_id is not None
