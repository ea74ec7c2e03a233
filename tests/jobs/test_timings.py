from datetime import timedelta

import pytest

from app.jobs.timings import PRODUCTION, Timings
from app.server import DRAIN_SECONDS
from tests.jobs.sample_worker import QUICK
from tests.servers import PROJECT

LONGEST_LEASE_PROMISED = 60.0


def test_no_job_stays_with_a_dead_worker_for_longer_than_promised() -> None:
    assert PRODUCTION.longest_lease == 40.0
    assert PRODUCTION.longest_lease < LONGEST_LEASE_PROMISED


@pytest.mark.parametrize("timings", [PRODUCTION, QUICK])
def test_worker_that_ends_in_good_order_is_not_taken_for_dead(timings: Timings) -> None:
    assert timings.heartbeat + timings.grace < timings.dead_after


@pytest.mark.parametrize(
    ("attempts", "longest"), [(1, 2.0), (2, 4.0), (7, 128.0), (8, 256.0), (9, 300.0), (999, 300.0)]
)
def test_pauses_double_up_to_a_limit_and_differ(attempts: int, longest: float) -> None:
    pauses = {PRODUCTION.pause_after(attempts) for _ in range(200)}
    assert min(pauses) >= timedelta(seconds=longest / 2)
    assert max(pauses) <= timedelta(seconds=longest)
    assert max(pauses) - min(pauses) > timedelta(seconds=longest / 4)


def test_operators_are_told_how_long_a_stop_takes() -> None:
    manual = " ".join((PROJECT / "docs" / "operations.md").read_text().split())
    assert f"requests in flight are finished within {DRAIN_SECONDS} seconds" in manual
    assert f"jobs in hand within {PRODUCTION.grace:.0f}" in manual
