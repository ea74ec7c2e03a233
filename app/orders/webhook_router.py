"""Where payment gateways write to."""

from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Path, Request, status

from app.core.clock import Now
from app.core.config import GatewayName
from app.core.deps import DbSession
from app.core.exceptions import AppError
from app.core.rights import open_to_all
from app.core.schemas import ReadModel
from app.integrations.payments.factory import UnknownGatewayError, find_gateway
from app.integrations.payments.gateway import PaymentGateway, UntrustedEventError
from app.orders.deps import Gateway
from app.orders.webhooks import take_event

router = APIRouter(prefix="/payments", tags=["payments"])


class WebhookNotFoundError(AppError):
    """The shop does not deal with this gateway."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "PAYMENT_GATEWAY_NOT_FOUND"
    detail = "This shop does not deal with this payment gateway."


class WebhookRefusedError(AppError):
    """The message is not the gateway's, or is not of now. Which of them is not told."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "PAYMENT_WEBHOOK_REFUSED"
    detail = "The signature of this message is missing, wrong or too old."


class Received(ReadModel):
    """The message is safe here; it need not be sent again."""

    received: bool = True


async def get_writing_gateway(
    configured: Gateway, gateway: Annotated[GatewayName, Path()]
) -> PaymentGateway:
    """Return the gateway that the path names: the shop's present one, or one that it had before."""
    if configured.name == gateway:
        return configured
    try:
        return find_gateway(gateway)
    except UnknownGatewayError:
        raise WebhookNotFoundError from None


WritingGateway = Annotated[PaymentGateway, Depends(get_writing_gateway)]


@router.post(
    "/{gateway}/webhook",
    status_code=status.HTTP_200_OK,
    summary="Where a payment gateway writes to",
    responses={
        400: {"description": "PAYMENT_WEBHOOK_REFUSED: not signed by the gateway, or too long ago"},
        404: {"description": "PAYMENT_GATEWAY_NOT_FOUND: there are no keys for it"},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The gateway's own message, signed in a header (`Stripe-Signature`).",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
)
@open_to_all
async def receive_webhook(
    request: Request, session: DbSession, gateway: WritingGateway, now: Now
) -> Received:
    """Prove that the gateway wrote this, keep it, and say so; what follows is done by a job.

    A message that comes again is answered alike and changes nothing.
    """
    body = await request.body()
    try:
        event = gateway.read_event(body, request.headers, now=now)
    except UntrustedEventError:
        raise WebhookRefusedError from None
    await take_event(session, gateway=gateway.name, event=event)
    return Received()
