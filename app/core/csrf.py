"""Forms are taken only from the shop's own pages.

Two checks of which each would do: the browser's own word on where the request comes from (Fetch
Metadata, else ``Origin``), and a token in the form that equals the one in the browser's cookie.
"""

import hmac
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from itsdangerous import BadSignature

from app.core.config import Settings
from app.core.cookies import Cookie
from app.core.deps import AppSettings
from app.core.exceptions import AppError
from app.core.security import new_opaque_token
from app.core.signing import signer

COOKIE = Cookie("csrf")
FIELD = "csrf_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class CsrfError(AppError):
    """The request was not sent from a page of this shop, or that page is very old."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "CSRF_REFUSED"
    detail = "This form is no longer valid. Please go back, reload the page and send it again."


def _signed_by_us(token: str, settings: Settings) -> bool:
    try:
        signer("csrf", settings).loads(token)
    except BadSignature:
        return False
    return True


async def get_csrf_token(request: Request, settings: AppSettings) -> str:
    """Return the token that the page's forms carry: the browser's own, else a new one."""
    known = COOKIE.read(request, settings) or ""
    if known and _signed_by_us(known, settings):
        return known
    token = str(signer("csrf", settings).dumps(new_opaque_token()))
    request.state.new_csrf_token = token
    return token


CsrfToken = Annotated[str, Depends(get_csrf_token)]


def set_csrf_cookie(request: Request, response: Response, settings: Settings) -> None:
    """Let the browser keep the token, if this request made a new one."""
    token = getattr(request.state, "new_csrf_token", None)
    if token is not None:
        COOKIE.write(response, token, settings)


def refuse_foreign_requests(request: Request) -> None:
    """Let no other site act in a browser's name, by the browser's word on where a request is from.

    For JSON that a cookie speaks for. Programs that are no browsers say nothing and are let
    through: nobody can make them send a cookie of another's.

    Raises:
        CsrfError: the request would change something, and a page of another site sent it.
    """
    if request.method not in SAFE_METHODS and not _comes_from_here(request):
        raise CsrfError


async def refuse_foreign_forms(request: Request, settings: AppSettings) -> None:
    """Let only forms of the shop's own pages through.

    Raises:
        CsrfError: the request comes from elsewhere, or carries no or another browser's token.
    """
    if request.method in SAFE_METHODS:
        return
    refuse_foreign_requests(request)
    form = await request.form()
    sent = form.get(FIELD)
    expected = COOKIE.read(request, settings) or ""
    if not (
        isinstance(sent, str)
        and expected
        and hmac.compare_digest(sent.encode("utf-8", "replace"), expected.encode())
        and _signed_by_us(expected, settings)
    ):
        raise CsrfError


CsrfProtected = Depends(refuse_foreign_forms)
"""For routers of pages: ``APIRouter(dependencies=[CsrfProtected])``."""


def _comes_from_here(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc == request.headers.get("host")
    except ValueError:  # no address at all, hence not ours
        return False
