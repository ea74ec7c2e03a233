"""The worker by itself."""

import typer

from app import worker

app = typer.Typer(add_completion=False)


@app.command()
def run_worker() -> None:
    """Run jobs: mails, schedules, and orders whose gateway did not answer.

    Example: bookstore worker
    """
    worker.main()
