"""The command line: ``bookstore --help``. Only what is called is loaded."""

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from app import __version__
from app.commands.terminal import fail, out
from app.core.garbage import collection_held

TOPICS = {
    "demo": (
        "demo",
        "Open a stocked shop: database, schema, admin account, catalogue, server and worker.",
    ),
    "serve": ("serve", "Serve the shop, without a worker: run bookstore worker beside it."),
    "worker": ("work", "Run jobs: mails, schedules, and orders whose gateway did not answer."),
    "db": ("database", "The database: the one that comes along, and the schema."),
    "import": ("books", "Bring books in."),
    "imports": ("imports", "Look after imports: progress, reports, cancelling."),
    "tax": ("tax", "Tax: the rates of each country."),
    "export": ("export", "Take the catalogue out, and orders for the books."),
    "order": ("orders", "Orders: show, ship, cancel, refund."),
    "works": ("works", "Works and their editions: show, merge, split."),
    "stock": ("stock", "Copies: where they are, what came, what was lost, what is low."),
    "user": ("accounts", "Accounts: admins, staff and their rights, passwords, sessions."),
    "coupon": ("coupons", "Coupons: make, list, end."),
    "gift-card": ("gift_cards", "Gift cards: issue, list, end."),
    "audit": ("audit", "What staff did."),
    "jobs": ("jobs", "Jobs that failed for good."),
    "check": ("check", "Look for data that break the shop's promises."),
}
"""For each word the module in ``app.commands``, and what the list of commands says of it."""


class LazyGroup(TyperGroup):
    """Lists every topic, and loads the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command that the words name, with all that it needs."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in TOPICS:
            with collection_held():  # what is loaded stays, and is no garbage
                module = import_module(f"app.commands.{TOPICS[name][0]}")
            command = typer.main.get_command(module.app)
            command.name = name
        return name, command, rest


app = typer.Typer(
    cls=LazyGroup,
    help="Run and look after the shop. It belongs to the folder that commands are started in: "
    "settings are in its .env, and a local shop keeps everything in its folder var.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
)


def _print_version(asked: bool) -> None:
    if asked:
        out.print(__version__)
        raise typer.Exit


@app.callback()
def bookstore(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Say the version."),
    ] = False,
) -> None:
    """Run and look after the shop."""


def _listed() -> None:
    """Stand in the list for a topic that is loaded when it is called."""


for word, (_, words) in TOPICS.items():
    app.command(word, help=words)(_listed)


@app.command("version")
def print_version() -> None:
    """Print the version."""
    out.print(__version__)


def main() -> None:
    """Run the command line; what cannot be done is one sentence, not a traceback."""
    try:
        app()
    except Exception as error:
        words: str | None = import_module("app.commands.failures").sentence(error)
        if words is None:
            raise
        fail(words)


if __name__ == "__main__":
    main()
