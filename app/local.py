"""The shop on one's own machine: its database and its secret."""

import contextlib
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from dotenv import dotenv_values

from app.core.config import LOCAL_DIRECTORY, LOCAL_SETTINGS_FILE
from app.db.embedded import EmbeddedPostgres
from app.db.session import use_database

if sys.platform != "win32":
    import fcntl

DATABASE_NAME = "bookstore_dev"
TEMPORARY = LOCAL_DIRECTORY / "temporary"
"""There while the server runs only for the commands that use it: the last of them stops it."""

USERS = LOCAL_DIRECTORY / "users.lock"
"""Locked, shared, by every command that uses the server."""


def embedded_server() -> EmbeddedPostgres:
    """Return the supervisor of the database that comes along."""
    return EmbeddedPostgres(LOCAL_DIRECTORY / "postgres", preferred_port=5432)


def database_is_configured() -> bool:
    """Tell whether somebody named a database server, so that none is to be started."""
    return bool(os.environ.get("DATABASE_URL") or dotenv_values(".env").get("DATABASE_URL"))


@contextlib.contextmanager
def local_database() -> Iterator[EmbeddedPostgres | None]:
    """Have a database for the time of the block: the configured one, or the one that comes along.

    The latter is started if it does not run, and then stopped again when nobody uses it any more:
    of two shops that share it, either may close first.
    """
    if database_is_configured():
        yield None
        return
    server = embedded_server()
    LOCAL_DIRECTORY.mkdir(parents=True, exist_ok=True)
    with USERS.open("a") as users:
        if sys.platform != "win32":
            fcntl.flock(users, fcntl.LOCK_SH)
        if _join(server):
            TEMPORARY.touch()
        try:
            yield server
        finally:
            if TEMPORARY.exists() and _is_last(users):
                server.down()
                TEMPORARY.unlink(missing_ok=True)


def _is_last(users: TextIO) -> bool:
    """Tell whether nobody else uses the server; until the file is closed nobody can join it."""
    if sys.platform == "win32":  # pragma: no cover (another platform, without shared locks)
        return True
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def start(server: EmbeddedPostgres) -> bool:
    """Have the database that comes along run until it is stopped; tell if this call started it."""
    started = _join(server)
    TEMPORARY.unlink(missing_ok=True)
    return started


def _join(server: EmbeddedPostgres) -> bool:
    """Start the database that comes along unless it runs, and use it."""
    started = server.up()
    server.ensure_database(DATABASE_NAME)
    url = server.url(DATABASE_NAME)
    write_local_settings(url)
    use_database(url)
    return started


def write_local_settings(database_url: str) -> None:
    """Keep address and secret in the owner's file, which every command reads, and reads whole."""
    known = dotenv_values(LOCAL_SETTINGS_FILE) if LOCAL_SETTINGS_FILE.exists() else {}
    secret = known.get("SECRET_KEY") or secrets.token_urlsafe(48)
    LOCAL_DIRECTORY.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(  # which only its owner may read
        "w", encoding="utf-8", dir=LOCAL_DIRECTORY, prefix="unfinished-", delete=False
    ) as file:
        file.write(f"DATABASE_URL={database_url}\nSECRET_KEY={secret}\n")
    Path(file.name).replace(LOCAL_SETTINGS_FILE)
