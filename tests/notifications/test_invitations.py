"""Invitations to review: only who wants to be asked is, and one click ends them."""

from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.config import get_settings
from app.integrations.mail import FolderMailSender
from app.jobs.outbox import publish
from app.main import app
from app.notifications import jobs
from app.notifications.handlers import invite_to_review_later
from app.notifications.invitations import INVITE, READING_TIME
from app.notifications.models import Mail
from app.orders.events import OrderDelivered
from app.orders.models import Order, OrderStatus
from app.users.models import User
from tests.factories import bearer, make_user
from tests.orders.bought import make_order


async def deliver(session: AsyncSession, *, wanted: bool = True) -> tuple[User, OrderDelivered]:
    """Write a delivered order of a reader who wants to be asked, or does not."""
    ada = await make_user(session, email="ada@example.com")
    await session.execute(update(User).values(review_invitations=wanted, language="de"))
    order = await make_order(session, user_id=ada.id)
    await session.execute(update(Order).values(status=OrderStatus.DELIVERED))
    await session.commit()
    return ada, OrderDelivered(order_id=order.id)


async def ask(session: AsyncSession, event: OrderDelivered) -> list[Mail]:
    """Handle the event and run its job, both twice; return the mails."""
    event_id = await publish(session, event)
    await session.commit()
    for _ in range(2):
        await invite_to_review_later.function(event, event_id=event_id)
    for _ in range(2):
        await jobs.invite_to_review.function(order_id=event.order_id, event_id=str(event_id))
    return list(await session.scalars(select(Mail)))


async def test_who_wants_to_be_asked_is_asked_when_there_was_time_to_read(
    committed: AsyncSession,
) -> None:
    _, event = await deliver(committed)
    (mail,) = await ask(committed, event)
    assert mail.subject.startswith("Wie haben Ihnen Ihre Bücher gefallen?")
    due = await committed.execute(
        text("SELECT scheduled_at FROM procrastinate_jobs WHERE task_name = :name"),
        {"name": INVITE.name},
    )
    (moment,) = due.scalars().all()
    assert abs(moment - utc_now() - READING_TIME) < timedelta(minutes=1)


async def test_who_did_not_say_so_is_not_asked(committed: AsyncSession) -> None:
    _, event = await deliver(committed, wanted=False)
    assert await ask(committed, event) == []


async def test_nobody_is_asked_about_what_came_back(committed: AsyncSession) -> None:
    _, event = await deliver(committed)
    await committed.execute(update(Order).values(status=OrderStatus.RETURNED))
    await committed.commit()
    assert await ask(committed, event) == []


async def test_one_click_of_a_mail_program_ends_them(
    committed: AsyncSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "mail_sender", lambda _settings: FolderMailSender(tmp_path))
    _, event = await deliver(committed)
    (mail,) = await ask(committed, event)
    await jobs.send_mail.function(mail_id=mail.id)
    (path,) = tmp_path.iterdir()
    sent = message_from_bytes(path.read_bytes(), policy=default)
    assert sent["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = sent["List-Unsubscribe"].strip("<>").removeprefix(get_settings().public_url)
    transport = ASGITransport(app=app)
    async with AsyncClient(transport=transport, base_url="http://test") as program:
        for _ in range(2):
            answer = await program.post(
                link,
                content="List-Unsubscribe=One-Click",
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
            assert answer.status_code == 204
        forged = await program.post(link[:-3] + "abc")
        assert (forged.status_code, forged.json()["code"]) == (404, "MAIL_STOP_LINK_INVALID")
    await committed.rollback()
    assert (await committed.scalars(select(User.review_invitations))).all() == [False]


async def test_other_messages_cannot_be_ended(
    committed: AsyncSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "mail_sender", lambda _settings: FolderMailSender(tmp_path))
    _, event = await deliver(committed)
    (mail,) = await ask(committed, event)
    await committed.execute(update(Mail).values(template="order_shipped"))
    await committed.commit()
    await jobs.send_mail.function(mail_id=mail.id)
    (path,) = tmp_path.iterdir()
    assert message_from_bytes(path.read_bytes())["List-Unsubscribe"] is None


async def test_a_reader_says_so_and_takes_it_back(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = bearer(await make_user(db_session))
    account = "/api/v1/account"
    assert (await client.get(account, headers=headers)).json()["review_invitations"] is False
    for wanted in (True, False):
        answer = await client.patch(
            account, json={"review_invitations": wanted, "language": "de"}, headers=headers
        )
        assert answer.json()["review_invitations"] is wanted
    named = await client.patch(account, json={"full_name": "Ada"}, headers=headers)
    assert named.json()["language"] == "de", "what is left out stays"
    none = await client.patch(account, json={}, headers=headers)
    assert (none.status_code, none.json()["full_name"]) == (200, "Ada")
    wrong = await client.patch(account, json={"language": "xx"}, headers=headers)
    assert wrong.status_code == 422
