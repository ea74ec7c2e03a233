"""A bank that pays back, and can be told to refuse or to keep silent."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from app.integrations.payments.gateway import (
    ChargeOutcome,
    ChargeRequest,
    RefundOutcome,
    RefundRequest,
    RefundState,
)

NO = "The account is closed."


class Bank:
    """Knows what it paid back by reference, as a company on the other side of the network would."""

    name = "demo"

    def __init__(self, decide: Callable[[RefundRequest], RefundState]) -> None:
        self._decide = decide
        self.paid: dict[str, Decimal] = {}
        self.refused: set[str] = set()
        self.asked = 0

    async def refund(self, request: RefundRequest) -> RefundOutcome:
        """Pay back once for each reference; may pay and then break down before it says so."""
        self.asked += 1
        await asyncio.sleep(0)
        if request.reference in self.paid:
            return RefundOutcome(state=RefundState.REFUNDED)
        if request.reference in self.refused:
            return RefundOutcome(state=RefundState.REFUSED, reason=NO)
        state = self._decide(request)
        if state is RefundState.REFUSED:
            self.refused.add(request.reference)
            return RefundOutcome(state=state, reason=NO)
        self.paid[request.reference] = request.amount
        if state is RefundState.UNKNOWN:
            raise TimeoutError
        return RefundOutcome(state=state)

    async def charge(self, request: ChargeRequest) -> ChargeOutcome:
        """Charge nobody."""
        raise NotImplementedError

    async def cancel(self, reference: str) -> ChargeOutcome:
        """Cancel nothing."""
        raise NotImplementedError

    def find(self, _name: str) -> Any:
        """Return itself, whatever it is called."""
        return self
