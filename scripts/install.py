"""Install the project into ``.venv`` with the Poetry that its lock was made for.

Needs nothing but Python 3.11 or newer. Poetry lives in ``.tools``, apart from what it installs.
What an interrupted run left half made is thrown away and made anew by the next.
"""

from __future__ import annotations  # for a Python that is too old to get as far as being told so

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl

PROJECT = Path(__file__).parents[1]
TOOLS = PROJECT / ".tools"
ENVIRONMENT = PROJECT / ".venv"
UNFINISHED = TOOLS / "unfinished"
"""There while packages are put into ``.venv``; left over, it tells that not all of them arrived."""

POETRY = "2.5.1"
MIRROR_PLUGIN = "0.6.5"
PROBE_SECONDS = 10

INDEX_OF_PIP = """
from pip._internal.configuration import Configuration
from pip._internal.models.index import PyPI
configuration = Configuration(isolated=False)
configuration.load()
values = dict(configuration.items())
if values and isinstance(next(iter(values.values())), dict):
    values = {key: value for group in values.values() for key, value in group.items()}
urls = [values.get(key) for key in (":env:.index-url", "install.index-url", "global.index-url")]
print(next((url for url in urls if url), ""))
print(PyPI.simple_url)
print(PyPI.pypi_url)
"""


def say(words: str) -> None:
    """Tell what is being done, in one line."""
    sys.stdout.write(f"==> {words}\n")
    sys.stdout.flush()


def executable(environment: Path, name: str) -> Path:
    """Return a program of a virtual environment."""
    folder = "Scripts" if os.name == "nt" else "bin"
    return environment / folder / (f"{name}.exe" if os.name == "nt" else name)


@contextmanager
def turn() -> Iterator[None]:
    """Wait until no other run installs here; programs that outlive theirs count as that run."""
    with Path(__file__).open() as file:
        if sys.platform != "win32":
            os.set_inheritable(file.fileno(), True)  # noqa: FBT003 (the standard library's way)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(*command: str | Path, environment: dict[str, str] | None = None) -> None:
    """Run one of the installers; what it could not do, it has said itself."""
    result = subprocess.run(
        command, check=False, cwd=PROJECT, env=environment, close_fds=sys.platform == "win32"
    )
    if result.returncode:
        sys.exit(f"Nothing is installed yet: {Path(command[0]).name} failed. Try again.")


def install_poetry() -> Path:
    """Have the wanted Poetry in ``.tools`` and return it."""
    poetry = executable(TOOLS, "poetry")
    marker = TOOLS / f"poetry-{POETRY}-{MIRROR_PLUGIN}"
    if marker.exists() and executable(TOOLS, "python").exists():
        return poetry
    say(f"Installing Poetry {POETRY} into .tools")
    try:
        venv.create(TOOLS, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError):
        sys.exit(
            "Python's venv module does not work here. On Debian and Ubuntu: "
            "apt install python3-venv, then try again."
        )
    packages = [f"poetry=={POETRY}", f"poetry-plugin-pypi-mirror=={MIRROR_PLUGIN}"]
    run(executable(TOOLS, "python"), "-m", "pip", "install", "--quiet", *packages)
    marker.touch()
    return poetry


def mirror_url() -> str | None:
    """Return the index that Poetry must be pointed to, if its own way does not work here.

    Poetry asks the index for more than pip does. Behind a mirror that has only the simple index,
    a plugin makes do with that; where the default index answers in full, nothing is needed. Pip
    has no public way to tell its index: where the private one is gone, there is no mirror.
    """
    result = subprocess.run(
        [executable(TOOLS, "python"), "-c", INDEX_OF_PIP],
        check=False,
        capture_output=True,
        text=True,
    )
    told = result.stdout.splitlines()[-3:]
    if result.returncode or len(told) < 3:  # noqa: PLR2004 (the three that are printed)
        return None
    configured, simple, full = told
    if configured and configured.rstrip("/") != simple.rstrip("/"):
        return configured
    try:
        url = f"{full}/poetry/{POETRY}/json"
        with urllib.request.urlopen(url, timeout=PROBE_SECONDS):  # noqa: S310 (pip's own https URL)
            return None
    except (OSError, urllib.error.URLError):
        return simple


def install_packages(poetry: Path) -> None:
    """Have everything that the lock names in ``.venv``."""
    environment = os.environ | {
        "POETRY_VIRTUALENVS_IN_PROJECT": "true",
        "POETRY_VIRTUALENVS_USE_POETRY_PYTHON": "true",
        "POETRY_NO_INTERACTION": "1",
    }
    mirror = os.environ.get("POETRY_PYPI_MIRROR_URL") or mirror_url()
    if mirror:
        environment["POETRY_PYPI_MIRROR_URL"] = mirror
    say("Installing what poetry.lock names into .venv")
    if UNFINISHED.exists() and ENVIRONMENT.exists():
        shutil.rmtree(ENVIRONMENT)
    UNFINISHED.touch()
    run(poetry, "install", "--quiet", "--compile", environment=environment)
    UNFINISHED.unlink()


def main() -> None:
    """Install Poetry, then everything that the lock names."""
    if sys.version_info < (3, 11):  # noqa: UP036 (run by whatever Python there is)
        sys.exit(f"Bookstore needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    with turn():
        install_packages(install_poetry())


if __name__ == "__main__":
    main()
