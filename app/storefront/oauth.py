"""Continuing with Google or GitHub, and what is connected with the reader's account."""

from typing import Annotated

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
from app.storefront.context import Page
from app.storefront.entering import AtDoor, enter_or_ask
from app.storefront.forms import Form, undone_if_refused
from app.storefront.templating import render
from app.users.deps import SignedInVisitor
from app.users.oauth import service, trips
from app.users.oauth.deps import OAUTH, OfferedProviders, find_provider, what_came_back
from app.users.oauth.errors import OAuthFailedError

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
                await service.connect(
                    session, user_id=arrival.user_id, identity=arrival.identity, now=now
                )
                response = RedirectResponse(target, 303)
    except AppError as error:
        form.refuse(error)
        if page.visitor is None:
            values = {"form": form, "next": target}
            response = render(request, "sign_in.html", status=error.status, page=page, **values)
        else:
            response = await _connected_page(request, session, page, form, error.status)
    OAUTH.clear(response, settings)
    return response


@router.get(CONNECTED)
async def connected_page(
    request: Request, session: DbSession, page: Page, _user: SignedInVisitor
) -> Response:
    """What opens the account besides its password."""
    return await _connected_page(request, session, page, Form(), 200)


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
    departure = await trips.depart(
        session,
        find_provider(providers, provider),
        redirect_uri=_callback(provider, settings),
        now=now,
        settings=settings,
        next_path=CONNECTED,
        user_id=user.id,
    )
    response = render(request, "leaving.html", page=page, provider=provider, address=departure.url)
    _keep(response, departure, settings)
    return response


@router.post(CONNECTED + "/{provider}/disconnect")
@of_its_owner()
async def disconnect(
    request: Request, session: DbSession, page: Page, user: SignedInVisitor, provider: ProviderName
) -> Response:
    """Let the account no longer be entered through the provider."""
    try:
        async with undone_if_refused(session):
            await service.disconnect(session, user_id=user.id, provider=provider)
    except AppError as error:
        form = Form[BaseModel](message=error.detail)
        return await _connected_page(request, session, page, form, error.status)
    return RedirectResponse(CONNECTED, 303)


async def _connected_page(
    request: Request, session: DbSession, page: Page, form: Form[BaseModel], status: int
) -> Response:
    visitor = page.visitor
    identities = (
        await service.list_identities(session, user_id=visitor.id) if visitor is not None else ()
    )
    connected = {identity.provider: identity for identity in identities}
    offered = request.app.state.oauth.offered
    shown = [name for name in ProviderName if name in offered or name in connected]
    return render(
        request,
        "connected.html",
        status=status,
        page=page,
        form=form,
        connected=connected,
        offered=offered,
        shown=shown,
    )


def _callback(provider: ProviderName, settings: Settings) -> str:
    """Return where the provider sends the browser back to, whatever host the request named."""
    return f"{settings.public_url}/sign-in/{provider}/callback"


def _keep(response: Response, departure: trips.Departure, settings: Settings) -> None:
    seconds = int(trips.LIFETIME.total_seconds())
    OAUTH.write(response, departure.browser_token, settings, seconds=seconds)
