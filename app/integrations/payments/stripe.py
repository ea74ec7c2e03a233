"""Stripe: PaymentIntents, by its own SDK. Card fields are Stripe's, and the shop sees only tokens.

A charge is two calls. The first makes an intent, which moves no money; it is written down
(``stripe_intents``); the second confirms it. Whatever is lost on the way, the intent can be looked
up, and one that nobody wrote down was never confirmed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import stripe
import structlog
from pydantic import BaseModel, Field, ValidationError
from stripe.params import PaymentIntentConfirmParams

from app.core.config import GatewayName, Settings
from app.integrations.payments import stripe_intents
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
from app.integrations.payments.signatures import TOLERANCE

log = structlog.get_logger(__name__)

SIGNATURE_HEADER = "stripe-signature"
METHOD = "card"
"""Cards, and the wallets that hold them. What takes days to arrive would keep copies for days."""

WHOLE = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV"}
    | {"XAF", "XOF", "XPF"}
)
"""Currencies whose amounts Stripe counts whole. Source: docs.stripe.com/currencies."""

THOUSANDTHS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
"""Likewise, counted in thousandths."""

CANCELLED = "The payment was cancelled."
DECLINED = "The card was declined."
UNUSABLE = "This card cannot be used. Please give it once more."
UNPAYABLE = {
    "amount_too_small": "So small an amount cannot be paid by card.",
    "amount_too_large": "So large an amount cannot be paid by card.",
}
UNTOUCHED = {"requires_payment_method", "requires_confirmation"}
"""States of an intent that nobody has tried to pay, unless it tells of an error."""

CONFIRMATION_TOKEN = "ctoken_"  # noqa: S105 (what such tokens begin with)

DECIDED = {
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
}
"""Events after which an intent is worth a look."""

REFUND_TOLD = frozenset({"refund.updated", "refund.failed", "charge.refund.updated"})
"""Events after which a refund is worth a look. That one was made is no news: the shop made it."""

REFUND_STATES = {
    "succeeded": RefundState.REFUNDED,
    "pending": RefundState.PENDING,
    "requires_action": RefundState.PENDING,
    "failed": RefundState.REFUSED,
    "canceled": RefundState.REFUSED,
}


class Metadata(BaseModel):
    """What the shop wrote on an object of Stripe's."""

    reference: str | None = None


class Subject(BaseModel):
    """What an event is about."""

    object: str
    metadata: Metadata | None = None


class EventData(BaseModel):
    """Stripe's envelope of it."""

    object: Subject


class StripeEvent(BaseModel):
    """The few fields of an event that are read: they are the same in all versions of the API."""

    id: str = Field(min_length=1, max_length=255)
    type: str = Field(max_length=255)
    created: int = Field(ge=0, le=10**11)
    data: EventData


class StripeGateway:
    """One account at Stripe. ``stripe_url`` is another than Stripe's own only in tests."""

    name = GatewayName.STRIPE.value

    def __init__(self, settings: Settings) -> None:
        if settings.stripe_secret_key is None or settings.stripe_webhook_secret is None:
            raise ValueError("there are no keys for Stripe")
        self._webhook_secret = settings.stripe_webhook_secret.get_secret_value()
        self._http = stripe.HTTPXClient(timeout=settings.gateway_timeout_seconds)
        self._client = stripe.StripeClient(
            settings.stripe_secret_key.get_secret_value(),
            base_addresses={"api": settings.stripe_url},
            http_client=self._http,
            max_network_retries=1,
        ).v1

    async def charge(self, request: ChargeRequest) -> ChargeOutcome:
        """Make the intent and confirm it with the card; without one the buyer's browser does.

        An intent that was made before is looked at first: to a key that it knows Stripe repeats
        what it said then, not what has become of the intent since.
        """
        known = await stripe_intents.find_intent(request.reference)
        try:
            intent = await (self._find(known) if known else self._make(request))
        except stripe.InvalidRequestError as error:
            if error.code not in UNPAYABLE:
                raise
            return ChargeOutcome(state=ChargeState.DECLINED, reason=UNPAYABLE[error.code])
        if intent is None:
            return ChargeOutcome(state=ChargeState.DECLINED, reason=CANCELLED)
        is_untouched = intent.status in UNTOUCHED and intent.last_payment_error is None
        if request.token is None or not is_untouched:
            return charge_outcome(intent)
        return await self._confirm(intent.id, request, request.token)

    async def look_up(self, reference: str) -> ChargeOutcome:
        """Retrieve the intent."""
        known = await stripe_intents.find_intent(reference)
        if known is None:
            return ChargeOutcome(state=ChargeState.UNKNOWN)
        intent = await self._find(known)
        if intent is None:
            return ChargeOutcome(state=ChargeState.DECLINED, reason=CANCELLED)
        return charge_outcome(intent)

    async def cancel(self, reference: str) -> ChargeOutcome:
        """Cancel the intent; a charge that has none will never get one."""
        intent_id = await stripe_intents.claim(reference, intent_id=None)
        if intent_id is None:
            return ChargeOutcome(state=ChargeState.DECLINED, reason=CANCELLED)
        return await self._cancel(intent_id)

    async def refund(self, request: RefundRequest) -> RefundOutcome:
        """Refund it, unless a refund of this reference is there already.

        Stripe forgets idempotency keys after a day or more; the refunds of an intent it keeps.
        """
        known = await stripe_intents.find_intent(request.charge_reference)
        if known is None or known.intent_id is None:
            return RefundOutcome(state=RefundState.REFUSED, reason="Nothing was charged.")
        made = await self._client.refunds.list_async(
            {"payment_intent": known.intent_id, "limit": 100}
        )
        async for refund in made.auto_paging_iter():
            if reference_of(refund) == request.reference:
                return refund_outcome(refund)
        try:
            refund = await self._client.refunds.create_async(
                {
                    "payment_intent": known.intent_id,
                    "amount": minor_units(request.amount, request.currency),
                    "metadata": {"reference": request.reference},
                },
                {"idempotency_key": request.reference},
            )
        except stripe.InvalidRequestError as error:
            return RefundOutcome(state=RefundState.REFUSED, reason=error.user_message)
        return refund_outcome(refund)

    def read_event(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> GatewayEvent:
        """Prove the signature by the SDK; read what is the same in all versions of the API."""
        del now  # the SDK looks at the clock itself
        try:
            stripe.WebhookSignature.verify_header(
                body,
                headers.get(SIGNATURE_HEADER),
                self._webhook_secret,
                tolerance=int(TOLERANCE.total_seconds()),
            )
            event = StripeEvent.model_validate_json(body)
        except (stripe.SignatureVerificationError, ValidationError, ValueError, TypeError) as error:
            raise UntrustedEventError(type(error).__name__) from error
        subject = event.data.object
        reference = subject.metadata.reference if subject.metadata else None
        is_charge = subject.object == "payment_intent" and event.type in DECIDED
        is_refund = subject.object == "refund" and event.type in REFUND_TOLD
        return GatewayEvent(
            id=event.id,
            type=event.type,
            occurred_at=datetime.fromtimestamp(event.created, UTC),
            charge_reference=reference if is_charge else None,
            refund_reference=reference if is_refund else None,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call] # no annotation

    async def _find(self, known: stripe_intents.StripeIntent) -> stripe.PaymentIntent | None:
        """Retrieve a charge's intent; ``None`` if it was written off before it had any."""
        if known.intent_id is None:
            return None
        return await self._client.payment_intents.retrieve_async(known.intent_id)

    async def _make(self, request: ChargeRequest) -> stripe.PaymentIntent | None:
        """Make an intent and write it down; ``None`` if the charge was written off meanwhile."""
        intent = await self._client.payment_intents.create_async(
            {
                "amount": minor_units(request.amount, request.currency),
                "currency": request.currency.lower(),
                "allowed_payment_method_types": [METHOD],
                "description": request.description or "",
                "metadata": {"reference": request.reference},
            },
            {"idempotency_key": request.reference},
        )
        if await stripe_intents.claim(request.reference, intent_id=intent.id) == intent.id:
            return intent
        await self._cancel(intent.id)
        return None

    async def _confirm(self, intent_id: str, request: ChargeRequest, token: str) -> ChargeOutcome:
        card: PaymentIntentConfirmParams = (
            {"confirmation_token": token}
            if token.startswith(CONFIRMATION_TOKEN)
            else {"payment_method": token}
        )
        if request.return_url is not None:
            card["return_url"] = request.return_url
        try:
            intent = await self._client.payment_intents.confirm_async(
                intent_id, card, {"idempotency_key": f"{request.reference}-confirm"}
            )
        except stripe.CardError as error:
            return await self._refused(intent_id, error.user_message or DECLINED)
        except stripe.InvalidRequestError as error:
            now = await self._retrieve(intent_id)
            if now.state is not ChargeState.NEEDS_ACTION:  # somebody else was faster
                return now
            log.warning("stripe does not take the card", code=error.code, param=error.param)
            return await self._refused(intent_id, UNUSABLE)
        return charge_outcome(intent)

    async def _refused(self, intent_id: str, reason: str) -> ChargeOutcome:
        """End an intent whose card was refused, so that no later try takes money for nothing."""
        outcome = await self._cancel(intent_id)
        if outcome.state is not ChargeState.DECLINED:
            return outcome
        return ChargeOutcome(state=ChargeState.DECLINED, reason=reason, gateway_reference=intent_id)

    async def _retrieve(self, intent_id: str) -> ChargeOutcome:
        return charge_outcome(await self._client.payment_intents.retrieve_async(intent_id))

    async def _cancel(self, intent_id: str) -> ChargeOutcome:
        """Cancel an intent, or find that it is too late or was done."""
        try:
            return charge_outcome(await self._client.payment_intents.cancel_async(intent_id))
        except stripe.InvalidRequestError:
            return await self._retrieve(intent_id)


def charge_outcome(intent: stripe.PaymentIntent) -> ChargeOutcome:
    """Say in the shop's words what an intent is.

    A card that was refused in the buyer's browser ends nothing: they may take another until the
    intent is cancelled.
    """
    reason = None
    action_url = client_secret = None
    match intent.status:
        case "succeeded":
            state = ChargeState.CAPTURED
        case "canceled":
            state, reason = ChargeState.DECLINED, CANCELLED
        case "requires_payment_method" | "requires_action" | "requires_confirmation":
            state, client_secret = ChargeState.NEEDS_ACTION, intent.client_secret
            failed = intent.last_payment_error
            reason = failed.message if failed is not None else None
            action = intent.next_action
            redirect = action.redirect_to_url if action is not None else None
            action_url = redirect.url if redirect is not None else None
        case _:  # processing: Stripe does not know yet either
            state = ChargeState.UNKNOWN
    return ChargeOutcome(
        state=state,
        reason=reason,
        action_url=action_url,
        client_secret=client_secret,
        gateway_reference=intent.id,
    )


def refund_outcome(refund: stripe.Refund) -> RefundOutcome:
    """Say in the shop's words what a refund is."""
    state = REFUND_STATES.get(refund.status or "", RefundState.UNKNOWN)
    return RefundOutcome(
        state=state,
        reason=getattr(refund, "failure_reason", None),
        gateway_reference=refund.id,
    )


def reference_of(refund: stripe.Refund) -> str | None:
    """Return what the shop calls a refund; ``None`` for one that was made at Stripe itself."""
    metadata = refund.metadata
    return metadata["reference"] if metadata and "reference" in metadata else None


def minor_units(amount: Decimal, currency: str) -> int:
    """Return an amount as Stripe counts it: cents, or what the currency has instead.

    Raises:
        ValueError: it is not a whole number of them.
    """
    places = 0 if currency in WHOLE else 3 if currency in THOUSANDTHS else 2
    counted = amount.scaleb(places)
    if counted != counted.to_integral_value():
        raise ValueError(f"{amount} {currency} cannot be paid exactly")
    return int(counted)
