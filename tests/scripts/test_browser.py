"""Which browser is found, and what happens to the journey where there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.browser import find_browser
from tests.servers import PROJECT


def make_program(path: Path) -> str:
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CHROMIUM", "PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


@pytest.mark.usefixtures("nothing_installed")
def test_no_browser_is_found_where_there_is_none() -> None:
    assert find_browser() is None


def test_a_browser_on_the_path_is_found(nothing_installed: Path) -> None:
    program = make_program(nothing_installed / "bin" / "google-chrome")
    assert find_browser() == program


def test_the_named_browser_comes_first_and_nothing_replaces_it(
    nothing_installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_program(nothing_installed / "bin" / "chromium")
    mine = make_program(nothing_installed / "mine" / "chrome")
    monkeypatch.setenv("CHROMIUM", mine)
    assert find_browser() == mine
    monkeypatch.setenv("CHROMIUM", f"{mine}-that-is-gone")
    assert find_browser() is None


def test_macs_applications_are_found(
    nothing_installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("HOME", str(nothing_installed))
    program = make_program(
        nothing_installed / "Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    )
    assert find_browser() == program


def test_windows_programs_are_found(
    nothing_installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROGRAMFILES", str(nothing_installed / "Program Files"))
    program = make_program(
        nothing_installed / "Program Files/Microsoft/Edge/Application/msedge.exe"
    )
    assert find_browser() == program


@pytest.mark.parametrize(
    ("require", "code", "outcome"), [("", 0, "1 skipped"), ("1", 1, "1 error")]
)
def test_without_a_browser_the_journey_is_skipped_unless_one_is_required(
    require: str, code: int, outcome: str
) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/journeys", "-k", "test_in_a_browser"],
        cwd=PROJECT,
        env=os.environ | {"CHROMIUM": "/nowhere", "REQUIRE_BROWSER": require},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code, result.stdout
    assert outcome in result.stdout
    assert "There is no Chromium, Chrome or Edge" in result.stdout
