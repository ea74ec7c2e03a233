"""Stripe's gateway, through the official SDK, against a stand-in on a real socket."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import pytest_asyncio
import stripe
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from app.integrations.payments.factory import make_gateway
from app.integrations.payments.gateway import (
    ChargeOutcome,
    ChargeRequest,
    ChargeState,
    RefundRequest,
    RefundState,
    UntrustedEventError,
)
from app.integrations.payments.stripe import StripeGateway, minor_units
from tests.stripe_stand_in import StandIn, serving, signed

VISA = "pm_card_visa"

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture(scope="module")
def account() -> Iterator[StandIn]:
    with serving() as stand_in:
        yield stand_in


@pytest_asyncio.fixture
async def gateway(account: StandIn, committed: AsyncSession) -> AsyncIterator[StripeGateway]:
    del committed
    account.delay, account.delayed, account.lose = 0, "", 0
    gateway = StripeGateway(account.settings(gateway_timeout_seconds=2.0))
    yield gateway
    await gateway.close()


def request(card: str | None = VISA, amount: str = "12.99") -> ChargeRequest:
    return ChargeRequest(
        reference=secrets.token_hex(16),
        amount=Decimal(amount),
        currency="USD",
        token=card,
        return_url="http://shop.example/orders/1",
        description="ABCDE-FGHIJ",
    )


def refund(charge: ChargeRequest, amount: str) -> RefundRequest:
    return RefundRequest(
        reference=secrets.token_hex(16),
        charge_reference=charge.reference,
        amount=Decimal(amount),
        currency=charge.currency,
    )


async def test_a_charge_is_made_once_however_often_it_is_asked_for(
    gateway: StripeGateway, account: StandIn
) -> None:
    wanted, before = request(), account.taken()
    first = await gateway.charge(wanted)
    intent = account.intent_of(wanted.reference)
    assert first == ChargeOutcome(state=ChargeState.CAPTURED, gateway_reference=intent["id"])
    assert (intent["amount"], intent["currency"]) == (1299, "usd")
    assert intent["description"] == "ABCDE-FGHIJ"
    assert await gateway.charge(wanted) == first
    assert await gateway.look_up(wanted.reference) == first
    assert await gateway.cancel(wanted.reference) == first
    assert account.taken() - before == 1299


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        ("pm_card_visa_chargeDeclined", "Your card was declined."),
        ("pm_card_chargeDeclinedInsufficientFunds", "Your card has insufficient funds."),
        ("4242424242424242", "This card cannot be used. Please give it once more."),
    ],
)
async def test_a_refused_card_ends_its_intent(
    gateway: StripeGateway, account: StandIn, card: str, sentence: str
) -> None:
    wanted = request(card)
    outcome = await gateway.charge(wanted)
    assert (outcome.state, outcome.reason) == (ChargeState.DECLINED, sentence)
    assert account.intent_of(wanted.reference)["status"] == "canceled"
    assert (await gateway.look_up(wanted.reference)).state is ChargeState.DECLINED


async def test_an_amount_that_stripe_does_not_take_is_declined(gateway: StripeGateway) -> None:
    outcome = await gateway.charge(request(amount="0.49"))
    assert outcome == ChargeOutcome(
        state=ChargeState.DECLINED, reason="So small an amount cannot be paid by card."
    )


async def test_wrong_keys_are_an_error_and_no_refusal(account: StandIn) -> None:
    wrong = make_gateway("stripe", account.settings(stripe_secret_key=SecretStr("sk_wrong")))
    assert isinstance(wrong, StripeGateway)
    with pytest.raises(stripe.AuthenticationError):
        await wrong.charge(request())
    await wrong.close()


async def test_a_buyer_who_is_asked_goes_to_the_bank(
    gateway: StripeGateway, account: StandIn
) -> None:
    wanted = request("pm_card_threeDSecure2Required")
    asked = await gateway.charge(wanted)
    intent = account.intent_of(wanted.reference)
    assert asked == ChargeOutcome(
        state=ChargeState.NEEDS_ACTION,
        action_url=f"{account.url}/3ds/{intent['id']}",
        client_secret=intent["client_secret"],
        gateway_reference=intent["id"],
    )
    redirect = intent["next_action"]["redirect_to_url"]
    assert redirect["return_url"] == "http://shop.example/orders/1"
    assert await gateway.look_up(wanted.reference) == asked
    account.authenticate(intent["id"])
    assert (await gateway.look_up(wanted.reference)).state is ChargeState.CAPTURED
    assert (await gateway.charge(wanted)).state is ChargeState.CAPTURED


async def test_who_fails_at_the_bank_may_try_again_until_it_is_cancelled(
    gateway: StripeGateway, account: StandIn
) -> None:
    wanted = request("pm_card_threeDSecure2Required")
    await gateway.charge(wanted)
    intent = account.intent_of(wanted.reference)
    account.authenticate(intent["id"], succeed=False)
    found = await gateway.look_up(wanted.reference)
    assert found.state is ChargeState.NEEDS_ACTION
    assert found.reason == "We are unable to authenticate your payment method."
    assert (await gateway.cancel(wanted.reference)).state is ChargeState.DECLINED
    assert (await gateway.charge(wanted)).state is not ChargeState.CAPTURED
    assert intent["status"] == "canceled"


async def test_without_a_card_the_browser_finishes(
    gateway: StripeGateway, account: StandIn
) -> None:
    wanted = request(None)
    waiting = await gateway.charge(wanted)
    intent = account.intent_of(wanted.reference)
    assert waiting.state is ChargeState.NEEDS_ACTION
    assert (waiting.client_secret, waiting.action_url) == (intent["client_secret"], None)
    account.pay(intent["id"])
    assert (await gateway.charge(wanted)).state is ChargeState.CAPTURED


async def test_a_confirmation_token_of_stripes_fields_is_taken(gateway: StripeGateway) -> None:
    assert (await gateway.charge(request("ctoken_card_visa"))).state is ChargeState.CAPTURED


async def test_a_lost_answer_is_asked_for_again_and_charges_once(
    gateway: StripeGateway, account: StandIn
) -> None:
    before = account.taken()
    for lost in (1, 2):  # the SDK itself asks a second time
        wanted = request()
        account.lose = lost
        if lost == 2:
            with pytest.raises(stripe.APIConnectionError):
                await gateway.charge(wanted)
            assert (await gateway.look_up(wanted.reference)).state is ChargeState.UNKNOWN
        assert (await gateway.charge(wanted)).state is ChargeState.CAPTURED
    assert account.taken() - before == 2 * 1299


async def test_an_answer_that_takes_too_long_is_an_error_and_can_be_looked_up(
    account: StandIn,
) -> None:
    hasty = StripeGateway(account.settings(gateway_timeout_seconds=0.2))
    wanted = request()
    account.delay, account.delayed = 0.5, "/confirm"
    with pytest.raises(stripe.APIConnectionError):
        await hasty.charge(wanted)
    account.delay = 0
    assert (await hasty.look_up(wanted.reference)).state is ChargeState.CAPTURED
    await hasty.close()


async def test_what_was_written_off_is_never_charged(
    gateway: StripeGateway, account: StandIn
) -> None:
    wanted, before = request(), account.taken()
    assert (await gateway.look_up(wanted.reference)).state is ChargeState.UNKNOWN
    assert (await gateway.cancel(wanted.reference)).state is ChargeState.DECLINED
    assert (await gateway.charge(wanted)).state is ChargeState.DECLINED
    assert (await gateway.look_up(wanted.reference)).state is ChargeState.DECLINED
    assert account.taken() == before


async def test_a_charge_that_is_written_off_while_its_intent_is_made_is_not_confirmed(
    gateway: StripeGateway, account: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, before = request(), account.taken()
    make = account._make

    def written_off_meanwhile(form: dict[str, str]) -> tuple[int, dict[str, object]]:
        answer = make(form)
        account.delay = 0.3
        return answer

    monkeypatch.setattr(account, "_make", written_off_meanwhile)
    charging = asyncio.create_task(gateway.charge(wanted))
    await asyncio.sleep(0.15)
    account.delay = 0
    assert (await gateway.cancel(wanted.reference)).state is ChargeState.DECLINED
    assert (await charging).state is ChargeState.DECLINED
    assert account.intent_of(wanted.reference)["status"] == "canceled"
    assert account.taken() == before


async def test_refunds_go_back_once_and_never_more_than_was_taken(
    gateway: StripeGateway, account: StandIn
) -> None:
    wanted = request(amount="20.00")
    await gateway.charge(wanted)
    before = account.taken()
    part = refund(wanted, "12.50")
    first = await gateway.refund(part)
    assert first.state is RefundState.REFUNDED
    assert await gateway.refund(part) == first
    account.answered.clear()  # a day later Stripe has forgotten the key
    assert await gateway.refund(part) == first
    too_much = await gateway.refund(refund(wanted, "7.51"))
    assert too_much.state is RefundState.REFUSED
    assert too_much.reason == "Refund amount is greater than unrefunded amount."
    assert (await gateway.refund(refund(wanted, "7.50"))).state is RefundState.REFUNDED
    assert before - account.taken() == 2000
    nothing = await gateway.refund(replace(part, charge_reference="unheard-of"))
    assert nothing.state is RefundState.REFUSED


async def test_events_are_believed_only_with_a_fresh_signature(
    gateway: StripeGateway, account: StandIn
) -> None:
    wanted = request()
    await gateway.charge(wanted)
    intent_id = account.intent_of(wanted.reference)["id"]
    body = account.event(intent_id, "succeeded", event_id="evt_1")

    def read(body: bytes, headers: dict[str, str]) -> object:
        lower = {name.lower(): value for name, value in headers.items()}
        return gateway.read_event(body, lower, now=datetime.now(UTC))

    event = gateway.read_event(
        body, {"stripe-signature": signed(body)["Stripe-Signature"]}, now=datetime.now(UTC)
    )
    assert (event.id, event.type) == ("evt_1", "payment_intent.succeeded")
    assert event.charge_reference == wanted.reference
    made = account.event(intent_id, "created")
    assert (
        gateway.read_event(
            made, {"stripe-signature": signed(made)["Stripe-Signature"]}, now=datetime.now(UTC)
        ).charge_reference
        is None
    )
    bad = [
        (body, {}),
        (body, {"Stripe-Signature": "t=1,v1="}),
        (body, {"Stripe-Signature": "t=1,v1=é"}),
        (body, {"Stripe-Signature": signed(body)["Stripe-Signature"].replace("v1=", "v1=0")}),
        (body, signed(body, age=301)),
        (body, signed(body, secret="whsec_of_another")),
        (body + b" ", signed(body)),
        (b"\xff", signed(body)),
        (b"[]", signed(b"[]")),
        (b"{}", signed(b"{}")),
    ]
    for altered, headers in bad:
        with pytest.raises(UntrustedEventError):
            read(altered, headers)


@pytest.mark.parametrize(
    ("amount", "currency", "counted"),
    [("12.99", "USD", 1299), ("1200.00", "JPY", 1200), ("1.25", "KWD", 1250), ("0.10", "EUR", 10)],
)
def test_amounts_are_counted_in_each_currencys_units(
    amount: str, currency: str, counted: int
) -> None:
    assert minor_units(Decimal(amount), currency) == counted


def test_half_a_yen_cannot_be_paid() -> None:
    with pytest.raises(ValueError, match="cannot be paid exactly"):
        minor_units(Decimal("12.50"), "JPY")
