"""The one place that makes payment gateways."""

from collections.abc import Callable

from app.core.config import GatewayName
from app.integrations.payments.demo import DemoGateway
from app.integrations.payments.gateway import PaymentGateway

GATEWAYS: dict[str, Callable[[], PaymentGateway]] = {GatewayName.DEMO: DemoGateway}


class UnknownGatewayError(LookupError):
    """The running release has no gateway of this name; a payment of another release may."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no payment gateway is named {name!r}")


def make_gateway(name: str) -> PaymentGateway:
    """Return the gateway that a setting or a payment names.

    Raises:
        UnknownGatewayError: there is none of this name.
    """
    if name not in GATEWAYS:
        raise UnknownGatewayError(name)
    return GATEWAYS[name]()
