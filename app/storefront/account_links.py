"""The pages that mailed links lead to, and the one that asks for a new password.

Opening a link shows a form and does nothing, since programs that look through mail open links
too; sending the form uses the link. The token is in no other page's address, and a browser tells
no page where it came from more exactly than the shop's name.
"""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from app.core.clock import Now
from app.core.csrf import CsrfProtected
from app.core.deps import AppSettings, DbSession
from app.core.exceptions import AppError
from app.core.rights import of_its_owner, open_to_all
from app.notifications import invitations
from app.notifications.errors import StopLinkInvalidError
from app.notifications.schemas import StopLinkUse
from app.storefront.context import Page, PageContext
from app.storefront.forms import Form, ask_to_wait, read_form, undone_if_refused
from app.storefront.templating import render
from app.users import emails, passwords
from app.users.account_router import LINK_SENT
from app.users.account_schemas import ChangeState, LinkUse, PasswordForgotten, PasswordReset
from app.users.callers import RequestClient, remember_device
from app.users.deps import SignedInVisitor
from app.users.errors import TooManyAttemptsError
from app.users.schemas import MAX_TOKEN_CHARACTERS

router = APIRouter(dependencies=[CsrfProtected])

Token = Annotated[str, Query(max_length=MAX_TOKEN_CHARACTERS)]

StopToken = Annotated[str, Query(max_length=600)]

VERIFY = {
    "title": "Confirm your address",
    "action": "/verify-email",
    "text": "This confirms that you read the mail of your account's address.",
    "button": "Confirm my address",
}
CONFIRM = {
    "title": "Confirm the change of address",
    "action": "/confirm-email",
    "text": "Your account gets its new address as soon as the old and the new one are confirmed.",
    "button": "Confirm the change",
}
STOP = {
    "title": "No more invitations to review",
    "action": "/mail/stop",
    "text": "We then do not ask any more what you think of what you bought.",
    "button": "Do not ask me again",
}


def hide_address(response: Response) -> Response:
    """Let the browser tell nobody the page's address, in which there is a token.

    ``no-referrer`` would take the origin out of the form's ``Origin`` header too.
    """
    response.headers["Referrer-Policy"] = "strict-origin"
    return response


@router.get("/forgotten-password")
@open_to_all
async def forgotten_password_page(request: Request, page: Page) -> Response:
    """The form that asks for a link."""
    return render(request, "forgotten_password.html", page=page, form=Form())


@router.post("/forgotten-password")
@open_to_all
async def forgotten_password(
    request: Request, session: DbSession, page: Page, client: RequestClient, now: Now
) -> Response:
    """Say the same whether the address has an account or not."""
    form: Form[PasswordForgotten] = await read_form(request, PasswordForgotten)
    if form.data is None:
        return render(request, "forgotten_password.html", status=422, page=page, form=form)
    try:
        async with undone_if_refused(session):
            await passwords.ask_for_reset(session, email=form.data.email, client=client, now=now)
    except TooManyAttemptsError as error:
        form.refuse(error)
        return ask_to_wait(render(request, "forgotten_password.html", page=page, form=form), error)
    return render(
        request,
        "account_done.html",
        page=page,
        title="Look into your mail",
        text=LINK_SENT,
        is_mailed=True,
    )


@router.get("/reset-password")
@open_to_all
async def reset_password_page(request: Request, page: Page, token: Token = "") -> Response:
    """The form for the new password."""
    return hide_address(render(request, "reset_password.html", page=page, form=Form(), token=token))


@router.post("/reset-password")
@open_to_all
async def reset_password(
    request: Request,
    session: DbSession,
    page: Page,
    client: RequestClient,
    now: Now,
    settings: AppSettings,
) -> Response:
    """Set the new password, with which the reader then signs in."""
    form: Form[PasswordReset] = await read_form(request, PasswordReset)
    if form.data is not None:
        try:
            async with undone_if_refused(session):
                owner = await passwords.reset_password(
                    session, token=form.data.token, new_password=form.data.password, now=now
                )
        except AppError as error:
            form.refuse(error)
        else:
            response = render(
                request,
                "account_done.html",
                page=page,
                title="Your password is set",
                text="You are signed out everywhere. Please sign in with the new password.",
            )
            remember_device(response, client=client, email=owner.email, settings=settings)
            return response
    token = form.typed.get("token", "")
    return render(request, "reset_password.html", status=422, page=page, form=form, token=token)


@router.get("/verify-email")
@open_to_all
async def verify_email_page(request: Request, page: Page, token: Token = "") -> Response:
    """The button that confirms the address."""
    return hide_address(show_link(request, page, Form(), words=VERIFY, token=token))


@router.post("/verify-email")
@of_its_owner()
async def verify_email(
    request: Request, session: DbSession, page: Page, visitor: SignedInVisitor, now: Now
) -> Response:
    """Confirm the address."""
    form: Form[LinkUse] = await read_form(request, LinkUse)
    if form.data is not None:
        try:
            async with undone_if_refused(session):
                await emails.verify_email(
                    session, token=form.data.token, user_id=visitor.id, now=now
                )
        except AppError as error:
            form.refuse(error)
        else:
            return RedirectResponse("/account?done=verified", 303)
    token = form.typed.get("token", "")
    return show_link(request, page, form, words=VERIFY, token=token, status=422)


@router.get("/confirm-email")
@open_to_all
async def confirm_email_page(request: Request, page: Page, token: Token = "") -> Response:
    """The button that confirms the change."""
    return hide_address(show_link(request, page, Form(), words=CONFIRM, token=token))


@router.post("/confirm-email")
@of_its_owner()
async def confirm_email(
    request: Request, session: DbSession, page: Page, visitor: SignedInVisitor, now: Now
) -> Response:
    """Confirm one side of the change."""
    form: Form[LinkUse] = await read_form(request, LinkUse)
    if form.data is not None:
        try:
            async with undone_if_refused(session):
                state = await emails.confirm_change(
                    session, token=form.data.token, user_id=visitor.id, now=now
                )
        except AppError as error:
            form.refuse(error)
        else:
            done = "email" if state is ChangeState.CHANGED else "email_half"
            return RedirectResponse(f"/account?done={done}", 303)
    token = form.typed.get("token", "")
    return show_link(request, page, form, words=CONFIRM, token=token, status=422)


def show_link(
    request: Request,
    page: PageContext,
    form: Form[LinkUse] | Form[StopLinkUse],
    *,
    words: dict[str, str],
    token: str,
    status: int = 200,
    is_open: bool = False,
) -> Response:
    """Draw the page of a link that is for whoever is signed in to its account, or for everybody."""
    return render(
        request,
        "confirm_link.html",
        status=status,
        page=page,
        form=form,
        token=token,
        is_open=is_open,
        **words,
    )


@router.get("/mail/stop")
@open_to_all
async def stop_mails_page(
    request: Request, page: Page, settings: AppSettings, token: StopToken = ""
) -> Response:
    """The button that ends invitations to review."""
    if invitations.address_of(token, settings) is None:
        raise StopLinkInvalidError
    shown = show_link(request, page, Form(), words=STOP, token=token, is_open=True)
    return hide_address(shown)


@router.post("/mail/stop")
@open_to_all
async def stop_mails(
    request: Request, session: DbSession, page: Page, settings: AppSettings
) -> Response:
    """End invitations to review."""
    form: Form[StopLinkUse] = await read_form(request, StopLinkUse)
    await invitations.stop(
        session, token=form.data.token if form.data is not None else "", settings=settings
    )
    return render(
        request,
        "account_done.html",
        page=page,
        title="We do not ask again",
        text="You get no more invitations to review from us. You can have them again in your "
        "account.",
    )
