"""Jobs that failed for good."""

import json
from datetime import UTC
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app import local
from app.audit.service import command_line, record
from app.commands.terminal import fail, out
from app.core import garbage
from app.db.session import dispose_engine, session_scope
from app.jobs.queue import ParkedJob, parked, requeue

MAX_JOB_ID = 2**63 - 1

app = typer.Typer(help="Jobs that failed for good.", no_args_is_help=True, add_completion=False)


@app.command("parked")
def list_parked(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at the most.")] = 100,
) -> None:
    """List the jobs that failed as often as they may, the newest first.

    They stay until they are queued again. The worker's log says why each of them failed.

    Example: bookstore jobs parked --limit 20
    """
    with local.local_database():
        found = garbage.run(_parked(limit))
    if not found:
        out.print("No job is parked.")
        return
    table = Table("id", "job", "attempts", "parked (UTC)", "arguments")
    for job in found:
        moment = f"{job.parked_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        arguments = escape(json.dumps(job.arguments))
        table.add_row(str(job.id), job.name, str(job.attempts), moment, arguments)
    out.print(table)


@app.command("requeue")
def queue_again(
    job_id: Annotated[
        int, typer.Argument(min=1, max=MAX_JOB_ID, help="Its id, as jobs parked shows it.")
    ],
) -> None:
    """Let a parked job be tried again from the beginning, once its cause is mended.

    Example: bookstore jobs requeue 42
    """
    with local.local_database():
        found = garbage.run(_requeue(job_id))
    if not found:
        fail(f"No parked job has the id {job_id}. Try: bookstore jobs parked")
    out.print(f"Job {job_id} waits in the queue again.")


async def _parked(limit: int) -> list[ParkedJob]:
    async with session_scope() as session:
        found = await parked(session, limit=limit)
    await dispose_engine()
    return found


async def _requeue(job_id: int) -> bool:
    async with session_scope() as session:
        found = await requeue(session, job_id)
        if found:
            await record(session, actor=command_line(), action="job.requeue", thing_id=job_id)
    await dispose_engine()
    return found
