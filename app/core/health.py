"""Liveness and readiness."""

from functools import cache
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from app import __version__
from app.core.deps import DbSession
from app.db.migrations import current_revision, head_revision

router = APIRouter(tags=["health"])

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
async def live() -> Health:
    """Tell that the process lives. It asks nothing else, so that a dead database kills nobody."""
    return Health()


@router.get("/health/ready", responses={503: {"model": Readiness}})
async def ready(session: DbSession, response: Response) -> Readiness:
    """Tell whether the database answers and its schema is the one that this release needs."""
    try:
        revision = await current_revision(session)
    except (SQLAlchemyError, OSError):
        await session.rollback()  # a transaction whose connection broke cannot be committed
        reasons = ["The database does not answer."]
    else:
        if revision == newest_revision():
            return Readiness(status="ready")
        reasons = [f"The schema is at {revision}, not at {newest_revision()}: bookstore db migrate"]
    response.status_code = 503
    return Readiness(status="not ready", reasons=reasons)
