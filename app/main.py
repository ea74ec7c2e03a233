"""The one place where the application is put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import structlog
from fastapi import FastAPI, Request
from starlette.types import Receive, Scope, Send

from app import __version__
from app.books.cover_router import UPLOAD_PATH
from app.books.imports.router import UPLOAD_PATH as IMPORT_PATH
from app.cart.deps import CART
from app.core import health
from app.core.config import Settings, get_settings
from app.core.exceptions import ErrorResponder
from app.core.garbage import collected_between_callbacks
from app.core.logging import configure_logging
from app.core.middleware import (
    BodyGuard,
    BodyLimit,
    HeadAsGet,
    PrivateAnswers,
    RequestContext,
    SecurityHeaders,
)
from app.core.security import prepare_hashing
from app.db.session import dispose_engine, open_connections
from app.integrations.oauth.factory import make_providers
from app.integrations.payments.factory import make_gateway
from app.integrations.storage import media_storage
from app.registry import API_ROUTERS, PAGE_ROUTERS
from app.storefront.errors import error_page, lead_to_sign_in, lead_to_two_step
from app.storefront.static import static_files
from app.users.deps import SESSION
from app.users.errors import SignInRequiredError
from app.users.two_step.errors import EnrolFirstError
from app.users.two_step.service import authenticate
from app.worker import work

log = structlog.get_logger(__name__)

DESCRIPTION = """
The shop as JSON. Read the catalogue freely; sign in at `/api/v1/auth/login` for the rest.

Every error is `{"detail", "code"}`, with `"field"` where one input is to blame.
"""


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Be ready before the first request; run the worker beside the server where settings say so."""
    await open_connections()
    await prepare_hashing()
    try:
        async with (
            collected_between_callbacks(),
            worker_beside() if get_settings().worker_in_process else nullcontext(),
        ):
            yield
    finally:
        await dispose_engine()


@asynccontextmanager
async def worker_beside() -> AsyncIterator[None]:
    """Run the worker for the time of the block, and let it finish its jobs.

    One that fails is told of at once, and takes neither the server nor its end with it.
    """
    stop = asyncio.Event()
    worker = asyncio.create_task(work(stop))
    worker.add_done_callback(tell_of_failure)
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait({worker})


def tell_of_failure(worker: asyncio.Task[None]) -> None:
    """Log why the worker ended, unless it was told to."""
    if not worker.cancelled() and (error := worker.exception()) is not None:
        log.error("worker failed: no job runs until the next start", exc_info=error)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application: routers, error handling, middleware, and what they plug into."""
    settings = settings or get_settings()
    configure_logging(settings)
    app = FastAPI(
        title=settings.shop_name,
        description=DESCRIPTION,
        version=__version__,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # such a redirect would repeat the Host that a client made up
    )
    app.state.authenticate = authenticate
    app.state.oauth = make_providers(settings)
    app.state.gateway = make_gateway(settings.payment_gateway, settings)
    app.state.storage = media_storage(settings)

    app.include_router(health.router)
    for router in API_ROUTERS:
        app.include_router(router, prefix="/api/v1")
    for router in PAGE_ROUTERS:
        app.include_router(router, include_in_schema=False)
    app.mount("/static", static_files, name="static")

    errors = ErrorResponder(error_page)
    errors.install(app)
    app.add_exception_handler(SignInRequiredError, lead_to_sign_in)
    app.add_exception_handler(EnrolFirstError, lead_to_two_step)

    async def answer_unforeseen(
        scope: Scope, receive: Receive, send: Send, error: Exception
    ) -> None:
        response = await errors.on_unforeseen(Request(scope), error)
        await response(scope, receive, send)

    app.add_middleware(
        BodyGuard,
        max_bytes=settings.max_body_bytes,
        deadline_seconds=settings.body_deadline_seconds,
        limits={
            UPLOAD_PATH: BodyLimit(
                max_bytes=settings.max_upload_bytes,
                deadline_seconds=settings.upload_deadline_seconds,
            ),
            IMPORT_PATH: BodyLimit(
                max_bytes=settings.max_import_bytes,
                deadline_seconds=settings.import_upload_deadline_seconds,
            ),
        },
    )
    app.add_middleware(RequestContext, on_unforeseen=answer_unforeseen)
    app.add_middleware(HeadAsGet)
    app.add_middleware(
        PrivateAnswers,
        cookies=[SESSION.name(settings), CART.name(settings)],
        paths=("/api/v1/auth/",),
    )
    app.add_middleware(SecurityHeaders, over_https=settings.uses_secure_cookies)
    return app


app = create_app()
