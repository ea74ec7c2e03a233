"""Whatever a command changes is written down, and of every command it is known what it changes."""

import asyncio
import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import NullPool, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from typer.testing import CliRunner, Result

from app.audit.models import AuditEntry
from app.audit.service import command_line
from app.books.models import Import, ImportKind
from app.cli import TOPICS, app
from app.commands import demo, terminal
from app.db.session import AsyncSessionLocal, dispose_engine, session_scope
from app.promotions.models import GiftCard
from app.users.two_step.models import TwoStep
from tests.books.onix.messages import IDENTIFIED, ROOT_30
from tests.factories import empty_every_table, make_book
from tests.orders.bought import make_order

CHANGES = {
    "coupon create": ["coupon.create"],
    "coupon end": ["coupon.end"],
    "gift-card end": ["gift_card.end"],
    "gift-card issue": ["gift_card.issue"],
    "demo": ["user.create_admin", "catalogue.stock_demo", "shipping.set_up_demo"],
    "import csv": ["import.end"],
    "import onix": ["import.end"],
    "import stock": ["stock.import"],
    "import thema": ["thema.import"],
    "imports cancel": ["import.cancel"],
    "jobs requeue": ["job.requeue"],
    "stock correct": ["stock.correct"],
    "stock receive": ["stock.receive"],
    "stock watch": ["stock.watch"],
    "tax rates reset": ["tax_rate.reset"],
    "tax rates set": ["tax_rate.set"],
    "order cancel": ["order.cancel"],
    "order refund": ["order.refund"],
    "order ship": ["order.ship"],
    "user create-admin": ["user.create_admin"],
    "user disable-two-step": ["user.disable_two_step"],
    "user grant": ["user.set_rights"],
    "user reset-password": ["user.reset_password"],
    "user revoke": ["user.set_rights"],
    "user revoke-sessions": ["user.revoke_sessions"],
    "works merge": ["work.merge"],
    "works split": ["work.split"],
}
"""Commands that change something, and what is written down of each; all are run below."""

CHANGES_NOTHING = {
    "audit export": "reads",
    "check": "reads",
    "coupon list": "reads",
    "export csv": "reads",
    "export onix": "reads",
    "gift-card list": "reads",
    "export orders": "reads",
    "imports list": "reads",
    "imports report": "reads",
    "imports show": "reads",
    "jobs parked": "reads",
    "stock low": "reads",
    "stock show": "reads",
    "tax rates list": "reads",
    "order show": "reads",
    "user list": "reads",
    "works show": "reads",
    "serve": "starts a process",
    "worker": "starts a process",
    "db up": "starts a process",
    "db down": "stops a process",
    "db status": "reads",
    "db shell": "opens psql, which is no part of the shop",
    "db migrate": "makes the tables, the audit's among them",
    "db reset": "deletes the local shop, its audit included, after asking",
}
"""Commands of which nothing is written down, and why."""

EMAIL = "ada@example.com"
PASSWORD = "a few words of mine\n"


def commands() -> set[str]:
    found = set()
    for word, (module, _) in TOPICS.items():
        topic = import_module(f"app.commands.{module}").app
        found |= set(words_of(word, typer.main.get_command(topic)))
    return found


def words_of(word: str, command: Any) -> Iterator[str]:
    """Return what is typed for each command below one, or for itself."""
    below = getattr(command, "commands", {})
    for name, inner in below.items():
        yield from words_of(f"{word} {name}", inner)
    if not below:
        yield word


def test_every_command_says_whether_it_changes_anything() -> None:
    assert commands() == CHANGES.keys() | CHANGES_NOTHING.keys()
    assert not CHANGES.keys() & CHANGES_NOTHING.keys()


@pytest.fixture
def shop(test_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[AsyncEngine]:
    """The tests' database, for commands that run in event loops of their own."""
    url = test_engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url)  # so that no server is started
    engine = create_async_engine(url, poolclass=NullPool)
    before = AsyncSessionLocal.kw["bind"]
    AsyncSessionLocal.configure(bind=engine)
    yield engine
    asyncio.run(empty_every_table(engine))
    AsyncSessionLocal.configure(bind=before)


async def fill() -> dict[str, int]:
    """Write works, an import that waits and a job that is parked; return their ids."""
    async with session_scope() as session:
        first, second = await make_book(session), await make_book(session)
        for number in ("N1", "N2"):
            await make_order(session, number=number)
        waiting = Import(kind=ImportKind.CSV, file_name="b.csv", requested_by=EMAIL)
        session.add(waiting)
        await session.flush()
        parked = (
            "INSERT INTO procrastinate_jobs (task_name, queue_name, args, status, attempts) "
            "VALUES ('sample.fail', 'mail', '{}', 'doing', 7) RETURNING id"
        )
        job_id = await session.scalar(text(parked))
        failed = text("SELECT procrastinate_finish_job_v1(:id, 'failed', false)")
        await session.execute(failed, {"id": job_id})
        assert job_id is not None
        return {
            "work": first.work_id,
            "other": second.work_id,
            "book": second.id,
            "import": waiting.id,
            "job": job_id,
        }


async def acts() -> list[AuditEntry]:
    async with session_scope() as session:
        found = await session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        return list(found)


def invoke(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=stdin)


def test_whatever_a_command_changes_is_written_down(
    shop: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del shop
    ids = asyncio.run(fill())
    files = {
        "books.csv": "isbn13,title,author,price\n9780141439518,Emma,Jane Austen,7.99\n",
        "feed.xml": f"{ROOT_30}<Product>{IDENTIFIED}</Product></ONIXMessage>",
        "stock.csv": "ean,qty\n9780141439518,5\n",
        "thema.json": json.dumps(
            {
                "CodeList": {
                    "IssueNumber": 1.6,
                    "ThemaCodes": {
                        "Code": [{"CodeValue": "F", "CodeDescription": "Fiction", "CodeParent": ""}]
                    },
                }
            }
        ),
        "picks.csv": "isbn13,note,picked_by\n9780141439518,Read it.,Nora\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    path = {name: str(tmp_path / name) for name in files}
    monkeypatch.setattr(demo, "DEMO_CATALOGUE", tmp_path / "books.csv")
    monkeypatch.setattr(demo, "DEMO_PICKS", tmp_path / "picks.csv")

    async def stock_demo() -> None:
        assert await demo.ensure_admin() is not None
        await empty_the_shelves()
        assert await demo.ensure_catalogue() == 1
        assert await demo.ensure_shipping()
        assert not await demo.ensure_shipping()
        await dispose_engine()

    steps: dict[str, Callable[[], Any]] = {
        "jobs requeue": lambda: invoke("jobs", "requeue", str(ids["job"])),
        "imports cancel": lambda: invoke("imports", "cancel", str(ids["import"])),
        "works merge": lambda: invoke(
            "works", "merge", str(ids["work"]), str(ids["other"]), "--yes"
        ),
        "works split": lambda: invoke(
            "works", "split", str(ids["work"]), str(ids["book"]), "--yes"
        ),
        "import csv": lambda: invoke("import", "csv", path["books.csv"]),
        "import onix": lambda: invoke("import", "onix", path["feed.xml"]),
        "import stock": lambda: invoke("import", "stock", path["stock.csv"]),
        "stock receive": lambda: invoke("stock", "receive", str(ids["book"]), "3"),
        "stock correct": lambda: invoke(
            "stock", "correct", str(ids["book"]), "-1", "--reason", "Water damage"
        ),
        "stock watch": lambda: invoke("stock", "watch", str(ids["book"]), "2"),
        "import thema": lambda: invoke("import", "thema", path["thema.json"]),
        "order refund": lambda: invoke("order", "refund", "N1", "--amount", "1.00", "--yes"),
        "order cancel": lambda: invoke("order", "cancel", "N1", "--yes"),
        "order ship": lambda: invoke("order", "ship", "N2", "--carrier", "DHL"),
        "demo": lambda: asyncio.run(stock_demo()),
        "tax rates reset": lambda: invoke("tax", "rates", "reset", "fr", "--yes"),
        "tax rates set": lambda: invoke("tax", "rates", "set", "FR", "book", "6", "--source", "B"),
        "user create-admin": lambda: invoke("user", "create-admin", EMAIL, stdin=PASSWORD),
        "user reset-password": lambda: invoke("user", "reset-password", EMAIL, stdin=PASSWORD),
        "user revoke-sessions": lambda: invoke("user", "revoke-sessions", EMAIL),
        "user grant": lambda: invoke("user", "grant", READER, "--right", "orders"),
        "user revoke": lambda: invoke("user", "revoke", READER),
        "user disable-two-step": lambda: invoke("user", "disable-two-step", READER),
        "coupon create": lambda: invoke("coupon", "create", "TEN", "--percent", "10"),
        "coupon end": lambda: invoke("coupon", "end", "ten"),
        "gift-card issue": lambda: invoke("gift-card", "issue", "25", "--email", EMAIL),
        "gift-card end": lambda: invoke("gift-card", "end", str(asyncio.run(gift_card_id()))),
    }
    assert steps.keys() == CHANGES.keys()
    asyncio.run(add_reader())
    written: list[AuditEntry] = []
    for name, step in steps.items():
        result = step()
        assert result is None or result.exit_code == 0, (name, result.output, result.exception)
        before, written = len(written), asyncio.run(acts())
        assert [entry.action for entry in written[before:]] == CHANGES[name]
    assert {entry.actor for entry in written} == {command_line().name}
    assert {entry.actor_id for entry in written} == {None}
    facts = {entry.action: entry.after for entry in written}
    assert facts["stock.import"] is not None
    assert facts["stock.import"] | {"file_name": ""} == {
        "file_name": "",
        "meaning": "supplier",
        "rows": 1,
        "updated": 1,
        "unchanged": 0,
        "refused": 0,
    }
    assert facts["gift_card.issue"] is not None
    assert "code" not in facts["gift_card.issue"]
    assert facts["catalogue.stock_demo"] == {"books": 1, "staff_picks": 1}
    assert facts["shipping.set_up_demo"] == {"zones": 2, "methods": 6}
    assert facts["import.end"] is not None
    assert (facts["import.end"]["status"], facts["import.end"]["records"]) == ("finished", 1)


def test_tax_rates_are_listed_set_and_refused(
    shop: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    del shop
    monkeypatch.setattr(terminal.out, "_width", 200)
    rates = ("tax", "rates")
    nothing = "There is no such rate: what is sold there bears no tax.\n"
    assert invoke(*rates, "list").output == nothing
    assert invoke(*rates, "reset", stdin="n\n").exit_code == 1
    assert invoke(*rates, "list").output == nothing
    assert "136 rates are set" in invoke(*rates, "reset", stdin="y\n").output
    assert invoke(*rates, "list").output.count("UStG") == 8  # Austria's and Germany's, of two pages
    told = invoke(*rates, "set", "lv", "book", "12.50", "--from", "2027-01-01").output
    assert told == "LV, book: 12.5 per cent from 2027-01-01 on.\n"
    assert "12.5" in invoke(*rates, "list", "lv").output
    for words, arguments in {
        "Freedonia is no country": ("list", "Freedonia"),
        "There are rates for book, ebook, audiobook, other.": ("set", "FR", "shipping", "5"),
        "rate: Input should be less than or equal to 100.": ("set", "FR", "book", "101"),
    }.items():
        refused = invoke(*rates, *arguments)
        assert refused.exit_code == 1
        assert words in refused.stderr.replace("\n", " ")


READER = "reader@example.com"


async def add_reader() -> None:
    async with session_scope() as session:
        insert = "INSERT INTO users (email) VALUES (:email) RETURNING id"
        user_id = await session.scalar(text(insert), {"email": READER})
        session.add(TwoStep(user_id=user_id, encrypted_secret=""))


async def gift_card_id() -> int:
    async with session_scope() as session:
        return (await session.scalars(select(GiftCard.id))).one()


async def empty_the_shelves() -> None:
    async with session_scope() as session:
        await session.execute(text("TRUNCATE works, books CASCADE"))


def test_accounts_are_listed_and_get_rights(
    shop: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    del shop
    monkeypatch.setattr(terminal.out, "_width", 160)
    assert invoke("user", "list").output == "There is no such account.\n"
    asyncio.run(add_reader())
    grant = ("user", "grant", READER, "--right")
    assert invoke(*grant, "orders").output == f"{READER} may now do: orders.\n"
    more = invoke(*grant, "catalogue", "--right", "orders")
    assert more.output == f"{READER} may now do: catalogue, orders.\n"
    table = invoke("user", "list", "--role", "staff", "--active").output
    cells = [cell.strip() for cell in table.splitlines()[3].replace("┃", "│").split("│")][1:-1]
    assert cells[1:6] == [READER, "", "staff", "catalogue, orders", "yes"]
    assert invoke("user", "list", "--closed").output == "There is no such account.\n"
    assert invoke("user", "revoke", READER, "--right", "orders").output == (
        f"{READER} may now do: catalogue.\n"
    )
    assert invoke("user", "revoke", READER).output == f"{READER} is a reader.\n"
    assert invoke("user", "create-admin", EMAIL, stdin=PASSWORD).exit_code == 0
    assert "and 1 more" in invoke("user", "list", "--limit", "1").output
    for arguments in (("grant", EMAIL, "--right", "orders"), ("revoke", EMAIL)):
        refused = invoke("user", *arguments)
        assert refused.exception is not None
        assert str(refused.exception) == "Admins have every right, and nobody changes them."


@pytest.mark.parametrize("email", ["nobody@example.com", "no address"])
@pytest.mark.parametrize(
    "command", [("grant", "--right", "orders"), ("revoke",), ("revoke-sessions",)]
)
def test_what_is_done_to_nobody_is_refused(
    shop: AsyncEngine, command: tuple[str, ...], email: str
) -> None:
    del shop
    refused = invoke("user", command[0], email, *command[1:])
    assert (refused.exit_code, refused.stderr) == (
        1,
        f"bookstore: There is no account {email}.\n",
    )
    assert asyncio.run(acts()) == []


def test_the_audit_is_exported(shop: AsyncEngine, tmp_path: Path) -> None:
    del shop
    asyncio.run(add_reader())
    invoke("user", "grant", READER, "--right", "orders")
    invoke("user", "revoke-sessions", READER)
    everything = invoke("audit", "export").stdout_bytes.decode("utf-8-sig")
    assert [line.split('","')[4:6] for line in everything.splitlines()] == [
        ["action", "thing"],
        ["user.revoke_sessions", "user"],
        ["user.set_rights", "user"],
    ]
    file = tmp_path / "audit.csv"
    written = invoke("audit", "export", str(file), "--action", "user.set_rights")
    assert written.exit_code == 0
    assert f"The audit is in {file}." in written.stderr.replace("\n", "")
    assert len(file.read_text(encoding="utf-8-sig").splitlines()) == 2
    later = invoke("audit", "export", "--from", "2999-01-01")
    assert len(later.stdout.splitlines()) == 1
    for words, arguments in {
        "is a folder": (str(tmp_path),),
        "bookstore: actor: ": ("--actor", "a" * 300),
    }.items():
        refused = invoke("audit", "export", *arguments)
        assert refused.exit_code == 1
        assert words in refused.stderr.replace("\n", " ")


def test_orders_are_shown_sent_and_exported(
    shop: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del shop
    monkeypatch.setattr(terminal.out, "_width", 120)
    asyncio.run(fill())
    sent = invoke("order", "ship", "n1", "--carrier", "DHL", "--tracking", "0034")
    assert "Order N1: shipped" in sent.output
    again = invoke("order", "ship", "N1")
    assert str(again.exception) == "The order is shipped and cannot become partly shipped."
    invoke("order", "refund", "N1", "--amount", "0.50", "--reason", "goodwill", "--yes")
    shown = invoke("order", "show", "N1").output
    for words in ("DHL 0034", "0.50 USD: pending", "Paid 10.00 USD, of which 9.50 can"):
        assert words in shown
    assert "amount: " in invoke("order", "refund", "N1", "--amount", "much", "--yes").stderr
    nothing = invoke("order", "show", "N9")
    assert str(nothing.exception) == "This order does not exist."
    file = tmp_path / "orders.csv"
    days = ("--from", "2020-01-01", "--to", "2029-01-01")
    written = invoke("export", "orders", str(file), *days)
    assert "The orders are in" in written.stderr
    rows = file.read_text(encoding="utf-8-sig").splitlines()
    assert [row.split(",")[0] for row in rows] == ['"number"', '"N1"', '"N2"']
    sums = invoke("export", "orders", "--by-day", *days).stdout.splitlines()
    assert sums[1].split(",")[2:5] == ['"2"', '"20.00"', '"0"']
    backwards = invoke("export", "orders", "--from", "2026-01-02", "--to", "2026-01-01")
    assert "the first day must come before" in backwards.stderr
