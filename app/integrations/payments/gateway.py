"""What the shop needs of a payment gateway."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


class ChargeState(StrEnum):
    """What is known of a charge.

    ``needs_action``: the buyer has something to do first, such as proving to their bank who they
    are. ``due``: it will be paid in the shop. ``unknown``: the gateway did not answer, or does not
    know yet, so it may have worked.
    """

    CAPTURED = "captured"
    DECLINED = "declined"
    NEEDS_ACTION = "needs_action"
    DUE = "due"
    UNKNOWN = "unknown"


class RefundState(StrEnum):
    """What is known of a refund.

    ``pending``: the gateway has taken it on and will tell. ``unknown``: it did not answer; asking
    again with the same reference is safe.
    """

    REFUNDED = "refunded"
    PENDING = "pending"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class ChargeRequest:
    """Who is to be charged how much.

    ``reference`` is ours and unique: the same reference twice is one charge. ``token`` stands for
    the card at the gateway; card data never reaches the shop. What becomes of a charge without
    one is the gateway's to say. ``return_url`` is where a buyer who had to go elsewhere comes
    back to, ``description`` what staff see at the gateway. ``force_failure`` asks a gateway for
    trials to decline; others do not look at it.
    """

    reference: str
    amount: Decimal
    currency: str
    token: str | None = None
    return_url: str | None = None
    description: str | None = None
    force_failure: bool = False


@dataclass(frozen=True, kw_only=True)
class ChargeOutcome:
    """The gateway's word, with a sentence for the buyer where it said no.

    Where the buyer has to act, they go to ``action_url``, or their browser takes
    ``client_secret`` to the gateway's own script; it opens this one charge, and is told to nobody
    but the buyer. ``gateway_reference`` is what the gateway itself calls the charge.
    """

    state: ChargeState
    reason: str | None = None
    action_url: str | None = None
    client_secret: str | None = None
    gateway_reference: str | None = None


@dataclass(frozen=True, kw_only=True)
class RefundRequest:
    """How much of a charge is to go back.

    ``reference`` is ours and unique: the same reference twice is one refund. ``charge_reference``
    is that of the charge.
    """

    reference: str
    charge_reference: str
    amount: Decimal
    currency: str


@dataclass(frozen=True, kw_only=True)
class RefundOutcome:
    """The gateway's word on a refund, with a sentence for staff where it said no."""

    state: RefundState
    reason: str | None = None
    gateway_reference: str | None = None


@dataclass(frozen=True, kw_only=True)
class GatewayEvent:
    """Something that a gateway tells by itself. What it says happened is only a hint to ask.

    ``charge_reference`` is ours, of the charge that it is about, ``refund_reference`` likewise of
    the refund; ``None`` where it is about none.
    """

    id: str
    type: str
    occurred_at: datetime
    charge_reference: str | None
    refund_reference: str | None = None


class UntrustedEventError(Exception):
    """A message is not the gateway's, is too old, or is not a message at all."""


class PaymentGateway(Protocol):
    """A payment gateway. No method is called while one of our transactions is open.

    Whatever breaks on the way is raised; the caller then knows nothing, and asks again later.
    """

    name: str

    async def charge(self, request: ChargeRequest) -> ChargeOutcome:
        """Take the money; with a reference that was charged before, tell what came of that."""

    async def look_up(self, reference: str) -> ChargeOutcome:
        """Tell what became of a charge, and change nothing.

        ``unknown`` where the gateway has not heard of it: it may yet.
        """

    async def cancel(self, reference: str) -> ChargeOutcome:
        """See to it that this reference is not, and never will be, charged.

        Returns ``captured`` when it is too late for that: the money was taken before.
        """

    async def refund(self, request: RefundRequest) -> RefundOutcome:
        """Give money back, never more than was taken; with a known reference, tell what came of it.

        A refund that is ``pending`` is asked about by asking for it again.
        """

    def read_event(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> GatewayEvent:
        """Read a message that claims to be the gateway's. Nothing else is known of its sender.

        Args:
            body: as it came, to the byte.
            headers: of the request, by names in small letters.
            now: the moment at which it came.

        Raises:
            UntrustedEventError: the gateway did not sign it, or did so more than five minutes ago.
        """
