"""What all write models have in common."""

from typing import Annotated, Any

import pytest
from pydantic import ValidationError

from app.core.schemas import Id, OneLine, Price, WriteModel


class Order(WriteModel):
    """One field of each kind."""

    title: OneLine = ""
    quantity: Annotated[int, "copies"] = 1
    book_id: Id | None = None
    price: Price | None = None
    is_gift: bool = False
    is_paid: bool | None = None


@pytest.mark.parametrize("field", ["title", "quantity", "book_id", "price"])
@pytest.mark.parametrize("value", [True, False])
def test_yes_and_no_are_neither_number_nor_text(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refusal:
        Order.model_validate({field: value})
    assert [error["loc"] for error in refusal.value.errors()] == [(field,)]


@pytest.mark.parametrize("field", ["is_gift", "is_paid"])
def test_yes_and_no_answer_what_asks_for_them(field: str) -> None:
    assert getattr(Order.model_validate({field: True}), field) is True


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("War\nand\r\n  Peace", "War and Peace"),
        (" War\u2028and\tPeace \n", "War and Peace"),
        ("War and  Peace", "War and  Peace"),
        ("\n\t\r", ""),
    ],
)
def test_what_is_one_line_is_joined(sent: str, kept: str) -> None:
    assert Order(title=sent).title == kept


@pytest.mark.parametrize("sent", [7, None, ["War"], "War\x00", "War\x0bPeace", "War\x1fPeace"])
def test_what_is_no_line_stays_refused(sent: Any) -> None:
    with pytest.raises(ValidationError):
        Order(title=sent)
