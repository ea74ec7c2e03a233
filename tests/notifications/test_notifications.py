"""Messages: written once, sent once or again with the same Message-ID."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from uuid import uuid4

import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.events import BookRestocked
from app.books.service import get_book
from app.core.config import Settings, get_settings
from app.core.security import Role
from app.integrations.mail import FolderMailSender, SmtpMailSender, mail_sender
from app.jobs.models import OutboxEvent
from app.jobs.outbox import outbox_jobs, publish
from app.notifications.examples import example_values
from app.notifications.handlers import (
    cancel_order_by_mail,
    confirm_order_by_mail,
    tell_that_book_is_back,
)
from app.notifications.jobs import prune_sent_words, send_mail
from app.notifications.mailer import compose, environment, render_mail, sender_domain
from app.notifications.models import Mail
from app.notifications.service import WORDS_KEPT_FOR, write_mail
from app.orders.events import OrderCancelled, OrderConfirmed
from app.orders.models import Order, OrderLine, OrderStatus, Payment, PaymentStatus
from app.prebooks.models import Prebook, PrebookStatus
from tests.factories import make_book, make_user, withdraw_book
from tests.journeys.conftest import Mailbox
from tests.live import free_port


async def make_order(session: AsyncSession) -> int:
    user = await make_user(session, email="ada@example.com", role=Role.USER)
    book = await make_book(session, title="Emma", author="Jane Austen", price="9.99")
    order = Order(
        number="ABCDE-FGHJK",
        user_id=user.id,
        email="ada@example.com",
        status=OrderStatus.CONFIRMED,
        currency="USD",
        total=Decimal("25.98"),
        shipping_address={
            "name": "Ada <Lovelace>",
            "street": "12 St James's Square",
            "postal_code": "SW1Y 4JH",
            "city": "London",
            "country": "GB",
        },
        idempotency_key="key",
        request_hash=b"hash",
        reserved_until=book.created_at,
        settle_after=book.created_at,
    )
    session.add(order)
    await session.flush()  # lines and payment need the order's id
    session.add(
        OrderLine(
            order_id=order.id,
            book_id=book.id,
            title="Emma",
            author="Jane Austen",
            unit_price=book.price,
            quantity=2,
        )
    )
    session.add(
        Payment(
            order_id=order.id,
            gateway="demo",
            reference="reference",
            amount=order.total,
            currency="USD",
            status=PaymentStatus.CAPTURED,
        )
    )
    await session.commit()
    return order.id


async def test_an_order_is_confirmed_by_one_mail(committed: AsyncSession) -> None:
    event = OrderConfirmed(order_id=await make_order(committed))
    event_id = await publish(committed, event)
    await committed.commit()
    for _ in range(2):
        await confirm_order_by_mail.function(event, event_id=event_id)
    mail = (await committed.scalars(select(Mail))).one()
    assert mail.recipient == "ada@example.com"
    assert mail.subject == "Your order ABCDE-FGHJK at Bookstore"
    assert "2 x Emma, Jane Austen: $19.98" in mail.body_text
    assert "Ada <Lovelace>" in mail.body_text
    assert "\nUnited Kingdom\n" in mail.body_text
    assert "\nUnited Kingdom</p>" in mail.body_html
    assert "Ada &lt;Lovelace&gt;" in mail.body_html
    jobs = await committed.execute(
        text("SELECT args FROM procrastinate_jobs WHERE task_name = 'notifications.send_mail'")
    )
    assert jobs.scalars().all() == [{"mail_id": mail.id}]


async def test_the_buyer_of_a_cancelled_order_hears_of_it_once(committed: AsyncSession) -> None:
    event = OrderCancelled(order_id=await make_order(committed))
    event_id = await publish(committed, event)
    await committed.commit()
    for _ in range(2):
        await cancel_order_by_mail.function(event, event_id=event_id)
    mail = (await committed.scalars(select(Mail))).one()
    assert mail.recipient == "ada@example.com"
    assert mail.subject == "Your order ABCDE-FGHJK at Bookstore was not paid"
    assert "nothing was charged" in mail.body_text
    assert "2 x Emma, Jane Austen: $19.98" in mail.body_text
    assert "/cart" in mail.body_html


async def test_who_waits_for_a_withdrawn_book_waits_on(committed: AsyncSession) -> None:
    book = await make_book(committed, copies=1)
    user = await make_user(committed)
    committed.add(Prebook(user_id=user.id, book_id=book.id))
    event = BookRestocked(book_id=book.id)
    event_id = await publish(committed, event)
    await withdraw_book(committed, book)
    await tell_that_book_is_back.function(event, event_id=event_id)
    assert (await committed.scalars(select(Mail))).all() == []
    assert (await committed.scalars(select(Prebook.status))).all() == [PrebookStatus.WAITING]


async def test_who_waits_for_what_is_gone_again_waits_on(committed: AsyncSession) -> None:
    book = await make_book(committed, copies=0)
    committed.add(Prebook(user_id=(await make_user(committed)).id, book_id=book.id))
    event = BookRestocked(book_id=book.id)
    event_id = await publish(committed, event)
    await committed.commit()
    await tell_that_book_is_back.function(event, event_id=event_id)
    assert (await committed.scalars(select(Mail))).all() == []
    assert (await committed.scalars(select(Prebook.status))).all() == [PrebookStatus.WAITING]


async def test_an_old_event_is_pruned_and_its_mail_stays(committed: AsyncSession) -> None:
    mail = await write_one(committed)
    await committed.execute(
        text("UPDATE outbox_events SET dispatched_at = now() - interval '8 days'")
    )
    await committed.commit()
    (prune,) = (job for job in outbox_jobs([]) if job.name == "outbox.prune")
    await prune.function()
    assert (await committed.scalars(select(OutboxEvent))).all() == []
    assert (await committed.scalars(select(Mail.id))).all() == [mail.id]


async def test_words_are_forgotten_some_time_after_they_were_sent(committed: AsyncSession) -> None:
    now = datetime.now(UTC)
    sent = {
        "old": now - WORDS_KEPT_FOR - timedelta(minutes=1),
        "recent": now - WORDS_KEPT_FOR + timedelta(minutes=1),
        "waiting": None,
    }
    for name, sent_at in sent.items():
        mail = Mail(event_id=uuid4(), recipient=f"{name}@example.com", template="book_restocked")
        mail.message_id, mail.sent_at = name, sent_at
        mail.subject, mail.body_text, mail.body_html = "subject", "text", "html"
        committed.add(mail)
    await committed.commit()
    for _ in range(2):
        await prune_sent_words.function()
    rows = await committed.execute(
        select(Mail.message_id, Mail.subject, Mail.body_text, Mail.body_html)
    )
    assert {tuple(row) for row in rows} == {
        ("old", "", "", ""),
        ("recent", "subject", "text", "html"),
        ("waiting", "subject", "text", "html"),
    }


def test_templates_are_compiled_once() -> None:
    compiled = environment("de_DE").get_template("book_restocked/subject.txt")
    rendered = render_mail(
        "book_restocked",
        settings=Settings(locale="de_DE"),
        values=example_values("book_restocked"),
    )
    assert "11,00\xa0€" in rendered.text
    assert environment("de_DE").get_template("book_restocked/subject.txt") is compiled
    money = environment("de_DE").filters["money"]
    assert money(Decimal("1234.5"), "EUR") == "1.234,50\xa0€"
    assert environment("en_US").filters["money"](Decimal("1234.5"), "USD") == "$1,234.50"


async def test_everybody_who_waits_is_told_once(committed: AsyncSession) -> None:
    book = await make_book(committed, title="Emma", copies=1)
    waiting = [await make_user(committed) for _ in range(2)]
    gone = await make_user(committed, is_active=False)
    for user in (*waiting, gone):
        committed.add(Prebook(user_id=user.id, book_id=book.id))
    await committed.commit()
    event = BookRestocked(book_id=book.id)
    event_id = await publish(committed, event)
    await committed.commit()
    for _ in range(2):
        await tell_that_book_is_back.function(event, event_id=event_id)
    mails = (await committed.scalars(select(Mail).order_by(Mail.recipient))).all()
    assert {mail.recipient for mail in mails} == {user.email for user in waiting}
    assert {mail.subject for mail in mails} == {"Emma is back at Bookstore"}
    statuses = (await committed.scalars(select(Prebook.status))).all()
    assert set(statuses) == {PrebookStatus.NOTIFIED}


async def write_one(session: AsyncSession) -> Mail:
    event_id = await publish(session, OrderConfirmed(order_id=1))
    made = await make_book(session, title="Émile", author="J.-J. Rousseau")
    book = await get_book(session, book_id=made.id)
    await write_mail(
        session,
        event_id=event_id,
        recipient="ada@example.com",
        template="book_restocked",
        values={"book": book},
        settings=get_settings(),
    )
    await session.commit()
    return (await session.scalars(select(Mail))).one()


async def test_a_mail_is_handed_over_once_and_marked(
    committed: AsyncSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_settings(), "mail_directory", tmp_path)
    mail = await write_one(committed)
    await send_mail.function(mail_id=mail.id)
    await committed.refresh(mail)
    assert mail.sent_at is not None
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    message = message_from_bytes(file.read_bytes(), policy=default)
    assert message["Subject"] == "Émile is back at Bookstore"
    assert message["Message-ID"] == mail.message_id
    file.unlink()
    await send_mail.function(mail_id=mail.id)
    await send_mail.function(mail_id=10**6)
    assert list(tmp_path.iterdir()) == []


async def test_over_smtp(committed: AsyncSession) -> None:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        settings = Settings(
            smtp_host="127.0.0.1",
            smtp_port=box.port,
            smtp_starttls=False,
            smtp_password=SecretStr("unused without a user name"),
        )
        sender = mail_sender(settings)
        assert isinstance(sender, SmtpMailSender)
        mail = await write_one(committed)
        await sender.send(compose(mail, settings=settings))
    finally:
        controller.stop()
    assert [message["Message-ID"] for message in box.messages] == [mail.message_id]
    assert box.messages[0]["Auto-Submitted"] == "auto-generated"


async def test_a_dead_mail_server_is_given_up_in_time(committed: AsyncSession) -> None:
    settings = Settings(smtp_host="127.0.0.1", smtp_port=free_port(), smtp_timeout_seconds=1)
    mail = await write_one(committed)
    with pytest.raises(OSError, match=r"."):
        await mail_sender(settings).send(compose(mail, settings=settings))


def test_where_there_is_no_server_mails_are_files() -> None:
    assert isinstance(mail_sender(Settings(smtp_host=None)), FolderMailSender)


def test_message_ids_carry_the_shops_domain() -> None:
    assert sender_domain(Settings(mail_from="Shop <shop@books.example>")) == "books.example"
    assert sender_domain(Settings(mail_from="nobody")) == "localhost"
