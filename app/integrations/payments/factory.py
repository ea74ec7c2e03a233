"""The one place that makes payment gateways."""

from functools import cache
from importlib import import_module

from app.core.config import GatewayName, Settings, get_settings
from app.integrations.payments.demo import DemoGateway
from app.integrations.payments.gateway import PaymentGateway
from app.integrations.payments.in_shop import InShopGateway

STRIPE = "app.integrations.payments.stripe"
"""Loaded by shops that use it alone: its SDK takes a while, and memory."""


class UnknownGatewayError(LookupError):
    """The running release has no gateway of this name, or no keys for it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no payment gateway is named {name!r}")


def make_gateway(name: str, settings: Settings) -> PaymentGateway:
    """Return the gateway that a setting or a payment names.

    Raises:
        UnknownGatewayError: there is none of this name; a payment of another release may have one.
    """
    if name == GatewayName.DEMO:
        return DemoGateway(settings)
    if name == GatewayName.IN_SHOP:
        return InShopGateway()
    if name == GatewayName.STRIPE and settings.knows_stripe:
        stripe: PaymentGateway = import_module(STRIPE).StripeGateway(settings)
        return stripe
    raise UnknownGatewayError(name)


@cache
def find_gateway(name: str) -> PaymentGateway:
    """Return this process's gateway of a name, kept with its connections.

    Raises:
        UnknownGatewayError: there is none.
    """
    return make_gateway(name, get_settings())
