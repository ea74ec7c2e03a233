"""Where a process can die: before and after each commit and each call of a payment gateway.

``Process(dies_at=n)`` counts these points while it runs something, and dies at the n-th. Whatever
it had not committed is undone, as PostgreSQL does for a connection that is gone.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from app.db.session import AsyncSessionLocal
from app.integrations.payments.gateway import (
    ChargeOutcome,
    ChargeRequest,
    GatewayEvent,
    PaymentGateway,
    RefundOutcome,
    RefundRequest,
)

T = TypeVar("T")


class Death(BaseException):
    """The process is gone. No error: nothing that handles errors may handle it."""


class Process:
    """Something that runs on the shop's database and dies at a point, if it comes so far."""

    def __init__(self, *, dies_at: int | None = None) -> None:
        self.dies_at = dies_at
        self.passed: list[str] = []
        self.died = False

    def pass_point(self, name: str) -> None:
        """Come to a point: go on, or die there. The dead do nothing more."""
        if self.died:
            raise Death
        self.passed.append(name)
        if len(self.passed) - 1 == self.dies_at:
            self.died = True
            raise Death

    async def run(self, act: Callable[[AsyncSession], Awaitable[T]]) -> T | None:
        """Do something with a session of the process's own; ``None`` if it died over it."""
        with self._watching_commits():
            session = AsyncSessionLocal()
            try:
                return await act(session)
            except Death:
                return None
            finally:
                await (session.invalidate() if self.died else session.close())

    @contextmanager
    def _watching_commits(self) -> Iterator[None]:
        process = self

        class WatchedSession(Session):
            def commit(self) -> None:
                process.pass_point("before a commit")
                super().commit()
                process.pass_point("after a commit")

        AsyncSessionLocal.configure(sync_session_class=WatchedSession)
        try:
            yield
        finally:
            AsyncSessionLocal.configure(sync_session_class=Session)


class WatchedGateway:
    """A gateway like the one inside, on the other side of the points at which a process dies."""

    def __init__(self, inside: PaymentGateway, process: Process) -> None:
        self.name = inside.name
        self._inside = inside
        self._process = process

    async def charge(self, request: ChargeRequest) -> ChargeOutcome:
        return await self._call("charge", self._inside.charge(request))

    async def look_up(self, reference: str) -> ChargeOutcome:
        return await self._call("look_up", self._inside.look_up(reference))

    async def cancel(self, reference: str) -> ChargeOutcome:
        return await self._call("cancel", self._inside.cancel(reference))

    async def refund(self, request: RefundRequest) -> RefundOutcome:
        return await self._call("refund", self._inside.refund(request))

    def read_event(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> GatewayEvent:
        return self._inside.read_event(body, headers, now=now)

    async def _call(self, name: str, call: Coroutine[None, None, T]) -> T:
        try:
            self._process.pass_point(f"before {name}")
        except Death:
            call.close()  # a coroutine that is never awaited
            raise
        answer = await call
        self._process.pass_point(f"after {name}")
        return answer
