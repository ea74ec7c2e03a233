"""The transaction rule, read from the code."""

import ast
from pathlib import Path

APP = Path(__file__).parents[2] / "app"


def test_only_the_session_module_commits() -> None:
    committing = {
        str(path.relative_to(APP))
        for path in APP.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"commit", "begin"}
    }
    assert committing == {"db/session.py"}


def test_endpoints_get_their_session_from_the_one_alias() -> None:
    others = [
        str(path.relative_to(APP))
        for path in APP.rglob("*.py")
        if "Depends(get_db" in path.read_text() and path != APP / "core" / "deps.py"
    ]
    assert others == []
