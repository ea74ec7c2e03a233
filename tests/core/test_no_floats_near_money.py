"""Money is never a binary fraction, read from the code: most cents have none that is exact."""

import ast
from collections.abc import Iterator
from pathlib import Path

APP = Path(__file__).parents[2] / "app"
PACKAGES = ("cart", "orders", "promotions", "shipping", "tax", "integrations/payments")
"""Packages that are about money as a whole; elsewhere it is the modules that import ``Decimal``."""

MILLIMETRES = ("orders/documents/fonts.py", "orders/documents/sheet.py")
"""Modules in these that draw on paper, and are handed amounts as text."""

NOT_MONEY = ("seconds", "rating")
"""What the names end in that may be floats: time limits, and what readers think of a book."""


def floats_of(tree: ast.AST) -> Iterator[str]:
    """Yield what makes or names a float: ``0.1``, ``float``, ``1 / 3``; with its line."""
    if _is_no_money(tree):
        return
    match tree:
        case ast.Constant(value=float() | complex()):
            yield f"{tree.lineno}: {tree.value!r}"
        case ast.Name(id="float"):
            yield f"{tree.lineno}: float"
        case ast.BinOp(
            left=ast.Constant(value=int()), op=ast.Div(), right=ast.Constant(value=int())
        ):
            yield f"{tree.lineno}: a quotient of whole numbers"
    for child in ast.iter_child_nodes(tree):
        yield from floats_of(child)


def _is_no_money(tree: ast.AST) -> bool:
    """Tell whether it is a parameter, a field or a constant whose name says so."""
    match tree:
        case ast.arg(arg=name) | ast.AnnAssign(target=ast.Name(id=name)):
            return name.lower().endswith(NOT_MONEY)
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name.lower().endswith(NOT_MONEY)
    return False


def is_about_money(path: Path, tree: ast.Module) -> bool:
    """Tell whether a module is in one of the packages, or imports ``Decimal`` or the money."""
    name = path.relative_to(APP).as_posix()
    if name in MILLIMETRES:
        return False
    if name.startswith(tuple(f"{package}/" for package in PACKAGES)):
        return True
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in (node.module, *(alias.name for alias in node.names))
    }
    return not imported.isdisjoint({"Decimal", "app.core.money"})


def test_money_is_never_a_float() -> None:
    trees = {path: ast.parse(path.read_text("utf-8")) for path in APP.rglob("*.py")}
    found = {
        path.relative_to(APP).as_posix(): list(floats_of(tree))
        for path, tree in trees.items()
        if is_about_money(path, tree)
    }
    assert {name: places for name, places in found.items() if places} == {}
    assert {"core/money.py", "tax/working_out.py", "orders/checkout.py"} <= found.keys()


def test_floats_are_found() -> None:
    tree = ast.parse(
        "a = 0.1\nb: int = float(c)\nd = 1 / 3\ne = 1 // 3\nf = x / 2\ng: float | None\n"
        "WAIT_SECONDS = 2.5\navg_rating: float\ndef h(*, timeout_seconds: float, i: float): ..."
    )
    assert list(floats_of(tree)) == [
        "1: 0.1",
        "2: float",
        "3: a quotient of whole numbers",
        "6: float",
        "9: float",
    ]
