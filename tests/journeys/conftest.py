"""A shop with books, a worker and a mail server, all real."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path

import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from scripts.browser import find_browser
from tests.live import LiveShop, free_port, live_shop
from tests.servers import run_command

CATALOGUE = """\
isbn13,title,authors,price,stock,genre,description
9780141439556,Wuthering Heights,Emily Brontë,8.99,3,Classics,A house and its weather.
9780141439518,Pride and Prejudice,Jane Austen,7.99,5,Classics,A truth universally acknowledged.
9780441478125,The Left Hand of Darkness,Ursula K. Le Guin,12.50,2,Science Fiction,Winter.
"""


class Mailbox:
    """A mail server that keeps what it gets."""

    def __init__(self) -> None:
        self.port = free_port()
        self.messages: list[Message] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.messages.append(message_from_bytes(envelope.original_content or b"", policy=default))
        return "250 taken"

    async def wait_for(self, recipient: str, *, about: str, seconds: float = 30) -> Message:
        """Return the first message to a recipient with words in its subject, once it is there."""
        async with asyncio.timeout(seconds):
            while True:
                for message in self.messages:
                    if message["To"] == recipient and about in message["Subject"]:
                        return message
                await asyncio.sleep(0.1)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a browser. Without one a test is skipped; with REQUIRE_BROWSER set, it fails."""
    if path := find_browser():
        return path
    reason = "There is no Chromium, Chrome or Edge: install one, or set CHROMIUM to its path."
    if os.environ.get("REQUIRE_BROWSER"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    yield box
    controller.stop()


@pytest_asyncio.fixture
async def stocked_database(live_database: str) -> str:
    """A database with three books in it."""
    await run_command("import", "csv", "-", database_url=live_database, stdin=CATALOGUE.encode())
    return live_database


@contextmanager
def shop_with_worker(
    database_url: str, mailbox: Mailbox, directory: Path, **settings: str
) -> Iterator[LiveShop]:
    """Have a shop whose worker sends mail to the mailbox; both must end cleanly."""
    mail = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mailbox.port),
        "SMTP_STARTTLS": "false",
    }
    with live_shop(database_url, directory, workers=1, settings=mail | settings) as shop:
        worker = shop.start_worker()
        yield shop
        assert worker.stop() == 0, worker.output()


@pytest.fixture
def open_shop(stocked_database: str, mailbox: Mailbox, tmp_path: Path) -> Iterator[LiveShop]:
    """A shop with three books."""
    with shop_with_worker(stocked_database, mailbox, tmp_path) as shop:
        yield shop


@pytest.fixture
def impatient_shop(stocked_database: str, mailbox: Mailbox, tmp_path: Path) -> Iterator[LiveShop]:
    """A shop that waits for its gateway for hardly any time."""
    with shop_with_worker(
        stocked_database, mailbox, tmp_path, GATEWAY_TIMEOUT_SECONDS="0.2"
    ) as shop:
        yield shop
