"""Whether the time that an answer takes tells if an address has an account.

Requests about addresses with and without an account are sent in turn, in random order, one after
the other, each about another address. From the two sets of times the area under the curve (AUC) is
computed: how often the better of two guesses by time would be right. Half is none at all.
"""

import http.client
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.security import hash_password
from app.db.embedded import EmbeddedPostgres
from app.registry import Base
from bench.data import connect
from bench.requests import HOST

DATABASE = "bench_equal_times"
MOST = 0.55
"""From here on the times tell too much."""

WARM_UP = 20
SEED = 7
PASSWORD = "a few words of mine"  # noqa: S105 (of made-up accounts)
GUESS = "quite other words"
FILL = """
INSERT INTO users (email, password_hash, email_verified_at)
SELECT kind || n || '@example.com', CASE kind WHEN 'known' THEN $2 END, now()
FROM generate_series(1, $1) AS n, unnest(ARRAY['known', 'oauth']) AS kind
"""

Body = Callable[[str], dict[str, str]]


@dataclass
class Case:
    """A request that could tell, and the milliseconds that it took for either kind of address."""

    title: str
    path: str
    kind: str
    body: Body
    status: int
    with_account: list[float] = field(default_factory=list)
    without: list[float] = field(default_factory=list)

    @property
    def auc(self) -> float:
        """Return how well the times tell, at best: 0.5 is not at all, 1 always."""
        area = area_under_curve(self.with_account, self.without)
        return max(area, 1 - area)


def area_under_curve(ones: Sequence[float], others: Sequence[float]) -> float:
    """Return how often one of the ones is greater than one of the others; equal counts half."""
    ranked = sorted([(value, True) for value in ones] + [(value, False) for value in others])
    total, start = 0.0, 0
    while start < len(ranked):
        end = start
        while end < len(ranked) and ranked[end][0] == ranked[start][0]:
            end += 1
        rank = (start + 1 + end) / 2  # of equal values, all have the middle one
        total += rank * sum(is_one for _, is_one in ranked[start:end])
        start = end
    return (total - len(ones) * (len(ones) + 1) / 2) / (len(ones) * len(others))


async def make_accounts(server: EmbeddedPostgres, *, count: int) -> None:
    """Have a database with so many accounts with a password, and so many without."""
    server.ensure_database(DATABASE)
    async with connect(server, DATABASE) as connection:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    engine = create_async_engine(server.url(DATABASE))
    async with engine.begin() as schema:
        await schema.run_sync(Base.metadata.create_all)
    await engine.dispose()
    async with connect(server, DATABASE) as connection:
        await connection.execute(FILL, count + WARM_UP, await hash_password(PASSWORD))
        await connection.execute("VACUUM ANALYZE")


def measure_times(port: int, *, timings: int) -> Iterator[Case]:
    """Time every case, so many requests of either kind, and yield it.

    Raises:
        RuntimeError: an answer has another status than it must have, or other bytes.
    """
    cases = [
        Case("sign in", "/api/v1/auth/login", "known", _credentials, 401),
        Case("sign in, no password", "/api/v1/auth/login", "oauth", _credentials, 401),
        Case("sign up", "/api/v1/auth/register", "known", _credentials, 202),
        Case("forgotten password", "/api/v1/auth/password/forgot", "known", _address, 202),
    ]
    chance = random.Random(SEED)
    for case in cases:
        connection = http.client.HTTPConnection(HOST, port, timeout=30)
        bodies = set()
        for number in range(1, timings + WARM_UP + 1):
            pair = [(case.kind, case.with_account), (f"no-{case.kind}-", case.without)]
            chance.shuffle(pair)
            for name, times in pair:
                taken, answer = _ask(connection, case, f"{name}{number}@example.com")
                bodies.add(answer)
                if number > WARM_UP:
                    times.append(taken)
        connection.close()
        if len(bodies) != 1:
            raise RuntimeError(f"{case.title}: the answers differ: {bodies}")
        yield case


def print_cases(console: Console, cases: Sequence[Case]) -> None:
    """Print a table."""
    table = Table("request", "timings", "account, p50 ms", "none, p50 ms", "AUC", box=SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    for case in cases:
        table.add_row(
            case.title,
            f"{len(case.with_account):,} each",
            f"{median(case.with_account):.2f}",
            f"{median(case.without):.2f}",
            f"{case.auc:.3f}",
        )
    console.print(table)


def _credentials(email: str) -> dict[str, str]:
    return {"email": email, "password": GUESS}


def _address(email: str) -> dict[str, str]:
    return {"email": email}


def _ask(connection: http.client.HTTPConnection, case: Case, email: str) -> tuple[float, bytes]:
    body = json.dumps(case.body(email)).encode()
    headers = {"Content-Type": "application/json"}
    begun = time.perf_counter()
    connection.request("POST", case.path, body=body, headers=headers)
    response = connection.getresponse()
    answer = response.read()
    taken = (time.perf_counter() - begun) * 1000
    if response.status != case.status:
        raise RuntimeError(f"{case.title}: {response.status} {answer[:200]!r}")
    return taken, answer
