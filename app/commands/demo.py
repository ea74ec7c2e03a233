"""The demo: a stocked shop in one command."""

import csv
import os
import secrets
import threading
import time
from dataclasses import dataclass

import typer

from app import local, server
from app.audit.service import command_line, record
from app.books.importers.run import DEMO_CATALOGUE, import_csv
from app.books.importers.sorting import ImportOptions
from app.books.picks import set_pick
from app.books.queries import BookQuery
from app.books.service import get_book_by_isbn, list_books
from app.books.work_schemas import StaffPickUpdate
from app.commands.terminal import APPLICATION, Host, Port, err, out
from app.core import garbage
from app.core.config import get_settings
from app.core.security import hash_password
from app.db import migrations
from app.db.session import dispose_engine, session_scope
from app.shipping.demo import set_up_shipping
from app.users.administration import create_admin
from app.users.errors import EmailConflictError
from app.users.service import has_admin

app = typer.Typer(add_completion=False, rich_markup_mode="rich")

ADMIN_EMAIL = "admin@example.com"
DEMO_PICKS = DEMO_CATALOGUE.with_name("demo_staff_picks.csv")
PATIENCE_SECONDS = 30
"""How long a shop may take to open."""


@dataclass(frozen=True, kw_only=True)
class NewAdmin:
    """An admin account that was just made; the password is kept nowhere."""

    email: str
    password: str


@app.command()
def demo(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Open a stocked shop: database, schema, admin account, catalogue, server and worker.

    Nothing need be installed or set. What it keeps is in the folder var;
    the second start finds everything as it was left.
    With DATABASE_URL set, that database is used.

    Example: bookstore demo --port 8080
    """
    with local.local_database() as database:
        if database is not None:
            status = database.status()
            out.print(f"==> PostgreSQL {status.version} on 127.0.0.1:{status.port}")
        migrations.upgrade()
        admin = garbage.run(_prepare())
        chosen = server.free_port(host, port)
        if chosen != port:
            out.print(f"==> Port {port} is in use, taking {chosen}")
        address = server.base_url(host, chosen)
        os.environ.update(PUBLIC_URL=address, WORKER_IN_PROCESS="true")
        os.environ.setdefault("LOG_LEVEL", "WARNING")
        get_settings.cache_clear()
        announce = threading.Thread(target=_announce, args=(address, admin), daemon=True)
        announce.start()
        server.serve(APPLICATION, host=host, port=chosen, workers=1)
        out.print("==> Closed. Everything is kept in the folder var.")


async def _prepare() -> NewAdmin | None:
    """Have an admin account and a stocked catalogue, and leave no connection open."""
    admin = await ensure_admin()
    taken = await ensure_catalogue()
    await ensure_shipping()
    if taken:
        out.print(f"==> {taken} books on the shelves")
    await dispose_engine()
    return admin


def _announce(address: str, admin: NewAdmin | None, *, patience: float = PATIENCE_SECONDS) -> None:
    """Say where the shop is as soon as it answers, or that it does not."""
    deadline = time.monotonic() + patience
    while not server.answers(address):
        if time.monotonic() > deadline:
            err.print(f"\n  The shop does not answer at {address}. What it says of that is above;")
            log = local.embedded_server().directory / "cluster" / "server.log"
            err.print(f"  the log of the database that comes along is {log}.\n", soft_wrap=True)
            return
        time.sleep(0.1)
    out.print(f"\n  The shop is open:  [bold]{address}[/bold]")
    if admin is not None:
        out.print(f"  Admin sign-in:     {admin.email}  {admin.password}")
        out.print("                     (written down nowhere: keep it, or reset it later)")
    else:
        out.print(f"  Admin sign-in:     {ADMIN_EMAIL}, with the password of the first start")
        out.print(f"                     (lost? bookstore user reset-password {ADMIN_EMAIL})")
    out.print("  Ctrl-C closes it.\n")


async def ensure_admin() -> NewAdmin | None:
    """Make an admin account unless there is one; return it with its password, told only now.

    Of several that start at once, one makes it.
    """
    async with session_scope() as session:
        if await has_admin(session):
            return None
    password = "-".join(secrets.token_hex(2) for _ in range(4))
    password_hash = await hash_password(password)
    try:
        async with session_scope() as session:
            await create_admin(
                session, actor=command_line(), email=ADMIN_EMAIL, password_hash=password_hash
            )
    except EmailConflictError:
        return None
    return NewAdmin(email=ADMIN_EMAIL, password=password)


async def ensure_catalogue() -> int:
    """Stock empty shelves with the demo catalogue; return how many books were taken."""
    async with session_scope() as session:
        if (await list_books(session, query=BookQuery(size=1))).items:
            return 0
    report = await import_csv(
        DEMO_CATALOGUE,
        mapping={},
        options=ImportOptions(currency=get_settings().currency),
        on_progress=lambda _: None,
    )
    await _pick_for_staff(taken=report.taken)
    return report.taken


async def ensure_shipping() -> bool:
    """Let a shop that has no zones send parcels at home and abroad; tell whether it had none."""
    async with session_scope() as session:
        return await set_up_shipping(session, actor=command_line(), shop=get_settings())


async def _pick_for_staff(*, taken: int) -> None:
    """Put what the demo's staff recommend on the front table, and write down what was stocked."""
    with DEMO_PICKS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    async with session_scope() as session:
        for position, row in enumerate(rows, start=1):
            book = await get_book_by_isbn(session, isbn=row["isbn13"])
            pick = StaffPickUpdate(note=row["note"], picked_by=row["picked_by"], position=position)
            await set_pick(session, work_id=book.work_id, pick=pick)
        await record(
            session,
            actor=command_line(),
            action="catalogue.stock_demo",
            after={"books": taken, "staff_picks": len(rows)},
        )
