"""A gateway for trying the shop out: test cards that approve, decline, ask back or keep silent.

It keeps its own ledger, in transactions of its own, as a company on the other side of the network
would: charging a reference twice takes the money once. What was decided after the answer it tells
the shop by a signed message, once: who misses that has to ask.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import uuid4

import httpx2
import structlog
from pydantic import AwareDatetime, BaseModel, ValidationError
from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Numeric,
    Text,
    bindparam,
    delete,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.clock import utc_now
from app.core.config import GatewayName, Settings, get_settings
from app.db.base import Base, CreatedAt, text_enum
from app.db.session import session_scope
from app.integrations.payments.gateway import (
    ChargeOutcome,
    ChargeRequest,
    ChargeState,
    GatewayEvent,
    RefundOutcome,
    RefundRequest,
    RefundState,
    UntrustedEventError,
)
from app.integrations.payments.signatures import sign, verify

log = structlog.get_logger(__name__)

APPROVED_CARD = "4242424242424242"
DECLINED_CARD = "4000000000000002"
POOR_CARD = "4000000000009995"
ASKING_CARD = "4000002760003184"
LATE_CARD = "4000000000000077"
SILENT_CARD = "4000000000000044"

ACCEPTED = {APPROVED_CARD, ASKING_CARD, LATE_CARD}
REFUSALS = {
    DECLINED_CARD: "The card was declined.",
    POOR_CARD: "The card was declined: insufficient funds.",
}
UNKNOWN_CARD = "This is not one of the test cards."
CANCELLED = "The payment was cancelled."
NOT_PROVED = "You did not confirm the payment."
TOO_MUCH = "More than was taken cannot go back."

SILENCE_SECONDS = 3600
LATE_SECONDS = 5.0
MESSAGE_SECONDS = 10.0
ABOUT_REFUND = "refund."
"""What the types of messages about refunds begin with."""

SIGNATURE_HEADER = "demo-signature"


class DemoCharge(CreatedAt, Base):
    """One line in the demo gateway's ledger."""

    __tablename__ = "demo_charges"
    __table_args__ = (
        CheckConstraint("refunded >= 0 AND refunded <= amount", name="refunded_within_amount"),
    )

    reference: Mapped[str] = mapped_column(Text, primary_key=True)
    amount: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    currency: Mapped[str] = mapped_column(Text)
    state: Mapped[ChargeState] = mapped_column(text_enum(ChargeState))
    reason: Mapped[str | None] = mapped_column(Text)
    return_url: Mapped[str | None] = mapped_column(Text)
    refunded: Mapped[Decimal] = mapped_column(Numeric(12, 2), server_default=text("0"))


class DemoRefund(CreatedAt, Base):
    """Money that went back."""

    __tablename__ = "demo_refunds"

    reference: Mapped[str] = mapped_column(Text, primary_key=True)
    charge_reference: Mapped[str] = mapped_column(ForeignKey("demo_charges.reference"), index=True)
    amount: Mapped[Decimal] = mapped_column(Numeric(12, 2))


COLUMNS = ("reference", "amount", "currency", "state", "reason", "return_url")
WRITE_CHARGE = (
    insert(DemoCharge)
    .values({name: bindparam(name) for name in COLUMNS})
    .on_conflict_do_nothing()
    .returning(DemoCharge.reference)
)


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """A payment that its buyer has to confirm, or has confirmed or not."""

    amount: Decimal
    currency: str
    state: ChargeState
    return_url: str | None


class Message(BaseModel):
    """What the gateway tells by itself: of a charge, or of a refund, by the shop's reference."""

    id: str
    type: str
    created: AwareDatetime
    reference: str


class Line(NamedTuple):
    """What stands in the ledger of a charge."""

    state: ChargeState
    reason: str | None


class DemoGateway:
    """Decides by the test card's number (see the constants above); without one it approves."""

    name = GatewayName.DEMO.value

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or get_settings()
        self._shop_url = settings.public_url
        self._secret = message_secret(settings)
        self._telling: set[asyncio.Task[None]] = set()

    async def charge(self, request: ChargeRequest) -> ChargeOutcome:
        """Decide at once, ask the buyer first, say so only later, or never answer."""
        card = DECLINED_CARD if request.force_failure else request.token or APPROVED_CARD
        if card == SILENT_CARD:
            await asyncio.sleep(SILENCE_SECONDS)
        reason = REFUSALS.get(card)
        if reason is None and card not in ACCEPTED:
            reason = UNKNOWN_CARD
        state = ChargeState.DECLINED if reason else ChargeState.CAPTURED
        if card == ASKING_CARD:
            state = ChargeState.NEEDS_ACTION
        async with session_scope() as session:
            is_new = await write(session, request, state=state, reason=reason)
            line = Line(state, reason) if is_new else await read(session, request.reference)
        if is_new and card == LATE_CARD:
            self._tell(request.reference, ChargeState.CAPTURED, after_seconds=LATE_SECONDS)
            return ChargeOutcome(state=ChargeState.UNKNOWN)
        return self._outcome(request.reference, line)

    async def look_up(self, reference: str) -> ChargeOutcome:
        """Read it in the ledger."""
        async with session_scope() as session:
            return self._outcome(reference, await read(session, reference))

    async def cancel(self, reference: str) -> ChargeOutcome:
        """Write the reference off, unless it was charged."""
        never = ChargeRequest(reference=reference, amount=Decimal(0), currency="")
        async with session_scope() as session:
            if not await write(session, never, state=ChargeState.DECLINED, reason=CANCELLED):
                await decide(session, reference, state=ChargeState.DECLINED, reason=CANCELLED)
            return self._outcome(reference, await read(session, reference))

    async def refund(self, request: RefundRequest) -> RefundOutcome:
        """Write it down, as long as so much of the charge is left."""
        async with session_scope() as session:
            charge = await session.scalar(
                select(DemoCharge.reference).where(
                    DemoCharge.reference == request.charge_reference,
                    DemoCharge.currency == request.currency,
                )
            )
            if charge is None:
                return RefundOutcome(state=RefundState.REFUSED, reason=TOO_MUCH)
            is_new = await session.scalar(
                insert(DemoRefund)
                .values(
                    reference=request.reference,
                    charge_reference=charge,
                    amount=request.amount,
                )
                .on_conflict_do_nothing()
                .returning(DemoRefund.reference)
            )
            if is_new is None:
                return RefundOutcome(state=RefundState.REFUNDED)
            taken = await session.scalar(
                update(DemoCharge)
                .where(
                    DemoCharge.reference == charge,
                    DemoCharge.state == ChargeState.CAPTURED,
                    DemoCharge.refunded + request.amount <= DemoCharge.amount,
                )
                .values(refunded=DemoCharge.refunded + request.amount)
                .returning(DemoCharge.reference)
                .execution_options(synchronize_session=False)
            )
            if taken is None:
                await session.execute(
                    delete(DemoRefund).where(DemoRefund.reference == request.reference)
                )
                return RefundOutcome(state=RefundState.REFUSED, reason=TOO_MUCH)
        return RefundOutcome(state=RefundState.REFUNDED)

    def read_event(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> GatewayEvent:
        """Read one of its own messages."""
        verify(body, headers.get(SIGNATURE_HEADER, ""), secret=self._secret, now=now)
        try:
            message = Message.model_validate_json(body)
        except ValidationError as error:
            raise UntrustedEventError("the message says nothing") from error
        is_refund = message.type.startswith(ABOUT_REFUND)
        return GatewayEvent(
            id=message.id,
            type=message.type,
            occurred_at=message.created,
            charge_reference=None if is_refund else message.reference,
            refund_reference=message.reference if is_refund else None,
        )

    async def find_challenge(self, reference: str) -> Challenge | None:
        """Return what a buyer is asked to confirm."""
        async with session_scope() as session:
            found = await session.execute(
                select(
                    DemoCharge.amount, DemoCharge.currency, DemoCharge.state, DemoCharge.return_url
                ).where(DemoCharge.reference == reference)
            )
            row = found.one_or_none()
        return None if row is None else Challenge(**row._asdict())

    async def answer_challenge(self, reference: str, *, approve: bool) -> None:
        """Take the buyer's word, the first one, and tell the shop."""
        state = ChargeState.CAPTURED if approve else ChargeState.DECLINED
        reason = None if approve else NOT_PROVED
        async with session_scope() as session:
            is_first = await decide(session, reference, state=state, reason=reason)
        if is_first:
            self._tell(reference, state, after_seconds=0)

    def _outcome(self, reference: str, line: Line | None) -> ChargeOutcome:
        """Say what stands in the ledger."""
        if line is None:
            return ChargeOutcome(state=ChargeState.UNKNOWN)
        asks = line.state is ChargeState.NEEDS_ACTION
        return ChargeOutcome(
            state=line.state,
            reason=line.reason,
            action_url=f"{self._shop_url}/demo-bank/{reference}" if asks else None,
        )

    def _tell(self, reference: str, state: ChargeState, *, after_seconds: float) -> None:
        """Send the shop a message, later and beside whatever else goes on."""
        task = asyncio.create_task(self._send(reference, state, after_seconds=after_seconds))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _send(self, reference: str, state: ChargeState, *, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        now = utc_now()
        message = Message(
            id=f"evt_{uuid4().hex}", type=f"charge.{state}", created=now, reference=reference
        )
        body = message.model_dump_json().encode()
        headers = {SIGNATURE_HEADER: sign(body, secret=self._secret, now=now)}
        url = f"{self._shop_url}/api/v1/payments/{self.name}/webhook"
        try:
            async with httpx2.AsyncClient(timeout=MESSAGE_SECONDS, trust_env=False) as client:
                response = await client.post(url, content=body, headers=headers)
                response.raise_for_status()
        except httpx2.HTTPError as error:  # as a webhook that never comes
            log.warning("demo gateway's message was lost", error=type(error).__name__)


async def read(session: AsyncSession, reference: str) -> Line | None:
    """Return the line of a charge."""
    found = await session.execute(
        select(DemoCharge.state, DemoCharge.reason).where(DemoCharge.reference == reference)
    )
    row = found.one_or_none()
    return Line(*row) if row is not None else None


async def write(
    session: AsyncSession, request: ChargeRequest, *, state: ChargeState, reason: str | None
) -> bool:
    """Write the line of a charge unless it has one; tell whether it had none."""
    written = await session.execute(
        WRITE_CHARGE,
        {
            "reference": request.reference,
            "amount": request.amount,
            "currency": request.currency,
            "state": state,
            "reason": reason,
            "return_url": request.return_url,
        },
    )
    return written.scalar_one_or_none() is not None


async def decide(
    session: AsyncSession, reference: str, *, state: ChargeState, reason: str | None
) -> bool:
    """End a charge that waits for its buyer; tell whether it did."""
    decided = await session.scalar(
        update(DemoCharge)
        .where(
            DemoCharge.reference == reference,
            DemoCharge.state == ChargeState.NEEDS_ACTION,
        )
        .values(state=state, reason=reason)
        .returning(DemoCharge.reference)
        .execution_options(synchronize_session=False)
    )
    return decided is not None


def message_secret(settings: Settings) -> bytes:
    """Return what the gateway's messages are signed with."""
    key = settings.secret_key.get_secret_value().encode()
    return hmac.new(key, b"messages of the demo gateway", hashlib.sha256).digest()
