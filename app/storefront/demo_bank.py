"""The demo gateway's own page, where a buyer confirms a payment as a bank would ask them to.

Who has the address may answer: it names a random reference that only the buyer is told, and a
gateway knows nobody's account.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from app.core.csrf import CsrfProtected
from app.core.rights import open_to_all
from app.core.schemas import WriteModel
from app.integrations.payments.demo import DemoGateway
from app.orders.deps import Gateway
from app.storefront.context import Page
from app.storefront.forms import Form, read_form
from app.storefront.templating import render

router = APIRouter(prefix="/demo-bank", dependencies=[CsrfProtected])

Reference = Annotated[str, Path(max_length=64, pattern=r"^[0-9a-zA-Z-]+$")]


class BankAnswer(WriteModel):
    """Whether it is the buyer."""

    answer: Literal["confirm", "refuse"]


@router.get("/{reference}")
@open_to_all
async def ask(request: Request, page: Page, gateway: Gateway, reference: Reference) -> Response:
    """Ask the buyer to confirm a payment."""
    bank = demo_bank(gateway)
    challenge = await bank.find_challenge(reference)
    if challenge is None:
        raise HTTPException(404)
    return render(
        request, "demo_bank.html", page=page, challenge=challenge, reference=reference, form=Form()
    )


@router.post("/{reference}")
@open_to_all
async def take_answer(request: Request, gateway: Gateway, reference: Reference) -> Response:
    """Take the buyer's word and lead back to the order."""
    bank = demo_bank(gateway)
    challenge = await bank.find_challenge(reference)
    if challenge is None:
        raise HTTPException(404)
    form: Form[BankAnswer] = await read_form(request, BankAnswer)
    if form.data is None:
        return RedirectResponse(f"/demo-bank/{reference}", 303)
    await bank.answer_challenge(reference, approve=form.data.answer == "confirm")
    return RedirectResponse(challenge.return_url or "/orders", 303)


def demo_bank(gateway: Gateway) -> DemoGateway:
    """Return the demo gateway, in a shop that has it.

    Raises:
        HTTPException: real money moves here.
    """
    if not isinstance(gateway, DemoGateway):
        raise HTTPException(404)
    return gateway
