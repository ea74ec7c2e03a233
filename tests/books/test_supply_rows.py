from decimal import Decimal
from typing import Any

import pytest

from app.books.importers.columns import plan_columns
from app.books.importers.csv import Record
from app.books.importers.report import Refusal
from app.books.importers.supply_rows import SupplyReader, SupplyRow

EMMA = "9780141439587"


def read(header: str, row: str) -> SupplyRow | Refusal:
    reader = SupplyReader(plan_columns(header.split(";"), {}), currency="EUR")
    return reader.read(Record(2, row.split(";")))


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("stock", "12", 12),
        ("stock", "12.0", 12),
        ("stock", "100+", 100),
        ("stock", ">10", 10),
        ("stock", "-3", 0),
        ("price", "1.234,50", Decimal("1234.50")),
        ("price", "0,5", Decimal("0.5")),
        ("price", "0", None),
        ("price", "0.00", None),
        ("price", "", None),
        ("availability", "4", "04"),
        ("availability", "21", "21"),
        ("availability", "Out-of-Print", "51"),
        ("availability", "NYP", "10"),
        ("availability", "who knows", None),
        ("lead time", "5", 5),
        ("lead time", "3 - 5 days", 5),
        ("lead time", "soon", None),
        ("lead time", "99999", None),
    ],
)
def test_cells(column: str, cell: str, value: object) -> None:
    row = read(f"ean;{column}", f"{EMMA};{cell}")
    assert isinstance(row, SupplyRow)
    names = {"lead time": "order_time_days"}
    told: Any = getattr(row, names.get(column, column))
    assert told == value
    is_left_out = value is None and column in {"availability", "lead time"}
    assert [repair.before for repair in row.repairs] == (
        [f"{column}: {cell}"] if is_left_out else []
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (";1;1.00", "The row has neither an ISBN nor another bar code."),
        ("4006381333930;1;1.00", "The row has neither an ISBN nor another bar code."),
        ("9780141439588;1;1.00", "9780141439588 is no ISBN: its check digit is wrong."),
        (f"{EMMA};some;1.00", "stock: some is no number of copies."),
        (f"{EMMA};1.000;1.00", "stock: 1.000 is no number of copies."),
        (f"{EMMA};1000001;1.00", "stock: 1000001 is more than 1,000,000 copies."),
        (f"{EMMA};1;free", "price: free is no price."),
        (f"{EMMA};1;1.999", "price: 1.999 is no price."),
        (f"{EMMA};1;1.00;x", "The row has more cells than the header."),
    ],
)
def test_refusals(row: str, reason: str) -> None:
    refusal = read("ean;stock;price", row)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason
