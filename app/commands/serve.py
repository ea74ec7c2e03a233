"""The server by itself."""

import asyncio
from typing import Annotated

import typer
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import server
from app.commands.terminal import APPLICATION, Host, Port, err, out
from app.core import garbage
from app.core.config import get_settings
from app.db.session import dispose_engine, session_scope

app = typer.Typer(add_completion=False, rich_markup_mode="rich")
PATIENCE_SECONDS = 3


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Server processes.")] = 2,
) -> None:
    """Serve the shop, without a worker: run [bold]bookstore worker[/bold] beside it.

    Example: DATABASE_URL=postgresql://… bookstore serve --workers 4
    """
    get_settings()  # what is wrong with them is said before anything else
    server.refuse_taken_address(host, port)
    out.print(f"==> Serving at {server.base_url(host, port)}. Ctrl-C ends it.")
    out.print("==> Mails and schedules need a worker beside it: bookstore worker")
    if not garbage.run(_database_answers()):
        err.print("==> The database does not answer yet. Pages work as soon as it does.")
    server.serve(APPLICATION, host=host, port=port, workers=workers)


async def _database_answers() -> bool:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), session_scope() as session:
            await session.execute(text("SELECT 1"))
    except (OSError, DBAPIError):
        return False
    finally:
        await dispose_engine()
    return True
