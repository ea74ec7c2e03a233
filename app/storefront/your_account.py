"""The pages of "Your account": who the reader is here, and where they are signed in."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse
from starlette.responses import RedirectResponse, Response

from app.account.deletion import delete_account
from app.account.export import export_account
from app.account.schemas import Deletion
from app.core.clock import Now
from app.core.csrf import CsrfProtected
from app.core.deps import AppSettings, DbSession, Principal
from app.core.exceptions import AppError
from app.core.rights import of_its_owner, open_to_all
from app.core.translation import own_names
from app.storefront.account_links import Token, hide_address
from app.storefront.context import Page, PageContext
from app.storefront.entering import AtDoor, start_new_session
from app.storefront.forms import Form, ask_to_wait, read_form, undone_if_refused
from app.storefront.templating import render
from app.users import emails, passwords, profiles, removal, sessions
from app.users.account_schemas import EmailChangeStart, PasswordChange, ProfileUpdate
from app.users.callers import RequestClient
from app.users.deps import SESSION, SignedInVisitor
from app.users.errors import SessionNotFoundError, SignInRequiredError

router = APIRouter(dependencies=[CsrfProtected])

DONE = {
    "profile": "Your name is changed.",
    "password": "Your password is changed. You are signed out everywhere else.",
    "verified": "Your address is confirmed.",
    "verification": "If your address is not confirmed yet, a link is on its way to it.",
    "email_asked": "Please open the links that are on their way to both addresses.",
    "email_half": "One address is confirmed. The change waits for the other.",
    "email": "Your address is changed.",
    "email_kept": "Your address stays as it is.",
}
"""What a page says when it is shown after something was done."""

Done = Annotated[str, Query(max_length=20)]


async def show_account(
    request: Request,
    session: DbSession,
    page: PageContext,
    visitor: Principal,
    now: Now,
    form: Form[ProfileUpdate],
    *,
    status: int = 200,
    done: str = "",
) -> Response:
    """Draw the first page of the account."""
    account = await profiles.get_account(session, user_id=visitor.id, now=now)
    if not form.errors:
        form.typed["full_name"] = account.full_name or ""
        form.typed["language"] = account.language or ""
        form.typed["review_invitations"] = "true" if account.review_invitations else ""
    return render(
        request,
        "account.html",
        status=status,
        page=page,
        account=account,
        form=form,
        languages=own_names(),
        notice=DONE.get(done),
    )


@router.get("/account")
async def account_page(
    request: Request,
    session: DbSession,
    page: Page,
    visitor: SignedInVisitor,
    now: Now,
    done: Done = "",
) -> Response:
    """Name and address, and the ways to everything else."""
    return await show_account(request, session, page, visitor, now, Form(), done=done)


@router.post("/account/profile")
async def change_profile(
    request: Request, session: DbSession, page: Page, visitor: SignedInVisitor, now: Now
) -> Response:
    """Change the name and the language."""
    form: Form[ProfileUpdate] = await read_form(request, ProfileUpdate)
    if form.data is None:
        return await show_account(request, session, page, visitor, now, form, status=422)
    whole = ProfileUpdate.model_validate(form.data.model_dump())  # an empty box is sent by no form
    await profiles.change_profile(session, user_id=visitor.id, profile=whole, now=now)
    return RedirectResponse("/account?done=profile", 303)


@router.post("/account/verification")
async def ask_for_verification(
    session: DbSession, visitor: SignedInVisitor, client: RequestClient, now: Now
) -> Response:
    """Send the link again."""
    await emails.ask_again_for_verification(session, user=visitor, client=client, now=now)
    return RedirectResponse("/account?done=verification", 303)


@router.get("/account/password")
async def password_page(request: Request, page: Page, _visitor: SignedInVisitor) -> Response:
    """The form for another password."""
    return render(request, "account_password.html", page=page, form=Form())


@router.post("/account/password")
async def change_password(
    request: Request,
    session: DbSession,
    page: Page,
    visitor: SignedInVisitor,
    door: AtDoor,
) -> Response:
    """Change the password; this browser stays signed in, under a new session id."""
    form: Form[PasswordChange] = await read_form(request, PasswordChange)
    if form.data is None:
        return render(request, "account_password.html", status=422, page=page, form=form)
    try:
        async with undone_if_refused(session):
            await passwords.change_password(
                session,
                user_id=visitor.id,
                current_password=form.data.current_password,
                new_password=form.data.password,
                now=door.now,
            )
    except AppError as error:
        form.refuse(error)
        refusal = render(request, "account_password.html", status=422, page=page, form=form)
        return ask_to_wait(refusal, error)
    response = RedirectResponse("/account?done=password", 303)
    await start_new_session(door, response, user_id=visitor.id)
    return response


@router.get("/account/email")
async def email_page(
    request: Request, session: DbSession, page: Page, visitor: SignedInVisitor, now: Now
) -> Response:
    """The form for another address."""
    account = await profiles.get_account(session, user_id=visitor.id, now=now)
    return render(request, "account_email.html", page=page, account=account, form=Form())


@router.post("/account/email")
async def change_email(
    request: Request,
    session: DbSession,
    page: Page,
    visitor: SignedInVisitor,
    client: RequestClient,
    now: Now,
) -> Response:
    """Ask both addresses to confirm."""
    form: Form[EmailChangeStart] = await read_form(request, EmailChangeStart)
    if form.data is not None:
        try:
            async with undone_if_refused(session):
                await emails.start_change(
                    session,
                    user=visitor,
                    password=form.data.password,
                    new_email=form.data.new_email,
                    client=client,
                    now=now,
                )
        except AppError as error:
            form.refuse(error)
            refusal = await _show_email(request, session, page, visitor, now, form)
            return ask_to_wait(refusal, error)
        return RedirectResponse("/account?done=email_asked", 303)
    return await _show_email(request, session, page, visitor, now, form)


@router.post("/account/email/cancel")
async def keep_email(session: DbSession, visitor: SignedInVisitor) -> Response:
    """Give up the change that waits."""
    await emails.cancel_change(session, user_id=visitor.id)
    return RedirectResponse("/account?done=email_kept", 303)


@router.get("/account/sessions")
async def sessions_page(
    request: Request, session: DbSession, page: Page, visitor: SignedInVisitor, now: Now
) -> Response:
    """Where the reader is signed in."""
    found = await sessions.list_sign_ins(
        session, user_id=visitor.id, now=now, current=visitor.sign_in_id
    )
    return render(request, "account_sessions.html", page=page, sign_ins=found)


@router.post("/account/sessions/{session_id}/end")
@of_its_owner()
async def end_session(
    session: DbSession, visitor: SignedInVisitor, session_id: Annotated[UUID, Path()]
) -> Response:
    """Sign one browser or program out; one that has ended already is gone from the list."""
    try:
        async with undone_if_refused(session):
            await sessions.end_sign_in(session, user_id=visitor.id, sign_in_id=session_id)
    except SessionNotFoundError:
        pass
    return RedirectResponse("/account/sessions", 303)


@router.post("/account/sessions/end")
async def sign_out_everywhere(
    session: DbSession, visitor: SignedInVisitor, settings: AppSettings
) -> Response:
    """Sign out of everything, this browser too."""
    await sessions.sign_out_everywhere(session, user_id=visitor.id)
    response = RedirectResponse("/sign-in", 303)
    SESSION.clear(response, settings)
    return response


@router.get("/account/export")
async def export(visitor: SignedInVisitor, now: Now) -> Response:
    """Everything that the shop keeps of the reader, as a file."""
    return StreamingResponse(
        export_account(user_id=visitor.id, now=now),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="my-account.json"'},
    )


@router.get("/account/delete")
@open_to_all
async def delete_page(
    request: Request, session: DbSession, page: Page, now: Now, token: Token = ""
) -> Response:
    """What goes and what stays, and the form that does it; mailed links lead here too."""
    if page.visitor is None and not token:
        raise SignInRequiredError
    response = await _show_deletion(request, session, page, Form(), now, token=token)
    return hide_address(response)


@router.post("/account/delete")
async def delete(
    request: Request,
    session: DbSession,
    page: Page,
    visitor: SignedInVisitor,
    now: Now,
    settings: AppSettings,
) -> Response:
    """Delete the account for ever."""
    form: Form[Deletion] = await read_form(request, Deletion)
    if form.data is not None:
        try:
            async with undone_if_refused(session):
                await delete_account(session, user_id=visitor.id, proof=form.data, now=now)
        except AppError as error:
            form.refuse(error)
            token = form.typed.get("token", "")
            refusal = await _show_deletion(
                request, session, page, form, now, token=token, status=422
            )
            return ask_to_wait(refusal, error)
        else:
            gone = PageContext(visitor=None, cart_token=None, copies=0, csrf_token=page.csrf_token)
            response = render(
                request,
                "account_done.html",
                page=gone,
                title="Your account is deleted",
                text="Thank you for having been here. Your orders stay in our books without you.",
            )
            SESSION.clear(response, settings)
            return response
    token = form.typed.get("token", "")
    return await _show_deletion(request, session, page, form, now, token=token, status=422)


@router.post("/account/delete/link")
async def ask_for_deletion_link(
    request: Request,
    session: DbSession,
    page: Page,
    visitor: SignedInVisitor,
    client: RequestClient,
    now: Now,
) -> Response:
    """Send the link that an account without a password is deleted by."""
    form: Form[Deletion] = Form()
    try:
        async with undone_if_refused(session):
            await removal.ask_for_deletion_link(session, user_id=visitor.id, client=client, now=now)
    except AppError as error:
        form.refuse(error)
        refusal = await _show_deletion(request, session, page, form, now, token="", status=409)
        return ask_to_wait(refusal, error)
    return render(
        request,
        "account_done.html",
        page=page,
        title="Look into your mail",
        text="A link is on its way to your address.",
    )


async def _show_email(
    request: Request,
    session: DbSession,
    page: PageContext,
    visitor: Principal,
    now: Now,
    form: Form[EmailChangeStart],
) -> Response:
    """Draw the form for another address with what was wrong."""
    account = await profiles.get_account(session, user_id=visitor.id, now=now)
    return render(request, "account_email.html", status=422, page=page, account=account, form=form)


async def _show_deletion(
    request: Request,
    session: DbSession,
    page: PageContext,
    form: Form[Deletion],
    now: Now,
    *,
    token: str,
    status: int = 200,
) -> Response:
    account = (
        await profiles.get_account(session, user_id=page.visitor.id, now=now)
        if page.visitor is not None
        else None
    )
    return render(
        request,
        "account_delete.html",
        status=status,
        page=page,
        account=account,
        form=form,
        token=token,
    )
