"""The demo gateway: what each test card does, and what it tells by itself."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import get_settings
from app.integrations.payments import demo
from app.integrations.payments.demo import (
    APPROVED_CARD,
    ASKING_CARD,
    LATE_CARD,
    SIGNATURE_HEADER,
    DemoGateway,
    Message,
    message_secret,
)
from app.integrations.payments.gateway import (
    ChargeOutcome,
    ChargeRequest,
    ChargeState,
    RefundRequest,
    RefundState,
    UntrustedEventError,
)
from app.integrations.payments.in_shop import InShopGateway
from app.integrations.payments.signatures import sign
from tests.live import free_port

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("committed")


def request(card: str | None = APPROVED_CARD, amount: str = "20.00") -> ChargeRequest:
    return ChargeRequest(
        reference=secrets.token_hex(16),
        amount=Decimal(amount),
        currency="USD",
        token=card,
        return_url="/orders/1",
    )


@pytest.mark.parametrize("state", [ChargeState.CAPTURED, ChargeState.DECLINED])
async def test_who_is_asked_decides_once(state: ChargeState) -> None:
    bank, wanted = DemoGateway(), request(ASKING_CARD)
    asked = await bank.charge(wanted)
    assert asked == ChargeOutcome(
        state=ChargeState.NEEDS_ACTION,
        action_url=f"{get_settings().public_url}/demo-bank/{wanted.reference}",
    )
    assert await bank.charge(wanted) == asked
    approve = state is ChargeState.CAPTURED
    await bank.answer_challenge(wanted.reference, approve=approve)
    await bank.answer_challenge(wanted.reference, approve=not approve)
    assert (await bank.look_up(wanted.reference)).state is state
    assert (await bank.cancel(wanted.reference)).state is state


async def test_who_never_decides_is_cancelled() -> None:
    bank, wanted = DemoGateway(), request(ASKING_CARD)
    await bank.charge(wanted)
    assert (await bank.cancel(wanted.reference)).state is ChargeState.DECLINED
    await bank.answer_challenge(wanted.reference, approve=True)
    assert (await bank.charge(wanted)).state is ChargeState.DECLINED


async def test_what_it_never_heard_of_it_does_not_know() -> None:
    assert (await DemoGateway().look_up("unheard-of")).state is ChargeState.UNKNOWN


async def test_a_late_card_is_approved_in_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "LATE_SECONDS", 0.0)
    told: list[httpx2.Request] = []

    def shop(request: httpx2.Request) -> httpx2.Response:
        told.append(request)
        return httpx2.Response(HTTPStatus.OK)

    class Client(httpx2.AsyncClient):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options, transport=httpx2.MockTransport(shop))

    monkeypatch.setattr(httpx2, "AsyncClient", Client)
    bank, wanted = DemoGateway(), request(LATE_CARD)
    assert (await bank.charge(wanted)).state is ChargeState.UNKNOWN
    while bank._telling:
        await next(iter(bank._telling))
    (message,) = told
    assert message.url == f"{get_settings().public_url}/api/v1/payments/demo/webhook"
    event = bank.read_event(message.content, dict(message.headers), now=datetime.now(UTC))
    assert (event.type, event.charge_reference) == ("charge.captured", wanted.reference)
    assert (await bank.charge(wanted)).state is ChargeState.CAPTURED


async def test_a_message_that_nobody_takes_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "LATE_SECONDS", 0.0)
    closed = get_settings().model_copy(update={"public_url": f"http://127.0.0.1:{free_port()}"})
    bank, wanted = DemoGateway(closed), request(LATE_CARD)
    await bank.charge(wanted)
    while bank._telling:
        await next(iter(bank._telling))
    assert (await bank.look_up(wanted.reference)).state is ChargeState.CAPTURED


def signed(body: bytes, *, now: datetime = NOW) -> dict[str, str]:
    return {SIGNATURE_HEADER: sign(body, secret=message_secret(get_settings()), now=now)}


async def test_only_its_own_messages_of_now_are_believed() -> None:
    bank = DemoGateway()
    message = Message(id="evt_1", type="charge.captured", created=NOW, reference="r1")
    body = message.model_dump_json().encode()
    assert bank.read_event(body, signed(body), now=NOW).id == "evt_1"
    edge = timedelta(seconds=300)
    assert bank.read_event(body, signed(body, now=NOW - edge), now=NOW).id == "evt_1"
    bad: list[tuple[bytes, dict[str, str]]] = [
        (body, {}),
        (body, {SIGNATURE_HEADER: "t=1,v1=" + "0" * 64}),
        (body, {SIGNATURE_HEADER: "é"}),
        (body, signed(body, now=NOW - timedelta(seconds=301))),
        (body, signed(body, now=NOW + timedelta(seconds=301))),
        (body + b" ", signed(body)),
        (body, {SIGNATURE_HEADER: sign(body, secret=b"another", now=NOW)}),
        (b"{}", signed(b"{}")),
    ]
    for altered, headers in bad:
        with pytest.raises(UntrustedEventError):
            bank.read_event(altered, headers, now=NOW)


async def test_refunds_go_back_once_and_never_more_than_was_taken() -> None:
    bank, wanted = DemoGateway(), request(amount="20.00")
    await bank.charge(wanted)
    part = RefundRequest(
        reference="refund-1",
        charge_reference=wanted.reference,
        amount=Decimal("12.50"),
        currency="USD",
    )
    for _ in range(2):
        assert (await bank.refund(part)).state is RefundState.REFUNDED
    for wrong in (
        replace(part, reference="refund-2", amount=Decimal("7.51")),
        replace(part, reference="refund-2", currency="EUR"),
        replace(part, reference="refund-2", charge_reference="unheard-of"),
    ):
        assert (await bank.refund(wrong)).state is RefundState.REFUSED
    rest = replace(part, reference="refund-2", amount=Decimal("7.50"))
    assert (await bank.refund(rest)).state is RefundState.REFUNDED


async def test_in_the_shop_it_is_due_and_the_till_writes_to_nobody(
    committed: AsyncSession,
) -> None:
    del committed
    till, wanted = InShopGateway(), request(None)
    assert await till.charge(wanted) == ChargeOutcome(state=ChargeState.DUE)
    assert await till.look_up(wanted.reference) == ChargeOutcome(state=ChargeState.DUE)
    assert (await till.cancel(wanted.reference)).state is ChargeState.DECLINED
    back = RefundRequest(
        reference="r", charge_reference="c", amount=Decimal("1.00"), currency="USD"
    )
    assert (await till.refund(back)).state is RefundState.REFUNDED
    with pytest.raises(UntrustedEventError):
        till.read_event(b"{}", {}, now=NOW)
