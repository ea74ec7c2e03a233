"""What endpoints of the staff write their acts down with."""

from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import Actor, Facts, record
from app.core.client_address import ClientAddress
from app.core.deps import CurrentUser, DbSession

MAX_USER_AGENT_CHARACTERS = 200


class Trail:
    """Writes down what the one who asks does, in the request's transaction."""

    def __init__(self, session: AsyncSession, actor: Actor) -> None:
        self._session = session
        self.actor = actor

    async def record(
        self,
        action: str,
        thing_id: int | str | None = None,
        *,
        before: Facts | None = None,
        after: Facts | None = None,
    ) -> None:
        """Write an act down, as ``app.audit.service.record`` says."""
        await record(
            self._session,
            actor=self.actor,
            action=action,
            thing_id=thing_id,
            before=before,
            after=after,
        )


async def get_trail(
    request: Request, session: DbSession, staff: CurrentUser, address: ClientAddress
) -> Trail:
    """Return what the request's acts are written down with."""
    agent = request.headers.get("user-agent")
    actor = Actor(
        name=staff.email,
        account_id=staff.id,
        client=address,
        user_agent=agent[:MAX_USER_AGENT_CHARACTERS] if agent else None,
    )
    return Trail(session, actor)


AuditTrail = Annotated[Trail, Depends(get_trail, scope="function")]
"""For every endpoint with which staff change something; tests find one that records nothing."""
