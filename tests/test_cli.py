"""The command line, as its user meets it."""

import asyncio
import gzip
import os
import re
import signal
import socket
import stat
import sys
from pathlib import Path

import asyncpg
import httpx
import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from app import local, server
from app.commands import accounts, demo
from app.db.embedded import EmbeddedPostgres
from tests.books.onix.messages import IDENTIFIED, ROOT_30
from tests.live import free_port, plain_url
from tests.servers import PROJECT, drop_database, make_database, run_command

BOOKS = b"isbn13,title,author,price,stock\n9780141439518,Emma,Jane Austen,7.99,3\n,,x,1.00,1\n"


async def run_badly(*arguments: str, database_url: str, stdin: bytes = b"") -> str:
    """Run a command that must fail, with one sentence and no traceback."""
    output = await run_command(*arguments, database_url=database_url, stdin=stdin, status=1)
    assert "Traceback" not in output
    return output


async def test_import_reports_and_writes_what_was_refused(
    live_database: str, tmp_path: Path
) -> None:
    file = tmp_path / "books.csv"
    file.write_bytes(BOOKS)
    report = tmp_path / "refused.csv"
    arguments = ("import", "csv", str(file), "--report", str(report))
    first = await run_command(*arguments, database_url=live_database)
    assert re.search(r"rows\s+2\b", first)
    assert re.search(r"taken\s+1\b", first)
    assert re.search(r"refused\s+1\b", first)
    assert "line 3" in first
    assert "refused" in report.read_text(encoding="utf-8-sig")
    second = await run_command(*arguments, database_url=live_database)
    assert re.search(r"unchanged\s+1\b", second)


async def test_feeds_are_imported_one_after_the_other(live_database: str, tmp_path: Path) -> None:
    feed = f"{ROOT_30}<Product>{IDENTIFIED}</Product>{{}}</ONIXMessage>"
    one, two, three = (tmp_path / name for name in ("one.xml", "two.xml", "three.xml"))
    one.write_text(feed.format("<Product><RecordReference>r2</RecordReference>"))
    two.write_text(feed.format(""))
    three.write_text("no feed at all")
    report = tmp_path / "report.csv"
    files = [str(file) for file in (one, two)]
    printed = await run_command(
        "import", "onix", *files, "--report", str(report), database_url=live_database
    )
    assert re.search(r"one\.xml\s+rows\s+2\b", printed)
    assert re.search(r"refused\s+2\b", printed)
    assert re.search(r"two\.xml\s+rows\s+1\b", printed)
    rows = report.read_text(encoding="utf-8-sig").splitlines()
    assert rows[0] == '"file","outcome","line","reference","reason"'
    assert len(rows) == 4
    assert rows[3].startswith(f'"{two}","refused","1","r1",')
    refusal = await run_badly("import", "onix", str(three), files[1], database_url=live_database)
    assert re.search(r"rows\s+1\b", refusal)
    assert f"bookstore: {three}: This is no ONIX message" in refusal


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("import", "onix", "nowhere.xml"), "There is no file nowhere.xml."),
        (("import", "csv", "nowhere.csv"), "There is no file nowhere.csv."),
        (("import", "csv", "-", "--map", "title"), "does not say which column is what"),
        (("import", "csv", "-", "--default-price", "free"), "'free' is no price"),
        (("import", "csv", "-"), "bookstore: "),
        (("import", "csv", "app"), "app is a folder: name a file in it."),
        (("import", "csv", "/dev/null"), "The file is empty."),
        (("user", "reset-password", "nobody@example.com"), "There is no account"),
    ],
)
async def test_what_cannot_be_done_is_one_sentence(
    live_database: str, arguments: tuple[str, ...], words: str
) -> None:
    stdin = b"a long password\n" if arguments[0] == "user" else b""
    assert words in await run_badly(*arguments, database_url=live_database, stdin=stdin)


async def test_accounts(live_database: str) -> None:
    email = "boss@example.com"
    create = ("user", "create-admin", email)
    assert "may run the shop" in await run_command(
        *create, database_url=live_database, stdin=b"the first password\n"
    )
    assert "already" in await run_badly(
        *create, database_url=live_database, stdin=b"the first password\n"
    )
    assert "at least 8 characters" in await run_badly(
        *create, database_url=live_database, stdin=b"short\n"
    )
    assert "every session of the account has ended" in await run_command(
        *("user", "reset-password", email), database_url=live_database, stdin=b"the second one\n"
    )


async def test_a_database_that_is_away_is_one_sentence() -> None:
    url = f"postgresql+asyncpg://postgres:postgres@127.0.0.1:{free_port()}/nothing"
    words = await run_badly(
        "user", "create-admin", "a@example.com", database_url=url, stdin=b"a long password\n"
    )
    assert "The database does not answer" in words


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "create-admin", "a@example.com"),
        ("db", "migrate"),
        ("import", "csv", "-", "--default-price", "1.00"),
    ],
)
@pytest.mark.parametrize("fault", ["wrong password", "no such database", "dead port"])
async def test_a_database_that_cannot_be_had_is_one_sentence(
    live_database: str, arguments: tuple[str, ...], fault: str
) -> None:
    right = make_url(live_database)
    url, words = {
        "wrong password": (right.set(password="swordfish"), "does not let us in"),
        "no such database": (right.set(database="no_test"), "does not let us in"),
        "dead port": (right.set(port=free_port()), "does not answer"),
    }[fault]
    stdin = b"a long password\n" if arguments[0] == "user" else BOOKS
    output = await run_badly(
        *arguments, database_url=url.render_as_string(hide_password=False), stdin=stdin
    )
    assert f"bookstore: The database {words} (" in output
    assert "swordfish" not in output
    assert output.count("bookstore: ") == 1


async def test_a_database_without_tables_is_one_sentence(test_engine: AsyncEngine) -> None:
    del test_engine  # it makes sure of the server
    url = await make_database("bare")
    output = await run_badly(
        *("user", "create-admin", "a@example.com"), database_url=url, stdin=b"a long password\n"
    )
    assert output == (
        "bookstore: The database has no tables of this release yet. Try: bookstore db migrate.\n"
    )
    await drop_database(url)


async def test_an_address_that_cannot_be_served_is_one_sentence(live_database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, words in (
            (("serve", "--port", port), f"port {port} of 127.0.0.1"),
            (("serve", "--host", "localhost"), "'localhost' is no IP address"),
            (("serve", "--host", "192.0.2.1"), "Nobody can listen on port 8000 of 192.0.2.1: "),
        ):
            assert words in await run_badly(*arguments, database_url=live_database)


async def test_a_report_that_cannot_be_written_is_one_sentence(live_database: str) -> None:
    output = await run_badly(
        *("import", "csv", "-", "--report", "/nowhere/refused.csv"),
        database_url=live_database,
        stdin=BOOKS,
    )
    assert "bookstore: /nowhere/refused.csv: No such file or directory." in output


async def test_a_postgresql_that_does_not_start_is_one_sentence(tmp_path: Path) -> None:
    directory = tmp_path / "var"
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {
        "LOCAL_DIRECTORY": str(directory)
    }

    async def run(*arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", "db", *arguments),
            cwd=PROJECT,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode, output.decode()

    assert (await run("up"))[0] == 0
    assert (await run("down"))[0] == 0
    with (directory / "postgres" / "cluster" / "data" / "postgresql.conf").open("a") as file:
        file.write("colour = blue\n")
    code, output = await run("up")
    assert code == 1
    assert "bookstore: PostgreSQL does not start." in output
    assert "Traceback" not in output


def test_a_shop_that_does_not_open_is_not_announced(capsys: pytest.CaptureFixture[str]) -> None:
    demo._announce(f"http://127.0.0.1:{free_port()}", None, patience=0.0)
    printed = capsys.readouterr()
    assert "is open" not in printed.out
    assert "The shop does not answer at http://127.0.0.1:" in printed.err
    assert "server.log" in printed.err


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("192.0.2.7", "http://192.0.2.7:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104 (nobody binds here)
        ("::", "http://[::1]:8000"),
    ],
)
def test_what_is_announced_can_be_reached(host: str, url: str) -> None:
    assert server.base_url(host, 8000) == url


def test_the_next_free_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert server.free_port("127.0.0.1", port) > port
        with pytest.raises(server.CannotListenError, match="in use"):
            server.refuse_taken_address("127.0.0.1", port)
    assert server.free_port("127.0.0.1", port) == port
    with pytest.raises(server.CannotListenError, match=r"Nobody can listen on 192\.0\.2\.1: "):
        server.free_port("192.0.2.1", port)


def test_local_settings_are_replaced_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has opened the file before reads what was in it before."""
    file = tmp_path / "local.env"
    monkeypatch.setattr(local, "LOCAL_DIRECTORY", tmp_path)
    monkeypatch.setattr(local, "LOCAL_SETTINGS_FILE", file)
    local.write_local_settings("postgresql+asyncpg://first")
    before = file.read_text(encoding="utf-8")
    with file.open(encoding="utf-8") as reader:
        local.write_local_settings("postgresql+asyncpg://second")
        assert reader.read() == before
    after = file.read_text(encoding="utf-8")
    assert after == before.replace("first", "second")
    assert after.startswith("DATABASE_URL=postgresql+asyncpg://second\nSECRET_KEY=")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["local.env"]


async def test_demo_opens_a_stocked_shop_and_closes_cleanly(tmp_path: Path) -> None:
    """From nothing: its own database, admin, books, server and worker; twice."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "TEST_DATABASE_URL"}
    } | {
        "LOCAL_DIRECTORY": str(tmp_path / "var"),
        "http_proxy": "http://127.0.0.1:9",  # knows nothing of the shop
    }
    password = ""
    for start, host in (("first", "127.0.0.1"), ("second", "0.0.0.0")):  # noqa: S104 (a demo may be shown to others)
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", "demo", "--host", host, "--port", str(port)),
            cwd=PROJECT,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        printed = ""
        async with asyncio.timeout(90):
            while "Ctrl-C" not in printed:
                line = await process.stdout.readline()
                assert line, printed
                printed += line.decode()
        address = f"http://127.0.0.1:{port}"
        assert address in printed
        if start == "first":
            assert re.search(r"==> 3\d\d books on the shelves", printed)
            found = re.search(r"admin@example\.com\s+(\S+)", printed)
            assert found is not None
            password = found[1]
        else:
            assert "with the password of the first start" in printed
            assert password not in printed
        login = {"email": "admin@example.com", "password": password}
        async with httpx.AsyncClient(base_url=f"{address}/api/v1", trust_env=False) as client:
            assert (await client.post("/auth/login", json=login)).status_code == 200
            assert (await client.get("/books")).json()["total"] >= 300
        os.killpg(process.pid, signal.SIGINT)
        async with asyncio.timeout(60):
            rest = (await process.stdout.read()).decode()
            assert await process.wait() == 0, rest
        assert "Everything is kept" in rest


async def test_two_shops_that_open_at_once_share_their_database_until_the_last_closes(
    tmp_path: Path,
) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "TEST_DATABASE_URL"}
    } | {"LOCAL_DIRECTORY": str(tmp_path / "var")}
    shops = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", "demo", "--port", str(free_port())),
            cwd=PROJECT,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        for _ in range(2)
    ]
    addresses, passwords = [], []
    try:
        for shop in shops:
            printed = await read_until("Ctrl-C", shop)
            addresses += re.findall(r"is open:\s+(\S+)", printed)
            passwords += re.findall(r"admin@example\.com  (\S+)", printed)
        assert len(passwords) == 1
        for closing, staying in ((0, 1), (1, None)):
            os.killpg(shops[closing].pid, signal.SIGINT)
            await read_until("Everything is kept", shops[closing])
            assert await shops[closing].wait() == 0
            if staying is not None:
                async with httpx.AsyncClient(base_url=addresses[staying]) as client:
                    assert (await client.get("/health/ready")).status_code == 200
                    assert (await client.get("/api/v1/books")).json()["total"] == 366
    finally:
        for shop in shops:
            if shop.returncode is None:
                os.killpg(shop.pid, signal.SIGKILL)
        was_running = EmbeddedPostgres(tmp_path / "var" / "postgres").down()
    assert not was_running


async def read_until(words: str, process: asyncio.subprocess.Process) -> str:
    """Return what a process prints up to the line with the words."""
    assert process.stdout is not None
    printed = ""
    async with asyncio.timeout(90):
        while words not in printed:
            line = await process.stdout.readline()
            assert line, printed
            printed += line.decode()
    return printed


async def test_the_database_that_comes_along(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {
        "LOCAL_DIRECTORY": str(tmp_path / "var")
    }

    async def run(*arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", "db", *arguments),
            cwd=PROJECT,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode, output.decode()

    code, words = await run("up")
    assert code == 0, words
    assert "Started PostgreSQL" in words
    assert "Already running" in (await run("up"))[1]
    code, words = await run("status")
    assert (code, "running  yes" in words) == (0, True)
    assert "at revision" in (await run("migrate"))[1]
    shell = ("shell", "--", "-Atc", "SELECT count(*) FROM alembic_version")
    assert (await run(*shell)) == (0, "1\n")
    assert (await run("down"))[1] == "Stopped.\n"
    assert (await run("down"))[1] == "It was not running.\n"
    assert (await run("status"))[0] == 1
    assert (await run("reset", "--yes"))[1] == "Deleted. The next start begins anew.\n"
    assert not (tmp_path / "var" / "postgres" / "cluster").exists()


async def test_psql_is_not_opened_on_somebody_elses_server(live_database: str) -> None:
    assert "DATABASE_URL is set" in await run_badly("db", "shell", database_url=live_database)


@pytest.mark.parametrize(
    ("password", "words"),
    [
        (b"x" * 3000, "A password has at most"),
        (b"a long\0password", "A password has no control characters."),
        (b"\xff\xfe long enough", "The password is not UTF-8."),
    ],
)
async def test_a_password_that_could_not_sign_in_is_refused(
    live_database: str, password: bytes, words: str
) -> None:
    arguments = ("user", "create-admin", "a@example.com")
    assert words in await run_badly(*arguments, database_url=live_database, stdin=password + b"\n")
    assert "may run the shop" in await run_command(
        *arguments, database_url=live_database, stdin=b"a long password\r\n"
    )


@pytest.mark.parametrize("command", ["create-admin", "reset-password"])
@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("password123", "Many people use this password"),
        ("bookstore", "Please choose a password that is not made of your address or the shop's"),
        ("Boss@example.com", "Please choose a password that is not made of your address"),
    ],
)
def test_a_password_that_is_easily_guessed_is_refused(
    command: str, password: str, words: str
) -> None:
    arguments = [command, "boss@example.com"]
    result = CliRunner().invoke(accounts.app, arguments, input=f"{password}\n")
    assert result.exit_code == 1
    assert words in " ".join(result.output.split())


async def test_a_damaged_gzip_fails_after_what_could_be_read(
    live_database: str, tmp_path: Path
) -> None:
    rows = b"".join(b",Book %d,Ada %d,1.00\n" % (number, number) for number in range(5000))
    file = tmp_path / "books.csv.gz"
    whole = gzip.compress(b"isbn13,title,author,price\n" + rows)
    file.write_bytes(whole[: len(whole) // 2])
    output = await run_badly("import", "csv", str(file), database_url=live_database)
    assert re.search(r"taken\s+[1-9]", output)
    assert "bookstore: The compressed file is damaged" in output


async def test_a_pipe_is_read_and_nothing_reaches_the_terminal_raw(
    live_database: str, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = asyncio.to_thread(pipe.write_bytes, BOOKS + b"9780000000000,\x1b[31mred,x,1.00,1\n")
    output, _ = await asyncio.gather(
        run_command("import", "csv", str(pipe), database_url=live_database), writing
    )
    assert re.search(r"taken\s+1\b", output)
    assert "\x1b" not in output


async def test_a_report_is_refused_before_the_import(live_database: str, tmp_path: Path) -> None:
    file = tmp_path / "books.csv"
    file.write_bytes(BOOKS)
    arguments = ("import", "csv", str(file))
    await run_badly(*arguments, "--report", str(tmp_path), database_url=live_database)
    assert re.search(r"taken\s+1\b", await run_command(*arguments, database_url=live_database))


async def test_version_loads_no_framework() -> None:
    script = "import sys, app.cli; print({'fastapi', 'sqlalchemy', 'alembic'} & set(sys.modules))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=PROJECT, stdout=asyncio.subprocess.PIPE
    )
    assert (await process.communicate())[0] == b"set()\n"


async def test_version(live_database: str) -> None:
    assert re.fullmatch(
        r"\d+\.\d+\.\d+\n", await run_command("version", database_url=live_database)
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ENV": "production"}, "SECRET_KEY must be set to at least 32 random bytes"),
        ({"ENV": "production", "SECRET_KEY": "swordfish"}, "SECRET_KEY must be set"),
        (
            {"ENV": "production", "SECRET_KEY": "x" * 32, "SMTP_HOST": "mail.example"},
            "PAYMENT_GATEWAY must be set in production",
        ),
        (
            {"ENV": "production", "SECRET_KEY": "x" * 32, "PAYMENT_GATEWAY": "demo"},
            "SMTP_HOST must be set in production, or else MAIL_DIRECTORY",
        ),
        ({"PAYMENT_GATEWAY": "swordfish"}, "PAYMENT_GATEWAY Input should be 'demo'"),
        ({"SMTP_PORT": "swordfish"}, "SMTP_PORT Input should be a valid integer"),
    ],
)
async def test_wrong_settings_are_named_and_not_repeated(
    settings: dict[str, str], words: str, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "serve"),
        cwd=tmp_path,  # where nobody has left settings
        env=os.environ | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 1
    assert words in output
    assert "swordfish" not in output
    assert "Traceback" not in output


async def test_parked_jobs_are_listed_and_queued_again(live_database: str) -> None:
    assert "No job is parked." in await run_command("jobs", "parked", database_url=live_database)
    connection = await asyncpg.connect(plain_url(live_database))
    try:
        job_id = await connection.fetchval(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, args, status, attempts) "
            "VALUES ('sample.fail', 'mail', '{\"book_id\": 7}', 'doing', 7) RETURNING id"
        )
        await connection.execute("SELECT procrastinate_finish_job_v1($1, 'failed', false)", job_id)
        listed = await run_command("jobs", "parked", "--limit", "5", database_url=live_database)
        row = next(line for line in listed.splitlines() if "sample.fail" in line)
        cells = [cell.strip() for cell in re.split("[│┃]", row)][1:-1]
        assert cells[:3] == [str(job_id), "sample.fail", "8"]
        assert cells[4] == '{"book_id": 7}'
        again = await run_command("jobs", "requeue", str(job_id), database_url=live_database)
        assert again == f"Job {job_id} waits in the queue again.\n"
        status = "SELECT status::text FROM procrastinate_jobs WHERE id = $1"
        assert await connection.fetchval(status, job_id) == "todo"
        refused = await run_badly("jobs", "requeue", str(job_id), database_url=live_database)
        assert f"No parked job has the id {job_id}." in refused
    finally:
        await connection.close()


async def test_works_are_shown_merged_and_split(live_database: str, tmp_path: Path) -> None:
    file = tmp_path / "books.csv"
    file.write_text(
        "isbn,title,author,price\n9780141439518,Emma,Jane Austen,7.99\n"
        "9780141439587,EMMA [sic],J. Austen,8.99\n"
    )
    await run_command("import", "csv", str(file), database_url=live_database)
    merge = ("works", "merge", "1", "2")
    unsure = await run_badly(*merge, database_url=live_database, stdin=b"n\n")
    assert "Work 2: EMMA [sic], by J. Austen" in unsure
    assert "Merge the others into work 1? [y/N]: Aborted." in unsure
    merged = await run_command(*merge, "--yes", database_url=live_database)
    assert merged.startswith("Work 1: Emma, by Jane Austen, J. Austen\n")
    assert re.search(r"9780141439587[│ ]+paperback[│ ]+8.99 USD │ Out of stock", merged)
    split = ("works", "split", "1", "2", "--title", "Emma again", "--yes")
    assert "Work 3: Emma again" in await run_command(*split, database_url=live_database)
    refused = await run_badly(*split, database_url=live_database)
    assert refused == "bookstore: This book is no edition of that work.\n"


@pytest.mark.parametrize(
    "command", [("check",), ("jobs", "parked"), ("jobs", "requeue"), ("works", "show")]
)
async def test_help_shows_an_example(live_database: str, command: tuple[str, ...]) -> None:
    words = await run_command(*command, "--help", database_url=live_database)
    assert f"Example: bookstore {' '.join(command)}" in words


async def test_stock_comes_in_and_the_catalogue_goes_out(
    live_database: str, tmp_path: Path
) -> None:
    books, stock = tmp_path / "books.csv", tmp_path / "stock.csv"
    exported, message = tmp_path / "out.csv.gz", tmp_path / "out.xml"
    books.write_bytes(BOOKS)
    stock.write_bytes(b"ean;qty;price\n9780141439518;5;6,50\n9780000000002;1;1\n")
    await run_command("import", "csv", str(books), database_url=live_database)
    told = await run_command("import", "stock", str(stock), database_url=live_database)
    assert re.search(r"updated\s+1\b", told)
    assert re.search(r"not in the shop\s+1\b", told)
    await run_command("export", "csv", str(exported), database_url=live_database)
    assert b'"6.50"' in gzip.decompress(exported.read_bytes())
    await run_command("export", "onix", str(message), database_url=live_database)
    assert b"<TitleText>Emma</TitleText>" in message.read_bytes()
