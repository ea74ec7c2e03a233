"""How often the worker does what, and how long it waits."""

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class Timings:
    """All in seconds."""

    poll: float = 0.5
    """How long a job may go unnoticed by an idle worker."""

    heartbeat: float = 5.0
    dead_after: float = 30.0
    """A worker that was not heard of for so long is dead."""

    sweep: float = 5.0
    """How often each worker looks for jobs of dead workers."""

    grace: float = 20.0
    """How long jobs in hand may take when the worker is told to stop. No heartbeat is sent
    meanwhile, so with the last one's age this stays below ``dead_after``."""

    first_pause: float = 2.0
    longest_pause: float = 300.0

    @property
    def longest_lease(self) -> float:
        """How long a job can stay with a worker that died, at most."""
        return self.heartbeat + self.dead_after + self.sweep

    def pause_after(self, attempts: int) -> timedelta:
        """Return how long to wait after so many failures: doubling, up to the longest.

        Up to half of it is taken off at random, so that what failed together is not tried
        together: neither calls that were too many for a service, nor a job and those that it
        took down with its worker.
        """
        seconds = min(self.first_pause * 2.0 ** (attempts - 1), self.longest_pause)
        return timedelta(seconds=seconds * random.uniform(0.5, 1.0))  # noqa: S311 (guards nothing)


PRODUCTION = Timings()
