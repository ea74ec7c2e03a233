"""A worker process for the shop's own jobs, with everything that takes time made short."""

import asyncio

from app.core.config import get_settings
from app.core.logging import configure_logging
from app.db.session import dispose_engine
from app.jobs.runner import run_worker
from app.registry import HANDLERS, JOBS
from tests.jobs.sample_worker import QUICK


async def work() -> None:
    await run_worker(JOBS, HANDLERS, settings=get_settings(), timings=QUICK)
    await dispose_engine()


if __name__ == "__main__":
    configure_logging(get_settings())
    asyncio.run(work())
