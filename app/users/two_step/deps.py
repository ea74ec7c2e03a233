"""Who may set up a second step: also staff that may do nothing else before they have."""

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials

from app.core.clock import Now
from app.core.deps import DbSession, NotSignedInError, Principal, bearer
from app.users.service import authenticate


async def get_enrolling_user(
    session: DbSession,
    now: Now,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Principal:
    """Return the account that the request's access token belongs to."""
    if credentials is None:
        raise NotSignedInError(headers={"WWW-Authenticate": "Bearer"})
    return await authenticate(session, token=credentials.credentials, now=now)


EnrollingUser = Annotated[Principal, Depends(get_enrolling_user, scope="function")]
