"""Whatever is done to an order in whatever order, it goes only where the table lets it go."""

import os
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import Actor
from app.check import check_in
from app.core.clock import utc_now
from app.orders.errors import (
    MoveNotAllowedError,
    NothingLeftError,
    RefundTooHighError,
    TooManyCopiesError,
)
from app.orders.fulfilment import acts, cancelling
from app.orders.fulfilment_models import Reason
from app.orders.fulfilment_schemas import (
    CancelRequest,
    LineCopies,
    RefundCreate,
    ReturnCreate,
    ReturnedCopies,
    ShipmentCreate,
)
from app.orders.models import Order, OrderStatus
from app.orders.moves import MOVES, sources_of
from tests.orders.bought import Bought, make_order

EXAMPLES = int(os.environ.get("ORDER_SEQUENCES", "20"))
STEPS = 12
NORA = Actor(name="nora@example.com")
COPIES = (2, 1)
CONFLICTS = (MoveNotAllowedError, NothingLeftError, RefundTooHighError, TooManyCopiesError)

S = OrderStatus


def test_the_table_knows_every_state_and_its_ends() -> None:
    assert MOVES.keys() == set(OrderStatus)
    ends = {status for status, targets in MOVES.items() if not targets}
    assert ends == {S.CANCELLED, S.RETURNED, S.DECLINED}
    reached, border = set(), {S.PENDING}
    while border:
        reached |= border
        border = {target for status in border for target in MOVES[status]} - reached
    assert reached == set(OrderStatus)
    assert sources_of(S.CONFIRMED) == {S.PENDING}
    assert sources_of(S.DECLINED) == {S.PENDING}
    assert sources_of(S.RETURNED) == {S.SHIPPED, S.DELIVERED}
    assert not any(S.PENDING in targets for targets in MOVES.values())


@dataclass
class Model:
    """What ought to be true of an order, counted beside the shop."""

    status: OrderStatus = S.CONFIRMED
    sent: Counter[int] = field(default_factory=Counter)
    dropped: Counter[int] = field(default_factory=Counter)
    returned: Counter[int] = field(default_factory=Counter)
    refunded: Counter[int] = field(default_factory=Counter)
    money: int = 0
    on_shelf: int = 0

    def left(self, line: int) -> int:
        return COPIES[line] - self.sent[line] - self.dropped[line]

    def ship(self, line: int | None, quantity: int) -> bool:
        if self.status not in {S.CONFIRMED, S.PACKED, S.PARTLY_SHIPPED}:
            return False
        wanted = {line: quantity} if line is not None else {n: self.left(n) for n in (0, 1)}
        if not any(wanted.values()) or any(self.left(n) < many for n, many in wanted.items()):
            return False
        self.sent.update(wanted)
        self.status = S.PARTLY_SHIPPED if self.left(0) or self.left(1) else S.SHIPPED
        return True

    def deliver(self) -> bool:
        if self.status not in {S.CONFIRMED, S.PACKED, S.SHIPPED, S.READY_TO_COLLECT}:
            return False
        for line in (0, 1):
            self.sent[line] += self.left(line)
        self.status = S.DELIVERED
        return True

    def cancel(self, *, by_buyer: bool) -> bool:
        allowed = {S.CONFIRMED} if by_buyer else {S.CONFIRMED, S.PACKED, S.READY_TO_COLLECT}
        if self.status not in allowed:
            return False
        self.status = S.CANCELLED
        for line in (0, 1):
            self.on_shelf += self.left(line)
            self.dropped[line] += self.left(line)
            self.refunded[line] = COPIES[line]
        self.money = 30
        return True

    def step_to(self, to: OrderStatus, *sources: OrderStatus) -> bool:
        if self.status not in sources:
            return False
        self.status = to
        return True

    def refund(self, line: int | None, quantity: int, cents: int) -> bool:
        if line is None:
            if self.money * 100 + cents > 3000 or self.money + cents // 100 > 30:
                return False
            self.money += cents // 100
            return True
        amount = 10 * quantity
        if self.refunded[line] + quantity > COPIES[line] or self.money + amount > 30:
            return False
        self.refunded[line] += quantity
        self.money += amount
        return True

    def take_back(self, line: int, quantity: int, *, was_sent: bool, refund: bool) -> bool:
        allowed = (
            {S.PARTLY_SHIPPED, S.SHIPPED, S.DELIVERED}
            if was_sent
            else {S.CONFIRMED, S.PACKED, S.PARTLY_SHIPPED, S.READY_TO_COLLECT}
        )
        free = self.sent[line] - self.returned[line] if was_sent else self.left(line)
        if self.status not in allowed or quantity > free:
            return False
        rest = self.left(0) + self.left(1) - (0 if was_sent else quantity)
        if not was_sent and not rest and self.status is not S.PARTLY_SHIPPED:
            return False
        if refund and not self.refund(line, quantity, 0):
            return False
        (self.returned if was_sent else self.dropped)[line] += quantity
        self.on_shelf += quantity
        if not was_sent and not rest:
            self.status = S.SHIPPED
        elif was_sent and self.status is not S.PARTLY_SHIPPED and self.returned == self.sent:
            self.status = S.RETURNED
        return True


SENT = {S.PARTLY_SHIPPED: (1, 0), S.SHIPPED: COPIES, S.DELIVERED: COPIES, S.RETURNED: COPIES}
"""How many copies have left of each line of an order in a state; of others none."""

EACH_ACT: list[tuple[Any, ...]] = [
    *[("pack",), ("ready",), ("deliver",), ("ship", None, 1), ("ship", 1, 1)],
    *[("cancel", True), ("cancel", False)],
    *[("return", 0, 1, True, False), ("return", 0, 1, False, False)],
]


async def test_every_act_from_every_state(db_session: AsyncSession) -> None:
    order = await make_order(db_session, *COPIES)
    stand = text("UPDATE orders SET status = :status WHERE id = :id")
    send = text("UPDATE order_lines SET sent = :sent WHERE id = :id")
    for status in OrderStatus:
        sent = SENT.get(status, (0, 0))
        for step in EACH_ACT:
            async with db_session.begin_nested() as savepoint:
                await db_session.execute(stand, {"status": status, "id": order.id})
                for line, copies in zip(order.lines, sent, strict=True):
                    await db_session.execute(send, {"sent": copies, "id": line})
                model = Model(status=status, sent=Counter(dict(enumerate(sent))))
                should = expect(model, step)
                assert await act(db_session, order, step) is should, (status, step)
                now = await db_session.scalar(select(Order.status).where(Order.id == order.id))
                assert now is model.status, (status, step)
                await savepoint.rollback()


LINE = st.integers(0, 1)
QUANTITY = st.integers(1, 2)
STEP = st.one_of(
    st.tuples(st.just("pack")),
    st.tuples(st.just("ready")),
    st.tuples(st.just("deliver")),
    st.tuples(st.just("ship"), st.none() | LINE, QUANTITY),
    st.tuples(st.just("cancel"), st.booleans()),
    st.tuples(st.just("refund"), st.none() | LINE, QUANTITY, st.sampled_from([100, 1000, 2500])),
    st.tuples(st.just("return"), LINE, QUANTITY, st.booleans(), st.booleans()),
)


@pytest.mark.filterwarnings("ignore:.*function-scoped fixture")
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEP, min_size=4, max_size=STEPS))
async def test_any_sequence_of_acts_ends_as_a_model_says(
    db_session: AsyncSession, steps: list[tuple[Any, ...]]
) -> None:
    order = await make_order(db_session, *COPIES)
    model, trace = Model(), [S.CONFIRMED]
    for step in steps:
        before = model.status
        should = expect(model, step)
        did = await act(db_session, order, step)
        assert did is should, (step, before)
        status = await db_session.scalar(select(Order.status).where(Order.id == order.id))
        assert status is model.status, (step, before)
        trace.append(status)
    for one, other in pairwise(trace):
        assert one is other or other in MOVES[one] or reaches_by_two(one, other)
    lines = await db_session.execute(
        text(
            "SELECT sent, dropped, returned, refunded FROM order_lines WHERE order_id = :id"
            " ORDER BY id"
        ),
        {"id": order.id},
    )
    counted = [model.sent, model.dropped, model.returned, model.refunded]
    assert [tuple(row) for row in lines] == [
        tuple(counter[line] for counter in counted) for line in (0, 1)
    ]
    money = text("SELECT refunded_total FROM payments WHERE order_id = :id")
    assert await db_session.scalar(money, {"id": order.id}) == model.money
    shelf = text("SELECT sum(on_hand) FROM stock WHERE book_id = ANY(:ids)")
    assert await db_session.scalar(shelf, {"ids": list(order.books)}) == model.on_shelf
    assert await check_in(db_session) == []


def reaches_by_two(one: OrderStatus, other: OrderStatus) -> bool:
    """The last parcel of an order goes through the state that the first leaves it in."""
    return other is S.SHIPPED and S.PARTLY_SHIPPED in MOVES[one]


def expect(model: Model, step: tuple[Any, ...]) -> bool:  # noqa: PLR0911 (one for each act)
    match step:
        case ("pack",):
            return model.step_to(S.PACKED, S.CONFIRMED)
        case ("ready",):
            return model.step_to(S.READY_TO_COLLECT, S.CONFIRMED, S.PACKED)
        case ("deliver",):
            return model.deliver()
        case ("ship", line, quantity):
            return model.ship(line, quantity)
        case ("cancel", by_buyer):
            return model.cancel(by_buyer=by_buyer)
        case ("refund", line, quantity, cents):
            return model.refund(line, quantity, cents)
        case ("return", line, quantity, was_sent, refund):
            return model.take_back(line, quantity, was_sent=was_sent, refund=refund)
    raise AssertionError(step)


async def act(session: AsyncSession, order: Bought, step: tuple[Any, ...]) -> bool:
    """Do a step, whole or not at all; tell whether it was done."""
    try:
        async with session.begin_nested():
            await _act(session, order, step)
    except CONFLICTS:
        return False
    return True


async def _act(session: AsyncSession, order: Bought, step: tuple[Any, ...]) -> None:
    common: dict[str, Any] = {"actor": NORA, "order_id": order.id}
    now = utc_now()
    match step:
        case ("pack",):
            await acts.pack(session, **common)
        case ("ready",):
            await acts.make_ready(session, **common)
        case ("deliver",):
            await acts.deliver(session, **common)
        case ("ship", line, quantity):
            lines = None
            if line is not None:
                lines = [LineCopies(line_id=order.lines[line], quantity=quantity)]
            await acts.ship(session, **common, parcel=ShipmentCreate(lines=lines))
        case ("cancel", True):
            await cancelling.cancel_as_buyer(session, order_id=order.id, now=now)
        case ("cancel", False):
            await acts.cancel(session, **common, wanted=CancelRequest(), now=now)
        case ("refund", line, quantity, cents):
            wanted = (
                {"amount": f"{cents / 100:.2f}"}
                if line is None
                else {"lines": [{"line_id": order.lines[line], "quantity": quantity}]}
            )
            refund = RefundCreate.model_validate({"reason": "other"} | wanted)
            await acts.refund(session, **common, wanted=refund, now=now)
        case ("return", line, quantity, was_sent, refund_too):
            copies = ReturnedCopies(line_id=order.lines[line], quantity=quantity)
            back = ReturnCreate(
                reason=Reason.OTHER, lines=[copies], was_sent=was_sent, refund=refund_too
            )
            await acts.take_back(session, **common, wanted=back, now=now)
