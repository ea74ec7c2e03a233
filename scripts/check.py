"""Run every check, one after the other, and say which failed.

``--static`` leaves out the tests. A browser test that finds no browser fails here, whereas plain
pytest skips it.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent

COVERAGE = ["--cov", "--cov-report=term-missing:skip-covered"]
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
} | {"REQUIRE_BROWSER": "1"}
"""Tests start hundreds of processes: each would compile all that it loads, for two seconds."""

STATIC_CHECKS = {
    "Lint": ["ruff", "check", "."],
    "Format": ["ruff", "format", "--check", "."],
    "Types": ["mypy", "app", "tests", "bench", "scripts"],
    "Layers": ["lint-imports"],
    "Dependencies": ["deptry", "."],
}
TESTS = {
    "Browser": ["python", "scripts/browser.py"],
    "Tests": ["pytest", "-n", "2", "-m", "not alone", *COVERAGE],
    "Tests alone": ["pytest", "-m", "alone"],
}
"""Races and overload are about the shop, not about who else is using the machine, and not about
servers that are slowed down by counting the lines that they run."""


def run(name: str, command: list[str]) -> bool:
    """Run one check and tell whether it passed."""
    sys.stdout.write(f"==> {name}: {' '.join(command)}\n")
    sys.stdout.flush()
    started = time.perf_counter()
    result = subprocess.run([BIN / command[0], *command[1:]], check=False, env=ENVIRONMENT)
    sys.stdout.write(f"    {name} took {time.perf_counter() - started:.0f} s\n")
    return result.returncode == 0


def main() -> None:
    """Run the checks; exit with 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--static", action="store_true", help="leave out the tests")
    arguments = parser.parse_args()
    checks = dict(STATIC_CHECKS)
    if not arguments.static:
        checks |= TESTS
    failed = [name for name, command in checks.items() if not run(name, command)]
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
