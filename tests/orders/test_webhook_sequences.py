"""Messages repeated, out of order and all at once end where each of them once and in order would.

A sequence is what happens to one charge at its gateway, and in between, in any order, the messages
about what happened so far, each one to five times, and looks of the schedule. ``make soak`` runs
many more of them.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import get_settings
from app.db.session import AsyncSessionLocal, session_scope
from app.integrations.payments.gateway import (
    ChargeOutcome,
    ChargeRequest,
    ChargeState,
    GatewayEvent,
    RefundOutcome,
    RefundRequest,
)
from app.orders.invariants import find_breaches
from app.orders.overdue import settle_overdue
from app.orders.webhooks import settle_reported, take_event
from tests.factories import make_book, make_user

SEQUENCES = int(os.environ.get("WEBHOOK_SEQUENCES", "300"))
"""Promised are 1,000, and `make soak` runs 20,000; fewer each time, to keep its time short."""

AT_ONCE = 4
COPIES = (1, 1, 1, 2, 2, 3, 5)
"""How often a message comes: once as a rule, but not always."""

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)

STORIES: tuple[tuple[str, ...], ...] = (
    ("captured",),
    ("needs_action", "captured"),
    ("needs_action", "needs_action", "captured"),
    ("declined",),
    ("needs_action", "declined"),
    ("needs_action", "needs_action", "needs_action", "declined"),
    ("needs_action",),
    ("needs_action", "unknown", "captured"),
    ("unknown", "needs_action", "captured"),
)
"""What can happen to a charge: being refused at the bank is no end, and ends are for ever."""

End = tuple[str, str, Mapping[str, int]]


@dataclass
class Bank:
    """A gateway whose ledger is a dictionary. What it is asked for in vain, it would not know."""

    name: str = "bank"
    charges: dict[str, ChargeState] = field(default_factory=dict)

    async def charge(self, request: ChargeRequest) -> ChargeOutcome:
        raise NotImplementedError

    async def look_up(self, reference: str) -> ChargeOutcome:
        await asyncio.sleep(0)  # others may do something before the answer is there
        return ChargeOutcome(state=self.charges.get(reference, ChargeState.UNKNOWN))

    async def cancel(self, reference: str) -> ChargeOutcome:
        raise NotImplementedError

    async def refund(self, request: RefundRequest) -> RefundOutcome:
        raise NotImplementedError

    def read_event(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> GatewayEvent:
        raise NotImplementedError


@dataclass
class Sequence:
    """One charge, and what is still to be done with it."""

    bank: Bank
    order_id: int
    story: tuple[str, ...]
    random: Random | None
    happened: int = 0
    messages: list[GatewayEvent] = field(default_factory=list)

    @property
    def reference(self) -> str:
        return f"reference-{self.order_id}"

    async def play(self) -> None:
        """Let everything happen, and every message arrive."""
        while self.happened < len(self.story) or self.messages:
            may_happen = self.happened < len(self.story)
            if may_happen and (not self.messages or self._tossed()):
                self._happen()
            elif self.random is None:
                await self._deliver([self.messages.pop(0)])
            else:
                count = min(self.random.randint(1, 2), len(self.messages))
                self.random.shuffle(self.messages)
                await self._deliver([self.messages.pop() for _ in range(count)])

    def _tossed(self) -> bool:
        return self.random is not None and self.random.random() < 0.4

    def _happen(self) -> None:
        state = ChargeState(self.story[self.happened])
        self.bank.charges[self.reference] = state
        message = GatewayEvent(
            id=f"evt-{self.order_id}-{self.happened}",
            type=f"charge.{state}",
            occurred_at=NOW,
            charge_reference=self.reference,
        )
        self.happened += 1
        self.messages += [message] * (self.random.choice(COPIES) if self.random else 1)

    async def _deliver(self, messages: list[GatewayEvent]) -> None:
        """Let messages arrive at once; the job of each that is news runs beside the others."""
        await asyncio.gather(*map(self._take, messages))

    async def _take(self, message: GatewayEvent) -> None:
        async with session_scope() as session:
            is_news = await take_event(session, gateway=self.bank.name, event=message)
        if is_news:
            await self._settle()

    async def _settle(self) -> None:
        if (await self.bank.look_up(self.reference)).state is ChargeState.UNKNOWN:
            return  # its job would be tried again
        async with AsyncSessionLocal() as session:
            await settle_reported(
                session,
                gateway=self.bank.name,
                reference=self.reference,
                find_gateway=lambda _name: self.bank,
                now=NOW,
                settings=get_settings(),
            )


async def write_orders(session: AsyncSession, count: int) -> list[int]:
    """Write pending orders of a copy each, whose reservation holds."""
    user = await make_user(session)
    book = await make_book(session, copies=count, price="12.99")
    ids = await session.scalars(
        text("""
            INSERT INTO orders (number, user_id, email, currency, total, idempotency_key,
                                request_hash, reserved_until, settle_after)
            SELECT 'n-' || n, :user, 'a@example.com', 'USD', 12.99, n, '', :until, :now
            FROM generate_series(1, :count) AS n RETURNING id
        """),
        {"user": user.id, "count": count, "now": NOW, "until": NOW + timedelta(minutes=15)},
    )
    await session.execute(
        text("""
            INSERT INTO order_lines (order_id, book_id, title, author, unit_price, quantity)
            SELECT id, :book, 'T', 'A', 12.99, 1 FROM orders
        """),
        {"book": book.id},
    )
    await session.execute(
        text("""
            INSERT INTO payments (order_id, gateway, reference, amount, currency)
            SELECT id, 'bank', 'reference-' || id, 12.99, 'USD' FROM orders
        """)
    )
    await session.execute(text("UPDATE stock SET on_hand = 0, reserved = received"))
    await session.commit()
    return sorted(ids)


async def ends(session: AsyncSession) -> dict[int, End]:
    """Return of each order its status, its payment's, and how often which mail is due."""
    mails: dict[int, Counter[str]] = {}
    about_orders = text("SELECT name, payload FROM outbox_events WHERE payload ? 'order_id'")
    for row in await session.execute(about_orders):
        mails.setdefault(row.payload["order_id"], Counter())[row.name] += 1
    rows = await session.execute(
        text("""
            SELECT o.id, o.status, p.status AS paid
            FROM orders o JOIN payments p ON p.order_id = o.id
        """)
    )
    return {row.id: (row.status, row.paid, mails.get(row.id, Counter())) for row in rows}


async def play_all(sequences: list[Sequence]) -> None:
    """Play sequences, some at a time, while the schedule looks at all of them."""
    waiting = iter(sequences)

    async def play_some() -> None:
        for sequence in waiting:
            await sequence.play()

    async def look() -> None:
        moment = NOW
        while True:
            moment += timedelta(minutes=1)
            async with AsyncSessionLocal() as session:
                await settle_overdue(
                    session,
                    find_gateway=lambda _name: sequences[0].bank,
                    now=min(moment, NOW + timedelta(minutes=14)),
                    settings=get_settings(),
                )
            await asyncio.sleep(1)

    schedule = asyncio.create_task(look())
    await asyncio.gather(*(play_some() for _ in range(AT_ONCE)))
    schedule.cancel()
    with pytest.raises(asyncio.CancelledError):
        await schedule


async def test_every_sequence_ends_as_its_story_told_once_and_in_order(
    committed: AsyncSession,
) -> None:
    random = Random(20261201)  # noqa: S311 (the same stories each time)
    bank = Bank()
    order_ids = await write_orders(committed, len(STORIES) + SEQUENCES)
    told = [
        Sequence(bank, order_id, story, None)
        for order_id, story in zip(order_ids, STORIES, strict=False)
    ]
    generated = [
        Sequence(bank, order_id, random.choice(STORIES), Random(number))  # noqa: S311 (likewise)
        for number, order_id in enumerate(order_ids[len(STORIES) :])
    ]
    for sequence in told:
        await sequence.play()
    before = await ends(committed)
    in_order = {sequence.story: before[sequence.order_id] for sequence in told}
    await committed.rollback()
    assert set(map(str, in_order.values())) == set(
        map(
            str,
            [
                ("confirmed", "captured", Counter({"OrderConfirmed": 1})),
                ("cancelled", "failed", Counter({"OrderCancelled": 1})),
                ("pending", "needs_action", Counter()),
            ],
        )
    )

    await play_all(generated)

    after: dict[int, Any] = await ends(committed)
    wrong = [
        (sequence.order_id, sequence.story, after[sequence.order_id])
        for sequence in generated
        if after[sequence.order_id] != in_order[sequence.story]
    ]
    assert wrong == []
    assert len(generated) == SEQUENCES
    kept = await committed.scalar(text("SELECT count(*) FROM gateway_events"))
    assert kept == sum(len(sequence.story) for sequence in [*told, *generated])
    assert await find_breaches(committed, now=NOW) == []
