"""What the orders' endpoints depend on."""

from typing import Annotated, cast

from fastapi import Depends, Request

from app.integrations.payments.gateway import PaymentGateway


async def get_gateway(request: Request) -> PaymentGateway:
    """Return the payment gateway that the application was put together with."""
    return cast(PaymentGateway, request.app.state.gateway)


Gateway = Annotated[PaymentGateway, Depends(get_gateway)]
