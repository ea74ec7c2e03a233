"""The one place that asks what time it is; everything below is told."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


Now = Annotated[datetime, Depends(utc_now)]
"""The moment of the request, for services that take ``now``."""
