"""Signing up, in and out."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from app.core.config import SilentRegistration
from app.core.csrf import CsrfProtected
from app.core.deps import AppSettings, DbSession
from app.core.exceptions import AppError
from app.core.rights import open_to_all
from app.storefront.context import Page, PageContext
from app.storefront.entering import AtDoor, Door, enter_or_ask
from app.storefront.forms import Form, ask_to_wait, read_form, undone_if_refused
from app.storefront.templating import render
from app.users import service, sessions
from app.users.deps import SESSION
from app.users.emails import ask_for_verification
from app.users.errors import TooManyAttemptsError
from app.users.schemas import Login, Register, RegisterByMail
from app.users.sign_up import LOOK_INTO_MAIL, register_by_mail

router = APIRouter(dependencies=[CsrfProtected])

Next = Annotated[str, Query(max_length=500)]


def local_path(address: str) -> str:
    """Return the address if it is a path of this shop, else the home page's.

    ``//elsewhere`` and backslashes, which browsers read as slashes, lead away from the shop.
    """
    harmless = address.startswith("/") and not address.startswith("//") and "\\" not in address
    return address if harmless and address.isprintable() else "/"


@router.get("/sign-in")
@open_to_all
async def sign_in_page(request: Request, page: Page, next: Next = "/") -> Response:  # noqa: A002
    """The form for signing in; who is signed in already is led on."""
    if page.visitor is not None:
        return RedirectResponse(local_path(next), 303)
    return render(request, "sign_in.html", page=page, form=Form(), next=local_path(next))


@router.post("/sign-in")
@open_to_all
async def sign_in(request: Request, session: DbSession, page: Page, door: AtDoor) -> Response:
    """Start a session and take the guest's basket along."""
    form = await read_form(request, Login)
    target = local_path(form.typed.get("next", "/"))
    if form.data is not None:
        try:
            async with undone_if_refused(session):
                principal = await service.check_credentials(
                    session,
                    email=form.data.email,
                    password=form.data.password,
                    client=door.client,
                    now=door.now,
                )
        except TooManyAttemptsError as error:
            form.refuse(error)
            return ask_to_wait(
                render(request, "sign_in.html", page=page, form=form, next=target), error
            )
        except AppError as error:
            form.refuse(error)
        else:
            return await enter_or_ask(door, principal, target)
    return render(request, "sign_in.html", status=422, page=page, form=form, next=target)


@router.get("/sign-up")
@open_to_all
async def sign_up_page(
    request: Request,
    page: Page,
    settings: AppSettings,
    next: Next = "/",  # noqa: A002
) -> Response:
    """The form for making an account; who is signed in already is led on."""
    if page.visitor is not None:
        return RedirectResponse(local_path(next), 303)
    return render(
        request,
        "sign_up.html",
        page=page,
        form=Form(),
        next=local_path(next),
        asks_password=settings.silent_registration is SilentRegistration.NOWHERE,
    )


@router.post("/sign-up")
@open_to_all
async def sign_up(request: Request, session: DbSession, page: Page, door: AtDoor) -> Response:
    """Make an account, and start a session or, where that would tell too much, write a mail."""
    if door.settings.silent_registration is not SilentRegistration.NOWHERE:
        return await _sign_up_by_mail(request, session, page, door)
    form = await read_form(request, Register)
    target = local_path(form.typed.get("next", "/"))
    if form.data is not None:
        try:
            async with undone_if_refused(session):
                principal = await service.register(
                    session,
                    email=form.data.email,
                    password=form.data.password,
                    full_name=form.data.full_name,
                    client=door.client,
                    now=door.now,
                )
        except TooManyAttemptsError as error:
            form.refuse(error)
            return ask_to_wait(
                render(
                    request, "sign_up.html", page=page, form=form, next=target, asks_password=True
                ),
                error,
            )
        except AppError as error:
            form.refuse(error)
        else:
            await ask_for_verification(session, user_id=principal.id, now=door.now)
            return await enter_or_ask(door, principal, target)
    return render(
        request,
        "sign_up.html",
        status=422,
        page=page,
        form=form,
        next=target,
        asks_password=True,
    )


@router.post("/sign-out")
@open_to_all
async def sign_out(request: Request, session: DbSession, settings: AppSettings) -> Response:
    """End the session, in the database too."""
    token = SESSION.read(request, settings)
    if token:
        await sessions.end_session(session, token=token)
    response = RedirectResponse("/", 303)
    SESSION.clear(response, settings)
    return response


async def _sign_up_by_mail(
    request: Request, session: AsyncSession, page: PageContext, door: Door
) -> Response:
    """Say the same whether the address has an account or not."""
    form = await read_form(request, RegisterByMail)
    target = local_path(form.typed.get("next", "/"))
    if form.data is None:
        return render(
            request,
            "sign_up.html",
            status=422,
            page=page,
            form=form,
            next=target,
            asks_password=False,
        )
    try:
        async with undone_if_refused(session):
            await register_by_mail(
                session,
                email=form.data.email,
                full_name=form.data.full_name,
                client=door.client,
                now=door.now,
            )
    except TooManyAttemptsError as error:
        form.refuse(error)
        return ask_to_wait(
            render(request, "sign_up.html", page=page, form=form, next=target, asks_password=False),
            error,
        )
    return render(
        request,
        "account_done.html",
        page=page,
        title="Look into your mail",
        text=LOOK_INTO_MAIL,
        is_mailed=True,
    )
