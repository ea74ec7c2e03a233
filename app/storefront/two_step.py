"""The second step of signing in, and setting it up."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from app.core.clock import Now
from app.core.csrf import CsrfProtected
from app.core.deps import AppSettings, DbSession, Principal
from app.core.exceptions import AppError
from app.core.rights import open_to_all
from app.storefront.account import local_path
from app.storefront.context import Page, PageContext
from app.storefront.entering import HALF_WAY, AtDoor, enter, start_new_session
from app.storefront.forms import Form, ask_to_wait, read_form, undone_if_refused
from app.storefront.templating import render
from app.users import profiles
from app.users.callers import RequestClient
from app.users.deps import SignedInVisitor
from app.users.errors import AccountDeactivatedError
from app.users.schemas import OwnerProof
from app.users.two_step import pending, service
from app.users.two_step.errors import EnrolmentLateError, SignInExpiredError, TwoStepIsOffError
from app.users.two_step.schemas import Enrolment, TypedCode, TypedFirstCode, TypedOwnersCode

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
    template = "second_step.html"
    if form.data is not None:
        try:
            async with undone_if_refused(session):
                user = await pending.finish(
                    session,
                    token=HALF_WAY.read(request, settings) or "",
                    factor=form.data.to_factor(),
                    client=door.client,
                    now=now,
                    settings=settings,
                )
        except AppError as error:
            form.refuse(error)
            if isinstance(error, SignInExpiredError | AccountDeactivatedError | TwoStepIsOffError):
                template = "sign_in.html"
            refusal = render(
                request, template, status=error.status, page=page, form=form, next=target
            )
            return ask_to_wait(refusal, error)
        else:
            response = await enter(door, user, target)
            HALF_WAY.clear(response, settings)
            return response
    return render(request, template, status=422, page=page, form=form, next=target)


@router.get(SETTINGS)
async def two_step_page(
    request: Request, session: DbSession, page: Page, user: SignedInVisitor, now: Now
) -> Response:
    """Whether signing in takes two steps, and what can be done about it."""
    return await _two_step_page(request, session, page, user, now, Form(), 200)


@router.post(SETTINGS)
async def enrol(
    request: Request,
    session: DbSession,
    page: Page,
    user: SignedInVisitor,
    now: Now,
    settings: AppSettings,
) -> Response:
    """Make a secret, and show it to who has proved to be the owner; nothing is turned on yet."""
    form: Form[OwnerProof] = await read_form(request, OwnerProof)
    status = 422
    if form.data is not None:
        try:
            async with undone_if_refused(session):
                enrolment = await service.enrol(
                    session,
                    user=user,
                    password=form.data.current_password,
                    now=now,
                    settings=settings,
                )
        except AppError as error:
            form.refuse(error)
            refusal = await _two_step_page(request, session, page, user, now, form, error.status)
            return ask_to_wait(refusal, error)
        else:
            return _set_up_page(request, page, enrolment, Form(), 200)
    return await _two_step_page(request, session, page, user, now, form, status)


@router.get(SETTINGS + "/set-up")
async def begin_anew(_user: SignedInVisitor) -> Response:
    """Lead back who comes by the address of a form that shows a secret once."""
    return RedirectResponse(SETTINGS, 303)


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
    form = await read_form(request, TypedFirstCode)
    status = 422
    if form.data is not None:
        try:
            async with undone_if_refused(session):
                codes = await service.confirm(
                    session,
                    user=user,
                    token=form.data.enrolment_token,
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
    token = form.typed.get("enrolment_token", "")
    enrolment = await service.find_enrolment(
        session, user=user, token=token, now=now, settings=settings
    )
    if enrolment is not None:
        return _set_up_page(request, page, enrolment, form, status)
    late = Form[TypedFirstCode](message=form.message or EnrolmentLateError.detail)
    return await _two_step_page(request, session, page, user, now, late, status)


@router.post(SETTINGS + "/recovery-codes")
async def renew_recovery_codes(
    request: Request,
    session: DbSession,
    page: Page,
    user: SignedInVisitor,
    client: RequestClient,
    now: Now,
    settings: AppSettings,
) -> Response:
    """Show ten new recovery codes, once."""

    async def renew(proof: TypedOwnersCode) -> Response:
        codes = await service.renew_recovery_codes(
            session,
            user=user,
            password=proof.current_password,
            factor=proof.to_factor(),
            client=client,
            now=now,
            settings=settings,
        )
        return render(request, "recovery_codes.html", page=page, codes=codes)

    return await _with_code(request, session, page, user, now, renew)


@router.post(SETTINGS + "/disable")
async def disable(
    request: Request,
    session: DbSession,
    page: Page,
    user: SignedInVisitor,
    client: RequestClient,
    now: Now,
    settings: AppSettings,
) -> Response:
    """Turn it off with the password and a code of either kind."""

    async def turn_off(proof: TypedOwnersCode) -> Response:
        await service.disable(
            session,
            user=user,
            password=proof.current_password,
            factor=proof.to_factor(),
            client=client,
            now=now,
            settings=settings,
        )
        return RedirectResponse(SETTINGS, 303)

    return await _with_code(request, session, page, user, now, turn_off)


async def _with_code(
    request: Request,
    session: DbSession,
    page: PageContext,
    user: Principal,
    now: Now,
    act: Callable[[TypedOwnersCode], Awaitable[Response]],
) -> Response:
    """Do what takes password and code, or show the page again with what is wrong with them."""
    form = await read_form(request, TypedOwnersCode)
    if form.data is None:
        return await _two_step_page(request, session, page, user, now, form, 422)
    try:
        async with undone_if_refused(session):
            return await act(form.data)
    except AppError as error:
        form.refuse(error)
        refusal = await _two_step_page(request, session, page, user, now, form, error.status)
        return ask_to_wait(refusal, error)


async def _two_step_page(
    request: Request,
    session: DbSession,
    page: PageContext,
    user: Principal,
    now: Now,
    form: Form[Any],
    status: int,
) -> Response:
    return render(
        request,
        "two_step.html",
        status=status,
        page=page,
        form=form,
        account=await profiles.get_account(session, user_id=user.id, now=now),
        two_step=await service.describe(session, user_id=user.id),
        must_enrol=await service.must_enrol(session, user=user),
    )


def _set_up_page(
    request: Request, page: PageContext, enrolment: Enrolment, form: Form[Any], status: int
) -> Response:
    values = {"page": page, "form": form, "enrolment": enrolment}
    return render(request, "set_up_two_step.html", status=status, **values)
