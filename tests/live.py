"""The real thing: server and worker processes on real sockets, with a database of their own."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from pydantic import SecretStr
from sqlalchemy import make_url

from app.core.config import Settings
from app.core.security import Role, encode_access_token
from tests.servers import PROJECT

START_SECONDS = 90
PATIENCE = {"DATABASE_POOL_WAIT_SECONDS": "60", "DATABASE_STATEMENT_TIMEOUT_SECONDS": "60"}
"""Far more than the shop's own: tests ask what it answers, not how busy their machine is."""

AS_SHIPPED = {"DATABASE_POOL_WAIT_SECONDS": "2", "DATABASE_STATEMENT_TIMEOUT_SECONDS": "10"}
"""The shop's own, for a test that proves what it bears."""

TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For ``verify`` of each of many clients. Live shops have no TLS, and httpx takes 24 ms a client to
load whom to trust."""

COUNTING = "COVERAGE_PROCESS"
"""What has a process count the lines that it runs. Shops do not: it takes them half as long again
to load, and what they run is run by other tests too."""

SECRET = "a-secret-of-the-tests-that-is-long-enough"


def free_port() -> int:
    """Return a port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def hold_port() -> socket.socket:
    """Return a socket on a port that nobody else is given while it is open.

    It does not listen, and the shop's server shares ports: it gets every connection. Two servers
    on one port would share them in silence, each other's tests' included.
    """
    holder = socket.socket()
    if hasattr(socket, "SO_REUSEPORT"):
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    else:  # pragma: no cover (Windows)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder


class ShopProcess:
    """A process of the shop, started from the command line as its operator would."""

    def __init__(
        self, arguments: list[str], *, database_url: str, log: Path, settings: Mapping[str, str]
    ) -> None:
        self.log = log
        self._file = log.open("ab")
        environment = {
            **{name: os.environ[name] for name in os.environ if not name.startswith(COUNTING)},
            "DATABASE_URL": database_url,
            "SECRET_KEY": SECRET,
            "ENV": "test",
            "LOG_FORMAT": "json",
            **settings,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", *arguments],
            cwd=PROJECT,
            env=environment,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def kill(self) -> None:
        """End the process and its children as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._file.close()

    def stop(self) -> int:
        """Ask the process to end and return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self._file.close()
        return self.process.returncode

    def output(self) -> str:
        """Return everything that was printed so far."""
        return self.log.read_text(errors="replace")


class LiveShop:
    """A shop that answers on a real socket."""

    def __init__(
        self,
        database_url: str,
        directory: Path,
        *,
        workers: int = 2,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.database_url = database_url
        self.directory = directory
        self.workers = workers
        self._holder = hold_port()
        self.port = int(self._holder.getsockname()[1])
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.settings = {
            "PUBLIC_URL": self.base_url,
            "MAIL_DIRECTORY": str(directory / "mail"),
            **PATIENCE,
            **(settings or {}),
        }
        self.server = self._start_server()
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> int:
        """Ask the server to end, give the port back, and return the server's exit code."""
        code = self.server.stop()
        self._holder.close()
        return code

    def kill(self) -> None:
        """End the server as a power cut would."""
        self.server.kill()
        self._holder.close()

    def restart(self) -> None:
        """Start the server again on its port after it was killed, without waiting for it."""
        self.server = self._start_server()

    def start_worker(self, name: str = "worker") -> ShopProcess:
        """Start a process that runs jobs; the caller ends it."""
        return ShopProcess(
            ["worker"],
            database_url=self.database_url,
            log=self.directory / f"{name}.log",
            settings=self.settings,
        )

    def access_token(self, user_id: int, role: Role = Role.USER) -> str:
        """Return a token as signing in would, without spending the time of a password's hash."""
        settings = Settings(secret_key=SecretStr(SECRET))
        return encode_access_token(
            user_id=user_id, role=role, now=datetime.now(UTC), settings=settings
        )

    def _start_server(self) -> ShopProcess:
        return ShopProcess(
            ["serve", "--port", str(self.port), "--workers", str(self.workers)],
            database_url=self.database_url,
            log=self.directory / "server.log",
            settings=self.settings,
        )

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        with httpx.Client(base_url=self.base_url, trust_env=False, verify=TRUSTS_NOBODY) as client:
            while time.monotonic() < deadline:
                try:
                    if client.get("/health").status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    time.sleep(0.1)
                if self.server.process.poll() is not None:
                    break
        raise AssertionError(f"The shop does not answer:\n{self.server.output()}")


@contextmanager
def live_shop(
    database_url: str,
    directory: Path,
    *,
    workers: int = 2,
    settings: Mapping[str, str] | None = None,
) -> Iterator[LiveShop]:
    """Have a shop for the time of the block; it must end cleanly when asked to."""
    shop = LiveShop(database_url, directory, workers=workers, settings=settings)
    try:
        yield shop
    finally:
        code = shop.stop()
    assert code == 0, shop.server.output()


def plain_url(database_url: str) -> str:
    """Return the URL without SQLAlchemy's driver, as asyncpg and psql take it."""
    url = make_url(database_url).set(drivername="postgresql")
    return url.render_as_string(hide_password=False)
