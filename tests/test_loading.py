"""What a server process loads before it answers."""

import subprocess
import sys

import pytest

from tests.servers import PROJECT

LATER = ("stripe", "fpdf", "fontTools", "xlsxwriter", "python_calamine")
"""What few requests need, or few shops."""


@pytest.mark.parametrize("name", LATER)
def test_a_server_does_not_load_what_few_need(name: str, loaded: set[str]) -> None:
    assert name not in loaded


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """The modules of a process that has loaded the shop as a server does."""
    code = "import sys; from app.server import load; load('app.main:app'); print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=PROJECT
    )
    modules = set(result.stdout.split())
    assert "app.registry" in modules
    return modules
