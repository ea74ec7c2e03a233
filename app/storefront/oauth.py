"""Continuing with Google or GitHub, and what is connected with the reader's account."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import RedirectResponse, Response

from app.core.clock import Now
from app.core.config import Settings
from app.core.csrf import CsrfProtected
from app.core.deps import AppSettings, DbSession
from app.core.exceptions import AppError
from app.core.rights import of_its_owner, open_to_all
from app.integrations.oauth.provider import ProviderName
from app.storefront.account import local_path
from app.storefront.context import Page, PageContext
from app.storefront.entering import AtDoor, enter_or_ask
from app.storefront.forms import Form, ask_to_wait, read_form, undone_if_refused
from app.storefront.templating import render
from app.users import profiles
from app.users.deps import SignedInVisitor
from app.users.errors import SignInRequiredError
from app.users.oauth import service, trips
from app.users.oauth.deps import OAUTH, OfferedProviders, find_provider, what_came_back
from app.users.oauth.errors import OAuthFailedError
from app.users.schemas import OwnerProof

router = APIRouter(dependencies=[CsrfProtected])

CONNECTED = "/account/connected"


@router.get("/sign-in/{provider}")
@open_to_all
async def go_to_provider(
    session: DbSession,
    page: Page,
    provider: ProviderName,
    providers: OfferedProviders,
    now: Now,
    settings: AppSettings,
    next: Annotated[str, Query(max_length=500)] = "/",  # noqa: A002
) -> Response:
    """Lead the browser to the provider; who is signed in already is led on."""
    if page.visitor is not None:
        return RedirectResponse(local_path(next), 303)
    departure = await trips.depart(
        session,
        find_provider(providers, provider),
        redirect_uri=_callback(provider, settings),
        now=now,
        settings=settings,
        next_path=local_path(next),
    )
    response = RedirectResponse(departure.url, 303)
    _keep(response, departure, settings)
    return response


@router.get("/sign-in/{provider}/callback")
@open_to_all
async def come_back_from_provider(
    request: Request,
    session: DbSession,
    page: Page,
    door: AtDoor,
    provider: ProviderName,
    providers: OfferedProviders,
    now: Now,
    settings: AppSettings,
) -> Response:
    """Sign in who came back; or connect it with the account, if that is what the way was for."""
    form, target = Form[BaseModel](), "/"
    try:
        async with undone_if_refused(session):
            arrival = await trips.arrive(
                session,
                find_provider(providers, provider),
                what_came_back(request, settings),
                redirect_uri=_callback(provider, settings),
                now=now,
                settings=settings,
            )
            target = arrival.next
            if arrival.user_id is None:
                user = await service.enter(session, identity=arrival.identity, now=now)
                response = await enter_or_ask(door, user, target)
            elif page.visitor is None or page.visitor.id != arrival.user_id:
                raise OAuthFailedError
            else:
                await service.connect(session, user_id=arrival.user_id, identity=arrival.identity)
                response = RedirectResponse(target, 303)
    except AppError as error:
        form.refuse(error)
        if page.visitor is None:
            values = {"form": form, "next": target}
            response = render(request, "sign_in.html", status=error.status, page=page, **values)
        else:
            response = await _connected_page(request, session, page, now, form, error.status)
    OAUTH.clear(response, settings)
    return response


@router.get(CONNECTED)
async def connected_page(
    request: Request, session: DbSession, page: Page, _user: SignedInVisitor, now: Now
) -> Response:
    """What opens the account besides its password."""
    return await _connected_page(request, session, page, now, Form(), 200)


@router.post(CONNECTED + "/{provider}")
async def connect(
    request: Request,
    session: DbSession,
    page: Page,
    user: SignedInVisitor,
    provider: ProviderName,
    providers: OfferedProviders,
    now: Now,
    settings: AppSettings,
) -> Response:
    """Lead the browser to the provider by a page, since a form may not lead out of the shop."""
    destination = find_provider(providers, provider)

    async def leave(proof: OwnerProof) -> Response:
        await service.allow_connecting(session, user=user, password=proof.current_password, now=now)
        departure = await trips.depart(
            session,
            destination,
            redirect_uri=_callback(provider, settings),
            now=now,
            settings=settings,
            next_path=CONNECTED,
            user_id=user.id,
        )
        response = render(
            request, "leaving.html", page=page, provider=provider, address=departure.url
        )
        _keep(response, departure, settings)
        return response

    return await _with_password(request, session, page, now, leave)


@router.post(CONNECTED + "/{provider}/disconnect")
@of_its_owner()
async def disconnect(
    request: Request,
    session: DbSession,
    page: Page,
    user: SignedInVisitor,
    provider: ProviderName,
    now: Now,
) -> Response:
    """Let the account no longer be entered through the provider."""

    async def end(proof: OwnerProof) -> Response:
        await service.disconnect(
            session, user=user, password=proof.current_password, provider=provider, now=now
        )
        return RedirectResponse(CONNECTED, 303)

    return await _with_password(request, session, page, now, end)


async def _with_password(
    request: Request,
    session: DbSession,
    page: PageContext,
    now: Now,
    act: Callable[[OwnerProof], Awaitable[Response]],
) -> Response:
    """Do what takes the password, or show the page again with what is wrong."""
    form: Form[OwnerProof] = await read_form(request, OwnerProof)
    if form.data is None:
        return await _connected_page(request, session, page, now, form, 422)
    try:
        async with undone_if_refused(session):
            return await act(form.data)
    except AppError as error:
        form.refuse(error)
        refusal = await _connected_page(request, session, page, now, form, error.status)
        return ask_to_wait(refusal, error)


async def _connected_page(
    request: Request,
    session: DbSession,
    page: PageContext,
    now: Now,
    form: Form[Any],
    status: int,
) -> Response:
    visitor = page.visitor
    if visitor is None:  # pragma: no cover (both callers have one)
        raise SignInRequiredError
    identities = await service.list_identities(session, user_id=visitor.id)
    connected = {identity.provider: identity for identity in identities}
    offered = request.app.state.oauth.offered
    shown = [name for name in ProviderName if name in offered or name in connected]
    return render(
        request,
        "connected.html",
        status=status,
        page=page,
        form=form,
        account=await profiles.get_account(session, user_id=visitor.id, now=now),
        connected=connected,
        shown=shown,
    )


def _callback(provider: ProviderName, settings: Settings) -> str:
    """Return where the provider sends the browser back to, whatever host the request named."""
    return f"{settings.public_url}/sign-in/{provider}/callback"


def _keep(response: Response, departure: trips.Departure, settings: Settings) -> None:
    seconds = int(trips.LIFETIME.total_seconds())
    OAUTH.write(response, departure.browser_token, settings, seconds=seconds)
