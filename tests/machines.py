"""State machines that Hypothesis drives over one database, of which everything is undone."""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar, cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app.core.exceptions import AppError

STEPS = 40

T = TypeVar("T")


class DatabaseMachine(RuleBasedStateMachine):
    """Acts in a transaction that is rolled back at the end, whatever was committed in it."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.engine = create_async_engine(url, poolclass=NullPool)
        self.connection = self.runner.run(self.engine.connect().start())
        self.runner.run(self.connection.begin().start())
        self.session = AsyncSession(
            self.connection,
            expire_on_commit=False,
            autoflush=False,
            join_transaction_mode="create_savepoint",
        )

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        """Return what an act gives, which knows nothing of those before it, as a request."""
        self.session.expunge_all()
        return self.runner.run(act)

    def answer(self, act: Coroutine[Any, Any, T]) -> T | type[AppError]:
        """Return what an act gives, or as what it is refused."""
        try:
            return self.run(act)
        except AppError as error:
            return type(error)

    def teardown(self) -> None:
        self.run(self.session.close())
        self.run(self.connection.close())
        self.run(self.engine.dispose())
        self.runner.close()


def drive(machine: type[DatabaseMachine], engine: AsyncEngine, *, runs: int) -> None:
    """Let Hypothesis think of so many sequences of acts on the engine's database."""
    url = engine.url.render_as_string(hide_password=False)
    run_state_machine_as_test(
        cast(type[RuleBasedStateMachine], partial(machine, url)),
        settings=settings(
            max_examples=runs,
            stateful_step_count=STEPS,
            deadline=None,
            phases=[Phase.generate],  # shrinking takes minutes, and forty steps can be read
            suppress_health_check=list(HealthCheck),
        ),
    )
