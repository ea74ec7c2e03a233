"""Rows that are locked are read anew, and what is counted is counted by the database: by the code.

SQLAlchemy returns a row that a session knows as it was when it was first read, even under ``FOR
UPDATE`` (sqlalchemy/sqlalchemy#4774). Forty buyers of five copies were once sold thirty-nine.
"""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

APP = Path(__file__).parents[2] / "app"

COUNTS = {
    "Stock": {"received", "reserved", "sold", "returned", "on_hand"},
    "GiftCard": {"balance"},
    "GiftCardPayment": {"spent", "given_back"},
    "Coupon": {"redeemed"},
    "Payment": {"refunded_total"},
    "OrderLine": {"sent", "dropped", "refunded"},
}
"""By model, the columns that many want to move at once."""

SETTLED_UNDER_A_LOCK = {
    "give_back_redemption": "of one that this transaction alone has released",
    "give_back_to_payment": "of a refund that this transaction alone has decided",
    "send_rest": "of an order that this transaction has moved, and so locked",
    "drop_rest": "likewise",
}
"""Functions whose update has no condition on what it counts, and why it needs none."""


def functions() -> Iterator[tuple[str, ast.AST]]:
    """Yield every function of the application with its place."""
    for path in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(APP)}:{node.lineno} {node.name}", node


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    """Yield the calls of a function or a method by its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            if (called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")) == name:
                yield node


def reads_stale_rows(function: ast.AST) -> bool:
    """Tell whether whole rows are locked and may be those that the session knew before."""
    whole = any(
        isinstance(argument, ast.Name) and argument.id[0].isupper()
        for select in calls(function, "select")
        for argument in select.args
    )
    return (
        whole
        and any(calls(function, "with_for_update"))
        and "populate_existing" not in ast.dump(function)
    )


def counts_in_python(function: ast.AST) -> bool:
    """Tell whether an attribute that is a count is set, which writes what was once read."""
    names = set().union(*COUNTS.values())
    for node in ast.walk(function):
        targets = node.targets if isinstance(node, ast.Assign) else ()
        if isinstance(node, ast.AugAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Attribute) and target.attr in names:
                return True
    return False


def counts_blindly(function: ast.AST) -> bool:
    """Tell whether a count is updated without returning whether its condition held."""
    for update in calls(function, "update"):
        model = update.args[0].id if update.args and isinstance(update.args[0], ast.Name) else ""
        set_names = {
            keyword.arg for values in calls(function, "values") for keyword in values.keywords
        }
        if set_names & COUNTS.get(model, set()) and not any(calls(function, "returning")):
            return True
    return False


def test_rows_that_are_locked_are_read_anew() -> None:
    assert [place for place, function in functions() if reads_stale_rows(function)] == []


def test_nothing_is_counted_in_python() -> None:
    assert [place for place, function in functions() if counts_in_python(function)] == []


def test_counts_are_moved_on_a_condition() -> None:
    blind = {place.split()[-1] for place, function in functions() if counts_blindly(function)}
    assert blind == SETTLED_UNDER_A_LOCK.keys()


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (reads_stale_rows, "def f(): return select(Stock).where(a).with_for_update()"),
        (reads_stale_rows, "def f():\n s = select(Stock, Book)\n return s.with_for_update()"),
        (counts_in_python, "def f(stock):\n stock.on_hand -= 1"),
        (counts_in_python, "def f(card):\n card.balance = card.balance - 1"),
        (counts_blindly, "def f(): return update(Stock).where(a).values(sold=Stock.sold + 1)"),
    ],
)
def test_what_breaks_a_rule_is_found(rule: Callable[[ast.AST], bool], code: str) -> None:
    assert rule(ast.parse(code))


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (reads_stale_rows, "def f(): return select(Stock.on_hand).with_for_update()"),
        (
            reads_stale_rows,
            "def f(): return select(Stock).with_for_update().options(populate_existing=True)",
        ),
        (counts_in_python, "def f(stock):\n stock.low_level = 3"),
        (counts_blindly, "def f(): return update(Stock).values(sold=a).returning(b)"),
    ],
)
def test_what_keeps_a_rule_is_not(rule: Callable[[ast.AST], bool], code: str) -> None:
    assert not rule(ast.parse(code))
