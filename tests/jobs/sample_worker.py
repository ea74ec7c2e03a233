"""A worker process for the sample jobs, with everything that takes time made short."""

import asyncio

from app.core.config import get_settings
from app.core.logging import configure_logging
from app.db.session import dispose_engine
from app.jobs.runner import run_worker
from app.jobs.timings import Timings
from tests.jobs.sample_jobs import HANDLERS, JOBS

QUICK = Timings(
    poll=0.1,
    heartbeat=0.5,
    dead_after=2.0,
    sweep=0.5,
    grace=1.4,
    first_pause=0.2,
    longest_pause=0.4,
)


async def work() -> None:
    await run_worker(JOBS, HANDLERS, settings=get_settings(), timings=QUICK)
    await dispose_engine()


if __name__ == "__main__":
    configure_logging(get_settings())
    asyncio.run(work())
