"""Only the shop's own static files are served, and nothing else is so much as opened."""

import sys
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException

from app.storefront.static import FILES, static_files, static_url

opened: list[str] = []


def listen(event: str, arguments: tuple[object, ...]) -> None:
    """Note what the interpreter opens; such a hook cannot be taken away again."""
    if event == "open":
        opened.append(str(arguments[0]))


def climb_to(path: Path) -> str:
    return "../" * 30 + str(path).lstrip("/")


@pytest.mark.parametrize("prefix", ["", "000000000000/", "shop.css/", "./"])
async def test_what_lies_outside_is_not_opened(tmp_path: Path, prefix: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("swordfish", encoding="utf-8")
    target = f"/static/{prefix}{climb_to(secret)}"
    scope = {"type": "http", "method": "GET", "path": target, "root_path": "", "headers": []}
    sys.addaudithook(listen)
    opened.clear()

    with pytest.raises(HTTPException) as refusal:
        await static_files.get_response(static_files.get_path({**scope, "path": target[7:]}), scope)

    assert refusal.value.status_code == 404
    assert [path for path in opened if path.endswith("secret.txt")] == []


def test_the_hook_would_have_heard() -> None:
    sys.addaudithook(listen)
    opened.clear()
    Path(__file__).read_text(encoding="utf-8")
    assert __file__ in opened


def test_every_file_has_an_address() -> None:
    assert {"shop.css", "icon.svg"} <= FILES
    assert static_url("shop.css").startswith("/static/")
    with pytest.raises(KeyError):
        static_url("../storefront/static.py")
