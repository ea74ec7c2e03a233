"""What is always true of orders at rest, and looking for where it is not."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.stock import count_away
from app.core.findings import SHOWN, Finding
from app.orders import fulfilment_repository, invariant_repository, repository

LATENESS = timedelta(minutes=5)
"""How long the schedule may take to settle an order whose reservation has run out."""


KEPT_LATE = timedelta(hours=1)
"""How long money that came late may stay: a gateway that is away is asked for a while."""


async def find_breaches(session: AsyncSession, *, now: datetime) -> list[Finding]:
    """Return every breach of an order's invariants."""
    return [
        *await find_miscounted_copies(session),
        *await find_wrongly_paid(session),
        *await find_wrong_sums(session),
        *await find_wrongly_spent(session),
        *await find_overdue(session, now=now),
        *await find_late_money(session, now=now),
        *await find_over_refunded(session),
        *await find_over_sent(session),
        *await find_wrongly_given_back(session),
        *await find_other_currencies(session),
        *await find_repeated_orders(session),
        *await find_repeated_effects(session),
        *await find_stale_payments(session),
        *await find_late_refunds(session, now=now),
    ]


async def find_miscounted_copies(session: AsyncSession) -> list[Finding]:
    """Return books whose reserved and sold copies are not those in pending and paid orders."""
    away = await count_away(session)
    taken = {
        row.book_id: (row.pending, row.confirmed)
        for row in await repository.count_copies_taken(session)
    }
    findings = []
    for book_id in sorted(away.keys() | taken.keys()):
        reserved, sold = away.get(book_id, (0, 0))
        pending, confirmed = taken.get(book_id, (0, 0))
        if (reserved, sold) != (pending, confirmed):
            finding = Finding(
                invariant="reserved and sold copies are those in orders",
                subject=f"book {book_id}",
                detail=f"reserved {reserved} but {pending} in pending orders, "
                f"sold {sold} but {confirmed} in confirmed ones",
            )
            findings.append(finding)
    return findings[:SHOWN]


async def find_wrongly_paid(session: AsyncSession) -> list[Finding]:
    """Return confirmed orders without a captured payment of the same total, and the reverse."""
    return [
        Finding(
            invariant="confirmed orders and captured payments are the same",
            subject=f"order {order.id}",
            detail=f"{order.status} over {order.total} {order.currency}, payment "
            f"{order.payment_status} over {order.amount} {order.payment_currency}",
        )
        for order in await repository.list_wrongly_paid(session, limit=SHOWN)
    ]


async def find_wrong_sums(session: AsyncSession) -> list[Finding]:
    """Return orders whose lines, discounts or taxes do not add up to their amounts.

    That these amounts add up to the total is what the database makes sure of.
    """
    return [
        Finding(
            invariant="an order's lines, discounts and taxes add up to its total",
            subject=f"order {order.id}",
            detail=f"lines {order.lines}, subtotal {order.subtotal}; discounts {order.discounts}, "
            f"on lines {order.line_discounts}, in all {order.discount_total}; taxes {order.taxes}, "
            f"on lines and shipping {order.line_taxes}, in all {order.tax_total}",
        )
        for order in await repository.list_wrong_sums(session, limit=SHOWN)
    ]


async def find_wrongly_spent(session: AsyncSession) -> list[Finding]:
    """Return orders of which gift cards paid another part than they say."""
    return [
        Finding(
            invariant="what gift cards paid of an order is what it says",
            subject=f"order {order.id}",
            detail=f"gift cards {order.gift_card_total}, spent {order.spent}",
        )
        for order in await repository.list_wrongly_spent(session, limit=SHOWN)
    ]


async def find_overdue(session: AsyncSession, *, now: datetime) -> list[Finding]:
    """Return orders whose reservation ended long ago and that nobody has settled."""
    return [
        Finding(
            invariant="no reservation outlives its deadline by more than five minutes",
            subject=f"order {order.id}",
            detail=f"reserved until {order.reserved_until:%Y-%m-%d %H:%M:%S} UTC, asked the "
            f"gateway {order.settle_attempts} times since",
        )
        for order in await repository.list_reserved_before(
            session, before=now - LATENESS, limit=SHOWN
        )
    ]


async def find_late_money(session: AsyncSession, *, now: datetime) -> list[Finding]:
    """Return payments for orders that had been given up, whose money has not gone back."""
    return [
        Finding(
            invariant="money that came too late for its order goes back",
            subject=f"order {payment.order_id}",
            detail=f"{payment.amount} {payment.currency}, found at {payment.gateway} on "
            f"{payment.late_since:%Y-%m-%d %H:%M:%S} UTC",
        )
        for payment in await repository.list_late_before(
            session, before=now - KEPT_LATE, limit=SHOWN
        )
    ]


async def find_over_refunded(session: AsyncSession) -> list[Finding]:
    """Return orders of which more was paid back than captured, or than their payment says."""
    return [
        Finding(
            invariant="refunded is at most what was captured",
            subject=f"order {row.order_id}",
            detail=f"refunds of {row.much}, captured {row.limit}",
        )
        for row in await fulfilment_repository.list_over_refunded(session, limit=SHOWN)
    ]


async def find_over_sent(session: AsyncSession) -> list[Finding]:
    """Return orders of which more copies were shipped than ordered, or came back than left."""
    return [
        Finding(
            invariant="shipped copies are at most those ordered",
            subject=f"order {row.order_id}",
            detail=f"{row.much} shipped of {row.limit}",
        )
        for row in await fulfilment_repository.list_over_sent(session, limit=SHOWN)
    ]


async def find_wrongly_given_back(session: AsyncSession) -> list[Finding]:
    """Return orders whose refunds put back onto gift cards another sum than went back by them."""
    return [
        Finding(
            invariant="what refunds put back onto gift cards is what went back by their payments",
            subject=f"order {row.order_id}",
            detail=f"refunds onto gift cards {row.refunded}, given back {row.given_back}",
        )
        for row in await invariant_repository.list_wrongly_given_back(session, limit=SHOWN)
    ]


async def find_other_currencies(session: AsyncSession) -> list[Finding]:
    """Return orders of which something is in another currency. Payments are looked at elsewhere."""
    return [
        Finding(
            invariant="an order is in one currency",
            subject=f"order {row.order_id}",
            detail=f"{row.currency}, {row.what} in {row.other}",
        )
        for row in await invariant_repository.list_other_currencies(session, limit=SHOWN)
    ]


async def find_repeated_orders(session: AsyncSession) -> list[Finding]:
    """Return buyers' keys and checkouts that became more than one order."""
    return [
        Finding(
            invariant="one order for one buyer and key, and for one checkout",
            subject=f"order {row.subject}",
            detail=f"{row.times} {row.what}",
        )
        for row in await invariant_repository.list_repeated_orders(session, limit=SHOWN)
    ]


async def find_repeated_effects(session: AsyncSession) -> list[Finding]:
    """Return orders on which a gateway's word, or the staff's, had its effect twice."""
    return [
        Finding(
            invariant="what happens to an order once happens once",
            subject=f"order {row.subject}",
            detail=f"{row.what} {row.times} times",
        )
        for row in await invariant_repository.list_repeated_effects(session, limit=SHOWN)
    ]


async def find_stale_payments(session: AsyncSession) -> list[Finding]:
    """Return payments that still wait although their order is decided."""
    return [
        Finding(
            invariant="no pending payment outlives its order's decision",
            subject=f"order {row.order_id}",
            detail=f"{row.order_status}, payment {row.status}",
        )
        for row in await invariant_repository.list_stale_payments(session, limit=SHOWN)
    ]


async def find_late_refunds(session: AsyncSession, *, now: datetime) -> list[Finding]:
    """Return pending refunds about which nobody asks the gateway any more."""
    return [
        Finding(
            invariant="no pending refund waits for more than five minutes to be asked about",
            subject=f"order {row.order_id}, refund {row.id}",
            detail=f"due at {row.ask_after:%Y-%m-%d %H:%M:%S} UTC, asked {row.attempts} times",
        )
        for row in await invariant_repository.list_late_refunds(
            session, before=now - LATENESS, limit=SHOWN
        )
    ]
