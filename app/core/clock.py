"""The one place that asks what time it is; everything below is told."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


async def request_time() -> datetime:
    """Return the present moment. Asynchronous, since FastAPI runs what is not in a thread."""
    return utc_now()


Now = Annotated[datetime, Depends(request_time)]
"""The moment of the request, for services that take ``now``."""
