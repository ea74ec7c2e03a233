"""Signing up, in and out."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from app.cart.service import merge_guest_cart
from app.core.clock import Now
from app.core.csrf import CsrfProtected
from app.core.deps import AppSettings, DbSession, Principal
from app.core.exceptions import AppError
from app.core.rights import open_to_all
from app.storefront.context import CART, Page
from app.storefront.forms import Form, read_form, undone_if_refused
from app.storefront.templating import render
from app.users import service, sessions
from app.users.deps import SESSION, FromWhere, RequestClient, remember_device
from app.users.emails import ask_for_verification
from app.users.errors import TooManyAttemptsError
from app.users.limits import Client
from app.users.schemas import Login, Register

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
async def sign_in(
    request: Request,
    session: DbSession,
    page: Page,
    client: RequestClient,
    now: Now,
    settings: AppSettings,
    whence: FromWhere,
) -> Response:
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
                    client=client,
                    now=now,
                )
        except TooManyAttemptsError as error:
            form.refuse(error)
            return _ask_to_wait(
                render(request, "sign_in.html", page=page, form=form, next=target), error
            )
        except AppError as error:
            form.refuse(error)
        else:
            return await _enter(
                request, session, page, client, principal, target, now, settings, whence
            )
    return render(request, "sign_in.html", status=422, page=page, form=form, next=target)


@router.get("/sign-up")
@open_to_all
async def sign_up_page(request: Request, page: Page, next: Next = "/") -> Response:  # noqa: A002
    """The form for making an account; who is signed in already is led on."""
    if page.visitor is not None:
        return RedirectResponse(local_path(next), 303)
    return render(request, "sign_up.html", page=page, form=Form(), next=local_path(next))


@router.post("/sign-up")
@open_to_all
async def sign_up(
    request: Request,
    session: DbSession,
    page: Page,
    client: RequestClient,
    now: Now,
    settings: AppSettings,
    whence: FromWhere,
) -> Response:
    """Make an account, start a session, and take the guest's basket along."""
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
                    client=client,
                    now=now,
                )
        except TooManyAttemptsError as error:
            form.refuse(error)
            return _ask_to_wait(
                render(request, "sign_up.html", page=page, form=form, next=target), error
            )
        except AppError as error:
            form.refuse(error)
        else:
            await ask_for_verification(session, user_id=principal.id, now=now)
            return await _enter(
                request, session, page, client, principal, target, now, settings, whence
            )
    return render(request, "sign_up.html", status=422, page=page, form=form, next=target)


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


def _ask_to_wait(response: Response, error: TooManyAttemptsError) -> Response:
    """Say it in the answer's head too, for programs that send forms."""
    response.status_code = error.status
    response.headers.update(error.headers)
    return response


async def _enter(
    request: Request,
    session: DbSession,
    page: Page,
    client: Client,
    principal: Principal,
    target: str,
    now: Now,
    settings: AppSettings,
    whence: FromWhere,
) -> Response:
    """Sign the browser in, and take the guest's basket along."""
    response = RedirectResponse(target, 303)
    await keep_signed_in(
        request,
        response,
        session,
        user_id=principal.id,
        now=now,
        settings=settings,
        whence=whence,
    )
    remember_device(response, client=client, email=principal.email, settings=settings)
    if page.cart_token:
        await merge_guest_cart(session, token=page.cart_token, user_id=principal.id)
        CART.clear(response, settings)
    return response


async def keep_signed_in(
    request: Request,
    response: Response,
    session: DbSession,
    *,
    user_id: int,
    now: Now,
    settings: AppSettings,
    whence: FromWhere,
) -> None:
    """Sign the browser in under a new session id; the one that it had before is dead."""
    old = SESSION.read(request, settings)
    if old:
        await sessions.end_session(session, token=old)
    lifetime = timedelta(days=settings.session_days)
    token = await sessions.start_session(
        session, user_id=user_id, now=now, lifetime=lifetime, whence=whence
    )
    SESSION.write(response, token, settings, seconds=int(lifetime.total_seconds()))
