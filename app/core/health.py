"""Liveness and readiness."""

import asyncio
from functools import cache
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from app import __version__
from app.core.rights import open_to_all
from app.db.migrations import current_revision, head_revision
from app.db.session import session_scope

router = APIRouter(tags=["health"])

DEADLINE_SECONDS = 2.0

newest_revision = cache(head_revision)


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str = __version__


class Readiness(BaseModel):
    """Whether requests should be sent here, and if not, why."""

    status: Literal["ready", "not ready"]
    reasons: list[str] = []


@router.get("/health")
@open_to_all
async def live() -> Health:
    """Tell that the process lives. It asks nothing else, so that a dead database kills nobody."""
    return Health()


@router.get("/health/ready", responses={503: {"model": Readiness}})
@open_to_all
async def ready(response: Response) -> Readiness:
    """Tell whether the database answers and its schema is the one that this release needs."""
    try:
        revision = await _read_revision_in_time()
    except (SQLAlchemyError, OSError):
        reasons = ["The database does not answer."]
    else:
        if revision == newest_revision():
            return Readiness(status="ready")
        reasons = [f"The schema is at {revision}, not at {newest_revision()}: bookstore db migrate"]
    response.status_code = 503
    return Readiness(status="not ready", reasons=reasons)


async def _read_revision_in_time() -> str | None:
    """Return the schema's revision.

    A connection to a database that hangs takes a while to be given up: that is not waited for.

    Raises:
        TimeoutError: the database has not answered within ``DEADLINE_SECONDS``.
    """
    reading = asyncio.create_task(_read_revision())
    done, _ = await asyncio.wait({reading}, timeout=DEADLINE_SECONDS)
    if done:
        return reading.result()
    reading.cancel()
    raise TimeoutError


async def _read_revision() -> str | None:
    async with session_scope() as session:
        return await current_revision(session)
