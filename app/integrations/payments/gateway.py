"""What the shop needs of a payment gateway."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


class ChargeState(StrEnum):
    """What is known of a charge. ``unknown``: the gateway did not answer, so it may have worked."""

    CAPTURED = "captured"
    DECLINED = "declined"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class ChargeRequest:
    """Who is to be charged how much.

    ``reference`` is ours and unique: the same reference twice is one charge. ``token`` stands for
    the card at the gateway; card data never reaches the shop. What becomes of a charge without
    one is the gateway's to say. ``force_failure`` asks a gateway for trials to decline; others
    do not look at it.
    """

    reference: str
    amount: Decimal
    currency: str
    token: str | None = None
    force_failure: bool = False


@dataclass(frozen=True, kw_only=True)
class ChargeOutcome:
    """The gateway's word, with a sentence for the buyer where it said no."""

    state: ChargeState
    reason: str | None = None


class PaymentGateway(Protocol):
    """A payment gateway. No method is called while one of our transactions is open."""

    name: str

    async def charge(self, request: ChargeRequest) -> ChargeOutcome:
        """Take the money; with a reference that was charged before, tell what came of that."""

    async def cancel(self, reference: str) -> ChargeOutcome:
        """See to it that this reference is not, and never will be, charged.

        Returns ``captured`` when it is too late for that: the money was taken before.
        """
