"""The worker: runs jobs and schedules, and takes over from workers that died."""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Sequence
from typing import Any

import procrastinate
import structlog
from procrastinate.worker import Worker as QueueWorker
from sqlalchemy import make_url

from app.core.config import Settings
from app.db.session import session_scope
from app.jobs.outbox import Handler, outbox_jobs
from app.jobs.queue import Job
from app.jobs.retries import BackOff, held_jobs, release_abandoned
from app.jobs.timings import PRODUCTION, Timings

log = structlog.get_logger(__name__)

RECONNECT_SECONDS = 2.0
CONNECT_TIMEOUT_SECONDS = 10.0
MAX_CONNECTIONS = 3
ASK_AGAIN_SECONDS = 0.1
"""How soon a task that was told to end, and goes on, is told again."""

LIBPQ_OPTIONS = {"ssl": "sslmode", "host": "host", "port": "port"}
"""What asyncpg's URL and libpq's both can say, and how libpq calls it."""


async def run_worker(
    jobs: Sequence[Job],
    handlers: Sequence[Handler],
    *,
    settings: Settings,
    concurrency: int = 4,
    stop: asyncio.Event | None = None,
    install_signal_handlers: bool = True,
    timings: Timings = PRODUCTION,
) -> None:
    """Run jobs, schedules and event handlers until ``stop`` is set or a signal asks for the end.

    Jobs in hand are finished first, within ``timings.grace``. A database that goes away is
    waited for.

    Args:
        jobs: what can be run. Each of their queues gets its own slots.
        handlers: who hears of events; each is a job of its own.
        settings: where the database is.
        concurrency: how many jobs of a queue are run at once.
        stop: set by whoever wants the end.
        install_signal_handlers: whether SIGTERM and SIGINT ask for the end.
        timings: how often it looks, and how long it waits.
    """
    stop = stop or asyncio.Event()
    if install_signal_handlers:
        _set_on_signal(stop)
    await Worker(jobs, handlers, settings=settings, concurrency=concurrency, timings=timings).run(
        stop
    )


class Worker:
    """Runs jobs until it is told to stop, each queue in a lane of its own.

    Several may run, in one process or many: each job is taken by one of them.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        handlers: Sequence[Handler],
        *,
        settings: Settings,
        concurrency: int = 4,
        timings: Timings = PRODUCTION,
    ) -> None:
        every = (*jobs, *outbox_jobs(handlers))
        self._lanes = [
            Lane(
                queue,
                every,
                conninfo=libpq_url(settings.database_url),
                concurrency=concurrency,
                timings=timings,
            )
            for queue in sorted({job.queue for job in every})
        ]

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set."""
        await asyncio.gather(*(lane.run(stop) for lane in self._lanes))


class Lane:
    """Runs the jobs of one queue, and the schedules of those jobs.

    It knows the other queues' jobs too, for those that an older release queued here.
    """

    def __init__(
        self,
        queue: str,
        jobs: Sequence[Job],
        *,
        conninfo: str,
        concurrency: int,
        timings: Timings,
    ) -> None:
        self._queue = queue
        self._jobs = jobs
        self._conninfo = conninfo
        self._concurrency = concurrency
        self._timings = timings
        self._running: set[int] = set()
        self._unaccounted: set[int] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set."""
        log.info("worker started", queue=self._queue, concurrency=self._concurrency)
        while not stop.is_set():
            try:
                await self._serve(stop)
            except Exception as error:  # noqa: BLE001 (whatever broke, the queue must be served)
                log.warning("worker starts again", error=_root(error))
            await _until(stop, asyncio.sleep(RECONNECT_SECONDS))
        log.info("worker stopped", queue=self._queue)

    async def _serve(self, stop: asyncio.Event) -> None:
        """Work on one set of connections until ``stop`` is set or something breaks."""
        app = self._new_app()
        worker = QueueWorker(
            app,
            queues=[self._queue],
            concurrency=self._concurrency,
            fetch_job_polling_interval=self._timings.poll,
            shutdown_graceful_timeout=self._timings.grace,
            listen_notify=False,
            # The queue holds only what is to be done and what failed, so taking a job stays cheap.
            delete_jobs="successful",
            install_signal_handlers=False,
            update_heartbeat_interval=self._timings.heartbeat,
            stalled_worker_timeout=self._timings.dead_after,
        )
        sweeping = asyncio.create_task(self._sweep_forever(worker))
        try:
            await _until(stop, app.open_async())
            if not stop.is_set():
                await _work_until(stop, worker)
        finally:
            await _end(sweeping)
            await app.close_async()

    def _new_app(self) -> procrastinate.App:
        app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                conninfo=self._conninfo,
                min_size=1,
                max_size=MAX_CONNECTIONS,
                timeout=CONNECT_TIMEOUT_SECONDS,
                kwargs={
                    "application_name": "bookstore-worker",
                    "prepare_threshold": None,  # PgBouncer hands out another connection each time
                },
            )
        )
        for job in self._jobs:
            self._register(app, job)
        # These lines carry the arguments; ours say the same without.
        logging.getLogger("procrastinate.worker").addFilter(_drop)
        return app

    def _register(self, app: procrastinate.App, job: Job) -> None:
        async def run(context: procrastinate.JobContext, /, **arguments: Any) -> None:
            await self._run(job, context.job, arguments)

        scheduled = job.name if job.cron else None
        task: Any = app.task(
            name=job.name,
            queue=job.queue,
            priority=job.priority.value,
            lock=scheduled,
            queueing_lock=scheduled,
            pass_context=True,
            retry=BackOff(job.max_attempts, self._timings),
        )(run)
        if job.cron is not None and job.queue == self._queue:
            app.periodic(cron=job.cron)(task)

    async def _run(
        self, job: Job, queued: procrastinate.jobs.Job, arguments: dict[str, Any]
    ) -> None:
        arguments.pop("timestamp", None)  # when a schedule was due: no job needs it
        assert queued.id is not None  # noqa: S101 (the library's type is for unsaved jobs too)
        job_log = log.bind(job=job.name, job_id=queued.id, attempt=queued.attempts + 1)
        job_log.info("job started")
        self._running.add(queued.id)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(job.timeout_seconds):
                await job.function(**arguments)
        except BaseException as error:
            is_last = queued.attempts + 1 >= job.max_attempts
            job_log.exception(
                "job failed",
                error=type(error).__name__,
                is_last=is_last,
                milliseconds=_milliseconds_since(started),
            )
            raise
        finally:
            self._running.discard(queued.id)
        job_log.info("job done", milliseconds=_milliseconds_since(started))

    async def _sweep_forever(self, worker: QueueWorker) -> None:
        while True:
            try:
                await self._sweep(worker.worker_id)
            except Exception as error:  # noqa: BLE001 (the next sweep does what this one could not)
                log.warning("sweep failed", error=_root(error))
            await asyncio.sleep(self._timings.sweep)

    async def _sweep(self, worker_id: int | None) -> None:
        """Release the jobs of dead workers, and those that this one lost.

        A job is lost when two sweeps find it in the worker's name and not in its hands: one alone
        may have come between taking the job and starting it, or ending it and saying so.
        """
        async with session_scope() as session:
            held = await held_jobs(session, worker_id=worker_id) if worker_id is not None else set()
            unaccounted = held - self._running
            released = await release_abandoned(
                session,
                max_attempts={job.name: job.max_attempts for job in self._jobs},
                timings=self._timings,
                worker_id=worker_id,
                lost=unaccounted & self._unaccounted,
            )
        self._unaccounted = unaccounted
        for job in released:
            log.warning(
                "job abandoned",
                job=job.name,
                job_id=job.id,
                attempt=job.attempts,
                is_last=job.parked,
            )


def libpq_url(url: str) -> str:
    """Return the database's URL as libpq understands it."""
    parsed = make_url(url)
    query = {
        LIBPQ_OPTIONS[name]: value for name, value in parsed.query.items() if name in LIBPQ_OPTIONS
    }
    return parsed.set(drivername="postgresql", query=query).render_as_string(hide_password=False)


async def _until(stop: asyncio.Event, work: Awaitable[Any]) -> None:
    """Run the work until it ends or ``stop`` is set, which cancels it; wait for its end."""
    working = asyncio.ensure_future(work)
    try:
        await _first(stop, working)
    finally:
        await _end(working)
    _raise_failure(working)


async def _work_until(stop: asyncio.Event, worker: QueueWorker) -> None:
    """Run the worker until something breaks or ``stop`` is set; let it finish the jobs in hand."""
    running = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call] # no annotation
    try:
        await _first(stop, running)
    finally:
        while not running.done():
            # Before its loop runs it hears only of a cancellation, which it may lose; from then
            # on only of a stop, for a cancellation would end the jobs too.
            if worker.run_task is None:
                running.cancel()
            else:
                worker.stop()  # type: ignore[no-untyped-call] # no annotation
            await asyncio.wait({running}, timeout=ASK_AGAIN_SECONDS)
    _raise_failure(running)


async def _first(stop: asyncio.Event, task: asyncio.Future[Any]) -> None:
    """Wait until ``stop`` is set or the task is done."""
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()


async def _end(task: asyncio.Future[Any]) -> None:
    """Cancel a task until it is done: libraries catch cancellations, and may lose one."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=ASK_AGAIN_SECONDS)


def _raise_failure(done: asyncio.Future[Any]) -> None:
    """Raise what a task failed with, if it did and was not merely told to end."""
    if not done.cancelled():
        done.result()


def _set_on_signal(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # pragma: no cover (Windows)
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


def _drop(_record: logging.LogRecord) -> bool:
    return False


def _root(error: BaseException) -> str:
    """Return what the database's driver said, which libraries wrap into less."""
    while error.__cause__ is not None:
        error = error.__cause__
    return repr(error)


def _milliseconds_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
