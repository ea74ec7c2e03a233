"""Paying at the counter: nothing is taken now, and staff say when it was."""

from collections.abc import Mapping
from datetime import datetime

from app.core.config import GatewayName
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

CANCELLED = "The order was not completed."


class InShopGateway:
    """The till. The shop itself knows who has paid, so there is nobody to ask."""

    name = GatewayName.IN_SHOP.value

    async def charge(self, request: ChargeRequest) -> ChargeOutcome:
        """Leave it due."""
        del request
        return ChargeOutcome(state=ChargeState.DUE)

    async def look_up(self, reference: str) -> ChargeOutcome:
        """Leave it due."""
        del reference
        return ChargeOutcome(state=ChargeState.DUE)

    async def cancel(self, reference: str) -> ChargeOutcome:
        """Agree: nothing was taken."""
        del reference
        return ChargeOutcome(state=ChargeState.DECLINED, reason=CANCELLED)

    async def refund(self, request: RefundRequest) -> RefundOutcome:
        """Agree: staff hand it over the counter."""
        del request
        return RefundOutcome(state=RefundState.REFUNDED)

    def read_event(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> GatewayEvent:
        """Refuse it: a till writes to nobody."""
        del body, headers, now
        raise UntrustedEventError("the till sends no messages")
