"""The job runner's entry."""

import asyncio

from app.core.config import get_settings
from app.core.garbage import collected_between_callbacks
from app.core.logging import configure_logging
from app.db.session import dispose_engine
from app.jobs.runner import run_worker
from app.registry import HANDLERS, JOBS


async def work(stop: asyncio.Event) -> None:
    """Run every job of the shop until ``stop`` is set. The caller watches for signals."""
    await run_worker(
        JOBS, HANDLERS, settings=get_settings(), stop=stop, install_signal_handlers=False
    )


async def work_alone() -> None:
    """Run every job of the shop until the process is asked to end, finishing those in hand."""
    async with collected_between_callbacks():
        await run_worker(JOBS, HANDLERS, settings=get_settings())
        await dispose_engine()


def main() -> None:
    """Run a worker process."""
    configure_logging(get_settings())
    # psycopg refuses the loop that Windows has by default; elsewhere this one is the default.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(work_alone())
