"""A worker that is killed again and again, and a mail server that refuses and hangs.

``MAILS`` says how many messages there are; each life of the worker is two seconds of work.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from uuid import uuid4

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import insert, select

from app.jobs.queue import enqueue
from app.notifications.models import Mail
from app.notifications.service import SEND_MAIL
from tests.jobs.processes import Sessions, StartWorker, ask, until
from tests.live import free_port

MAILS = int(os.environ.get("MAILS", "500"))
LIFE = 2.0  # seconds
TAKING = 0.02  # seconds that the server takes for a message

UNSENT = "SELECT count(*) FROM mails WHERE sent_at IS NULL"
LEFT = "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'mail'"
WORKERS = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '1 s'"
OLDEST = """SELECT coalesce(max(extract(epoch FROM now() - at)), 0)
            FROM procrastinate_events JOIN procrastinate_jobs ON job_id = procrastinate_jobs.id
            WHERE status = 'doing' AND type = 'started'"""


class MoodyServer:
    """Takes messages; refuses one in ten, and forgets to answer one in fifty, each by chance."""

    def __init__(self, seed: int) -> None:
        self.port = free_port()
        self.taken: Counter[str] = Counter()
        self.refused = self.left_hanging = 0
        self._chance = random.Random(seed)  # noqa: S311 (guards nothing)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        mood = self._chance.random()
        await asyncio.sleep(TAKING)
        if mood < 0.02:
            self.left_hanging += 1
            await asyncio.sleep(3600)
        if mood < 0.12:
            self.refused += 1
            return "451 later, perhaps"
        message = message_from_bytes(envelope.original_content or b"")
        self.taken[message["Message-ID"]] += 1
        return "250 taken"


@pytest.fixture
def server() -> Iterator[MoodyServer]:
    moody = MoodyServer(seed=20)
    controller = Controller(moody, hostname="127.0.0.1", port=moody.port)
    controller.start()
    yield moody
    controller.stop()


async def queue_mails(sessions: Sessions) -> set[str]:
    """Write the messages and their jobs; return their Message-IDs."""
    async with sessions() as session:
        for number in range(MAILS):
            mail_id = await session.scalar(
                insert(Mail)
                .values(
                    event_id=uuid4(),
                    recipient=f"reader{number}@example.com",
                    template="order_confirmed",
                    message_id=f"<{uuid4().hex}@example.com>",
                    subject="A subject",
                    body_text="Words",
                    body_html="<p>Words</p>",
                )
                .returning(Mail.id)
            )
            await enqueue(session, SEND_MAIL, mail_id=mail_id)
        await session.commit()
        return set(await session.scalars(select(Mail.message_id)))


@pytest.mark.alone
async def test_every_message_is_delivered_under_one_id(
    sessions: Sessions,
    start_worker: StartWorker,
    server: MoodyServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    message_ids = await queue_mails(sessions)
    settings = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(server.port),
        "SMTP_STARTTLS": "false",
        "SMTP_TIMEOUT_SECONDS": "1",
    }
    kills = 0
    oldest = 0.0
    while await ask(sessions, UNSENT):
        worker = await start_worker("tests.jobs.shop_worker", **settings)
        await until(sessions, f"SELECT ({WORKERS}) > 0", expected=True)
        await asyncio.sleep(LIFE)
        oldest = max(oldest, float(await ask(sessions, OLDEST)))
        await worker.kill()
        kills += 1
    await start_worker("tests.jobs.shop_worker", **settings)
    await until(sessions, LEFT, 0)

    repeats = server.taken.total() - len(message_ids)
    with capsys.disabled():
        print(  # noqa: T201 (what a soak tells)
            f"\n{MAILS} mails: {kills} kills, {server.refused} refused, {server.left_hanging} left "
            f"hanging, {repeats} repeated, none held for more than {oldest:.1f} s"
        )
    assert set(server.taken) == message_ids
    assert await ask(sessions, UNSENT) == 0
    assert kills > 2
    assert server.refused > 0
    assert repeats <= kills
    assert oldest < 60
