"""A gateway for trying the shop out: test cards that approve, decline or never answer.

It keeps its own ledger, in transactions of its own, as a company on the other side of the network
would: charging a reference twice takes the money once.
"""

import asyncio
from decimal import Decimal

from sqlalchemy import Numeric, Text, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from app.core.config import GatewayName
from app.db.base import Base, CreatedAt, text_enum
from app.db.session import session_scope
from app.integrations.payments.gateway import ChargeOutcome, ChargeRequest, ChargeState

APPROVED_CARD = "4242424242424242"
DECLINED_CARD = "4000000000000002"
POOR_CARD = "4000000000009995"
SILENT_CARD = "4000000000000044"

REFUSALS = {
    DECLINED_CARD: "The card was declined.",
    POOR_CARD: "The card was declined: insufficient funds.",
}
UNKNOWN_CARD = "This is not one of the test cards."
CANCELLED = "The payment was cancelled."
SILENCE_SECONDS = 3600


class DemoCharge(CreatedAt, Base):
    """One line in the demo gateway's ledger."""

    __tablename__ = "demo_charges"

    reference: Mapped[str] = mapped_column(Text, primary_key=True)
    amount: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    currency: Mapped[str] = mapped_column(Text)
    state: Mapped[ChargeState] = mapped_column(text_enum(ChargeState))
    reason: Mapped[str | None] = mapped_column(Text)


class DemoGateway:
    """Decides by the test card's number (see the constants above); without one it approves."""

    name = GatewayName.DEMO.value

    async def charge(self, request: ChargeRequest) -> ChargeOutcome:
        """Approve or decline at once, or never answer for the silent card."""
        card = DECLINED_CARD if request.force_failure else request.token or APPROVED_CARD
        if card == SILENT_CARD:
            await asyncio.sleep(SILENCE_SECONDS)
        reason = REFUSALS.get(card)
        if reason is None and card != APPROVED_CARD:
            reason = UNKNOWN_CARD
        state = ChargeState.DECLINED if reason else ChargeState.CAPTURED
        return await self._record(
            request.reference,
            request.amount,
            request.currency,
            ChargeOutcome(state=state, reason=reason),
        )

    async def cancel(self, reference: str) -> ChargeOutcome:
        """Write the reference off, unless it was charged."""
        refusal = ChargeOutcome(state=ChargeState.DECLINED, reason=CANCELLED)
        return await self._record(reference, Decimal(0), "", refusal)

    async def _record(
        self, reference: str, amount: Decimal, currency: str, outcome: ChargeOutcome
    ) -> ChargeOutcome:
        """Write the line unless the reference has one; return what stands there."""
        async with session_scope() as session:
            written = await session.scalar(
                insert(DemoCharge)
                .values(
                    reference=reference,
                    amount=amount,
                    currency=currency,
                    state=outcome.state,
                    reason=outcome.reason,
                )
                .on_conflict_do_nothing()
                .returning(DemoCharge.reference)
            )
            if written is not None:
                return outcome
            found = await session.execute(
                select(DemoCharge.state, DemoCharge.reason).where(DemoCharge.reference == reference)
            )
            state, reason = found.one()
            return ChargeOutcome(state=state, reason=reason)
