"""Run every check and say which failed: those that run no tests side by side, then the tests.

``--static`` leaves out the tests; ``--coverage`` runs those that run side by side alone, and counts
what they run. A browser test that finds no browser fails here, whereas plain
pytest skips it.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BIN = Path(sys.executable).parent

PARALLEL = ["-n", "3", "--dist", "worksteal"]
"""One more than the cores of a small machine: tests wait for servers, and who waits works not."""

COVERAGE = ["--cov", "--cov-report=term-missing:skip-covered"]
"""What `make coverage` adds, which fails where too little is run, and takes half as long again."""

ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
} | {"REQUIRE_BROWSER": "1"}
"""Tests start hundreds of processes: each would compile all that it loads, for two seconds."""

STATIC_CHECKS = {
    "Lint": ["ruff", "check", "."],
    "Format": ["ruff", "format", "--check", "."],
    "Types": ["mypy", "app", "tests", "bench", "scripts", "docs"],
    "Layers": ["lint-imports"],
    "Dependencies": ["deptry", "."],
}
BROWSER = {"Browser": ["python", "scripts/browser.py"]}
TESTS = {
    "Tests": ["pytest", *PARALLEL, "-m", "not alone"],
    "Tests alone": ["pytest", "-m", "alone"],
}
"""Races and overload are about the shop, not about who else is using the machine."""


def run(name: str, command: Sequence[str]) -> bool:
    """Run one check and tell whether it passed."""
    say(f"==> {name}: {' '.join(command)}\n")
    started = time.perf_counter()
    result = subprocess.run([BIN / command[0], *command[1:]], check=False, env=ENVIRONMENT)
    say(f"    {name} took {time.perf_counter() - started:.0f} s\n")
    return result.returncode == 0


def run_together(checks: Mapping[str, Sequence[str]]) -> list[str]:
    """Run checks side by side, print what each has to say, and return those that failed."""

    def run_quietly(command: Sequence[str]) -> tuple[int, str, float]:
        started = time.perf_counter()
        result = subprocess.run(
            [BIN / command[0], *command[1:]],
            check=False,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        return result.returncode, result.stdout, time.perf_counter() - started

    failed = []
    with ThreadPoolExecutor(len(checks)) as pool:
        for (name, command), (status, output, seconds) in zip(
            checks.items(), pool.map(run_quietly, checks.values()), strict=True
        ):
            say(f"==> {name}: {' '.join(command)}\n{output}    {name} took {seconds:.0f} s\n")
            if status:
                failed.append(name)
    return failed


def say(words: str) -> None:
    """Print at once, for what the checks print themselves comes next."""
    sys.stdout.write(words)
    sys.stdout.flush()


def main() -> None:
    """Run the checks; exit with 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--static", action="store_true", help="leave out the tests")
    parser.add_argument(
        "--coverage",
        action="store_true",
        help="run the tests, and tell which lines none of them runs",
    )
    arguments = parser.parse_args()
    if arguments.static:
        failed = run_together(STATIC_CHECKS)
    elif arguments.coverage:
        failed = [] if run("Coverage", [*TESTS["Tests"], *COVERAGE]) else ["Coverage"]
    else:
        failed = run_together(STATIC_CHECKS | BROWSER)
        failed += [name for name, command in TESTS.items() if not run(name, command)]
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
