"""How commands speak: results on standard output, refusals in one sentence on standard error."""

from typing import Annotated, NoReturn

import typer
from rich.console import Console

Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]
Host = Annotated[str, typer.Option(help="IP address to listen on; 0.0.0.0 for all.")]

APPLICATION = "app.main:app"

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def fail(words: str) -> NoReturn:
    """Say why something cannot be done, and end with exit status 1."""
    err.print(f"bookstore: {visible(words)}", markup=False, soft_wrap=True)
    raise SystemExit(1)


def visible(text: str) -> str:
    """Return the text with everything written out that a terminal would obey, not show."""
    return "".join(
        character
        if character.isprintable() or character == "\n"
        else character.encode("unicode_escape").decode()
        for character in text
    )
