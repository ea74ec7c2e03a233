"""The second step of signing in, and setting it up."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from app.core.clock import Now
from app.core.csrf import CsrfProtected
from app.core.deps import AppSettings, DbSession
from app.core.exceptions import AppError
from app.core.rights import open_to_all
from app.storefront.account import local_path
from app.storefront.context import Page
from app.storefront.entering import HALF_WAY, AtDoor, enter, start_new_session
from app.storefront.forms import Form, read_form, undone_if_refused
from app.storefront.templating import render
from app.users.deps import SignedInVisitor
from app.users.errors import AccountDeactivatedError
from app.users.two_step import pending, service
from app.users.two_step.errors import (
    SignInExpiredError,
    TwoStepIsOffError,
    TwoStepIsOnError,
)
from app.users.two_step.schemas import SecondFactor, TypedCode

router = APIRouter(dependencies=[CsrfProtected])

SETTINGS = "/account/two-step"


@router.get("/sign-in/two-step")
@open_to_all
async def second_step_page(
    request: Request,
    session: DbSession,
    page: Page,
    now: Now,
    settings: AppSettings,
    next: Annotated[str, Query(max_length=500)] = "/",  # noqa: A002
) -> Response:
    """The form for the code; who is not half-way in is led to the first step, or on."""
    if page.visitor is not None:
        return RedirectResponse(local_path(next), 303)
    token = HALF_WAY.read(request, settings)
    if token is None or not await pending.is_open(session, token=token, now=now):
        return RedirectResponse("/sign-in", 303)
    return render(request, "second_step.html", page=page, form=Form(), next=local_path(next))


@router.post("/sign-in/two-step")
@open_to_all
async def second_step(
    request: Request,
    session: DbSession,
    page: Page,
    door: AtDoor,
    now: Now,
    settings: AppSettings,
) -> Response:
    """Prove the code and start a session, under an id that nobody knew before."""
    form = await read_form(request, TypedCode)
    target = local_path(form.typed.get("next", "/"))
    template, status = "second_step.html", 422
    if form.data is not None:
        try:
            async with undone_if_refused(session):
                user = await pending.finish(
                    session,
                    token=HALF_WAY.read(request, settings) or "",
                    factor=form.data.to_factor(),
                    now=now,
                    settings=settings,
                )
        except AppError as error:
            form.refuse(error)
            status = error.status
            if isinstance(error, SignInExpiredError | AccountDeactivatedError | TwoStepIsOffError):
                template = "sign_in.html"
        else:
            response = await enter(door, user, target)
            HALF_WAY.clear(response, settings)
            return response
    return render(request, template, status=status, page=page, form=form, next=target)


@router.get(SETTINGS)
async def two_step_page(
    request: Request, session: DbSession, page: Page, user: SignedInVisitor
) -> Response:
    """Whether signing in takes two steps, and what can be done about it."""
    return await _two_step_page(request, session, page, user, Form(), 200)


@router.post(SETTINGS)
async def enrol(session: DbSession, user: SignedInVisitor, settings: AppSettings) -> Response:
    """Make a secret; nothing is turned on yet."""
    try:
        async with undone_if_refused(session):
            await service.enrol(session, user=user, settings=settings)
    except TwoStepIsOnError:
        return RedirectResponse(SETTINGS, 303)
    return RedirectResponse(f"{SETTINGS}/set-up", 303)


@router.get(SETTINGS + "/set-up")
async def set_up_page(
    request: Request, session: DbSession, page: Page, user: SignedInVisitor, settings: AppSettings
) -> Response:
    """The secret, as a picture and as text, and the form for the first code."""
    return await _set_up_page(request, session, page, user, settings, Form(), 200)


@router.post(SETTINGS + "/set-up")
async def confirm(
    request: Request,
    session: DbSession,
    page: Page,
    door: AtDoor,
    user: SignedInVisitor,
    now: Now,
    settings: AppSettings,
) -> Response:
    """Turn it on by the first code; all other sign-ins end, and this one gets a new id."""
    form = await read_form(request, TypedCode)
    status = 422
    if form.data is not None:
        try:
            async with undone_if_refused(session):
                codes = await service.confirm(
                    session,
                    user_id=user.id,
                    totp_code=form.data.code,
                    now=now,
                    settings=settings,
                )
        except AppError as error:
            form.refuse(error)
            status = error.status
        else:
            response = render(request, "recovery_codes.html", page=page, codes=codes)
            await start_new_session(door, response, user_id=user.id)
            return response
    return await _set_up_page(request, session, page, user, settings, form, status)


@router.post(SETTINGS + "/recovery-codes")
async def renew_recovery_codes(
    request: Request,
    session: DbSession,
    page: Page,
    user: SignedInVisitor,
    now: Now,
    settings: AppSettings,
) -> Response:
    """Show ten new recovery codes, once."""

    async def renew(factor: SecondFactor) -> Response:
        codes = await service.renew_recovery_codes(
            session, user_id=user.id, factor=factor, now=now, settings=settings
        )
        return render(request, "recovery_codes.html", page=page, codes=codes)

    return await _with_code(request, session, page, user, renew)


@router.post(SETTINGS + "/disable")
async def disable(
    request: Request,
    session: DbSession,
    page: Page,
    user: SignedInVisitor,
    now: Now,
    settings: AppSettings,
) -> Response:
    """Turn it off with a code of either kind."""

    async def turn_off(factor: SecondFactor) -> Response:
        await service.disable(session, user_id=user.id, factor=factor, now=now, settings=settings)
        return RedirectResponse(SETTINGS, 303)

    return await _with_code(request, session, page, user, turn_off)


async def _with_code(
    request: Request,
    session: DbSession,
    page: Page,
    user: SignedInVisitor,
    act: Callable[[SecondFactor], Awaitable[Response]],
) -> Response:
    """Do what takes a code, or show the page again with what is wrong with it."""
    form = await read_form(request, TypedCode)
    status = 422
    if form.data is not None:
        try:
            async with undone_if_refused(session):
                return await act(form.data.to_factor())
        except AppError as error:
            form.refuse(error)
            status = error.status
    return await _two_step_page(request, session, page, user, form, status)


async def _two_step_page(
    request: Request,
    session: DbSession,
    page: Page,
    user: SignedInVisitor,
    form: Form[TypedCode],
    status: int,
) -> Response:
    return render(
        request,
        "two_step.html",
        status=status,
        page=page,
        form=form,
        two_step=await service.describe(session, user_id=user.id),
        must_enrol=await service.must_enrol(session, user=user),
    )


async def _set_up_page(
    request: Request,
    session: DbSession,
    page: Page,
    user: SignedInVisitor,
    settings: AppSettings,
    form: Form[TypedCode],
    status: int,
) -> Response:
    enrolment = await service.find_enrolment(session, user=user, settings=settings)
    if enrolment is None:
        return RedirectResponse(SETTINGS, 303)
    return render(
        request, "set_up_two_step.html", status=status, page=page, form=form, enrolment=enrolment
    )
