"""Recorded requests as scripts of pgbench, which sends them as fast as PostgreSQL answers.

A script sends what the application sent: the same text, parameters as parameters (prepared, so
that the server plans alike), BEGIN and COMMIT at the same places. What the application computes
in between is left out, and so are the round trips by which its pool asks whether a connection
is alive.
"""

import os
import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.db.embedded import EmbeddedPostgres
from bench.record import Recording, RecordingError

PLACEHOLDER = re.compile(r"\$(\d+)")
PROGRESS = re.compile(r"progress: ([\d.]+) s, ([\d.]+) tps, .* (\d+) failed")
PROCESSED = re.compile(r"number of transactions actually processed: (\d+)")
JOBS = 2
GRACE_SECONDS = 60

Value = tuple[type, str]
"""A parameter with its type, as 1 and True are equal and yet written differently."""


@dataclass(frozen=True)
class Script:
    """A script of pgbench, run ``weight`` times as often as one with the weight 1.

    ``constants`` are variables that it takes from the command line.
    """

    text: str
    weight: int = 1
    constants: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Varying:
    """What differs each time a recorded request is repeated.

    ``setup`` are pgbench's commands that set variables; they find one, ``turn``, that counts all
    clients' transactions from 0, so that no two have the same. ``values`` tells which recorded
    values these variables stand for; ``returned`` does so for columns that a statement, told by
    how it begins, returns.
    """

    setup: Sequence[str]
    values: Mapping[str, Any]
    returned: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Transactions per second after the warm-up, and how many there were in all."""

    rate: float
    transactions: int


class _Constants:
    """Values that pgbench sends as they were recorded; text can come from its options only."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def reference(self, value: Any) -> str:
        """Return what stands for the value in a script."""
        # No variable is NULL when statements are prepared, and no option makes an empty one.
        if value is None:
            return "NULL"
        text = _as_text(value)
        if not text:
            return "''"
        return f":{self.texts.setdefault(text, f'c{len(self.texts)}')}"


def read_scripts(recordings: Sequence[Recording]) -> list[Script]:
    """Return scripts that repeat the recorded reads, all equally often.

    Recordings that differ in numbers only share a script, which picks one of them each time.
    """
    constants = _Constants()
    groups: defaultdict[Any, list[Recording]] = defaultdict(list)
    for recording in recordings:
        groups[_shape(recording)].append(recording)
    texts = [(_read_script(group, constants), len(group)) for group in groups.values()]
    named = {name: text for text, name in constants.texts.items()}
    return [Script(text, weight, named) for text, weight in texts]


def write_script(recording: Recording, varying: Varying) -> Script:
    """Return a script that repeats a recorded write with other values each time.

    Raises:
        RecordingError: a value that should vary is nowhere in the recorded SQL, which has changed.
    """
    constants = _Constants()
    names: dict[Value, str] = {_key(value): name for name, value in varying.values.items()}
    for columns in varying.returned.values():
        names |= {_key(value): name for name, value in columns.items()}
    used: set[str] = set()
    lines = [r"\set n :n + 1", r"\set turn :n * :clients + :client_id", *varying.setup]
    for transaction in recording.transactions:
        lines.append("BEGIN;")
        for statement in transaction:
            references = []
            for value in statement.parameters:
                if name := names.get(_key(value)):
                    used.add(name)
                references.append(f":{name}" if name else constants.reference(value))
            lines.append(_filled(statement.sql, references) + _ending(statement.sql, varying))
        lines.append("COMMIT;")
    if unused := set(names.values()) - used:
        raise RecordingError(f"the recorded SQL has no place for {', '.join(sorted(unused))}")
    return Script("\n".join(lines), 1, {name: text for text, name in constants.texts.items()})


def run(
    server: EmbeddedPostgres,
    scripts: Sequence[Script],
    *,
    database: str,
    connections: int,
    warmup_seconds: int,
    seconds: int,
) -> Speed:
    """Run the scripts and return how fast they were.

    Raises:
        RuntimeError: a statement failed.
    """
    constants = {name: text for script in scripts for name, text in script.constants.items()}
    with tempfile.TemporaryDirectory() as directory:
        files = []
        for number, script in enumerate(scripts):
            path = Path(directory) / f"{number}.sql"
            path.write_text(script.text + "\n", "utf-8")
            files += ["--file", f"{path}@{script.weight}"]
        completed = subprocess.run(
            [
                server.binary("pgbench"),
                "--no-vacuum",
                "--protocol=prepared",
                f"--client={connections}",
                f"--jobs={min(JOBS, connections)}",
                f"--time={warmup_seconds + seconds}",
                "--progress=1",
                *("--define=n=-1", f"--define=clients={connections}"),
                *(f"--define={name}={text}" for name, text in constants.items()),
                *files,
                database,
            ],
            env=os.environ | server.environment(),
            capture_output=True,
            text=True,
            timeout=warmup_seconds + seconds + GRACE_SECONDS,
            check=False,
        )
    output = completed.stdout + completed.stderr
    processed = PROCESSED.search(output)
    progress = [tuple(map(float, found)) for found in PROGRESS.findall(output)]
    if completed.returncode != 0 or processed is None or any(failed for *_, failed in progress):
        raise RuntimeError(f"pgbench failed:\n{output}")
    return Speed(
        rate=_rate_after(warmup_seconds, [(end, rate) for end, rate, _ in progress]),
        transactions=int(processed[1]),
    )


def _rate_after(warmup_seconds: int, progress: Sequence[tuple[float, float]]) -> float:
    """Return the mean rate of the intervals, told by end and rate, that begin after the warm-up."""
    transactions = 0.0
    seconds = 0.0
    begin = 0.0
    for end, rate in progress:
        if end > warmup_seconds + 0.5:
            transactions += rate * (end - begin)
            seconds += end - begin
        begin = end
    return transactions / seconds


def _shape(recording: Recording) -> Any:
    """Return what recordings have in common that differ in numbers only."""
    return tuple(
        tuple(
            (
                statement.sql,
                *(type(value) if _is_number(value) else value for value in statement.parameters),
            )
            for statement in transaction
        )
        for transaction in recording.transactions
    )


def _read_script(group: Sequence[Recording], constants: _Constants) -> str:
    setup = [rf"\set sample random(0, {len(group) - 1})"]
    names: dict[tuple[Any, ...], str] = {}
    body = []
    columns = [
        tuple(zip(*(recording.statements[number].parameters for recording in group), strict=True))
        for number in range(len(group[0].statements))
    ]
    position = 0
    for transaction in group[0].transactions:
        body.append("BEGIN;")
        for statement in transaction:
            references = []
            for values in columns[position]:
                if len(set(values)) == 1:
                    references.append(constants.reference(values[0]))
                    continue
                if values not in names:
                    names[values] = f"v{len(names)}"
                    setup.append(rf"\set {names[values]} {_choice(values)}")
                references.append(f":{names[values]}")
            body.append(_filled(statement.sql, references) + ";")
            position += 1
        body.append("COMMIT;")
    return "\n".join([*(setup if names else []), *body])


def _choice(values: Sequence[int]) -> str:
    """Return the expression for the value of the sample that was picked."""
    cases = " ".join(f"when :sample = {number} then {value}" for number, value in enumerate(values))
    return f"case {cases} end"


def _filled(sql: str, references: Sequence[str]) -> str:
    """Return the SQL with what stands for its parameters."""
    return PLACEHOLDER.sub(lambda found: references[int(found[1]) - 1], sql.strip().rstrip(";"))


def _ending(sql: str, varying: Varying) -> str:
    r"""Return ``;``, or pgbench's ``\gset`` after a statement whose answer is used later."""
    for beginning in varying.returned:
        if sql.lstrip().startswith(beginning):
            return r" \gset"
    return ";"


def _key(value: Any) -> Value:
    return type(value), str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _as_text(value: Any) -> str:
    """Return the value as PostgreSQL reads it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return rf"\x{value.hex()}"
    if isinstance(value, tuple):
        items = (str(item).replace("\\", r"\\").replace('"', r"\"") for item in value)
        return "{" + ",".join(f'"{item}"' for item in items) + "}"
    return str(value)
