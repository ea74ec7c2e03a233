"""The mail that brings a gift card: its code is in the message, and in no row."""

from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import get_settings
from app.integrations.mail import FolderMailSender
from app.jobs.models import OutboxEvent
from app.notifications import jobs
from app.notifications.handlers import mail_gift_card
from app.notifications.models import Mail
from app.notifications.service import SecretForgottenError
from app.promotions.events import GiftCardIssued
from app.promotions.schemas import IssuedGiftCard
from tests.promotions.things import NOW, make_gift_card


async def write(session: AsyncSession, **values: object) -> tuple[IssuedGiftCard, list[Mail]]:
    """Issue a gift card and let the mail be written, twice, as jobs may be repeated."""
    card = await make_gift_card(session, "25.00", expires_at=NOW, **values)
    event_id = (await session.scalars(select(OutboxEvent.id))).one()
    await session.commit()
    for _ in range(2):
        await mail_gift_card.function(GiftCardIssued(gift_card_id=card.id), event_id=event_id)
    return card, list(await session.scalars(select(Mail)))


async def test_the_code_is_in_the_message_alone(
    committed: AsyncSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "mail_sender", lambda _settings: FolderMailSender(tmp_path))
    message = "Read <something> good."
    card, (mail,) = await write(committed, recipient_email="ada@example.com", message=message)
    for table in ("mails", "outbox_events", "procrastinate_jobs"):
        for row in await committed.scalars(text(f"SELECT t::text FROM {table} t")):  # noqa: S608
            assert card.code not in row
    await jobs.send_mail.function(mail_id=mail.id)
    (path,) = tmp_path.iterdir()
    sent = message_from_bytes(path.read_bytes(), policy=default)
    assert sent["To"] == "ada@example.com"
    assert sent["Subject"] == f"A gift card for $25.00 from {get_settings().shop_name}"
    plain, html = (sent.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    for body in (plain, html):
        assert card.code in body.get_content()
        assert "December 1, 2026" in body.get_content()
    assert message in plain.get_content()
    assert "Read &lt;something&gt; good." in html.get_content()


async def test_a_card_for_nobody_or_an_ended_one_is_not_mailed(committed: AsyncSession) -> None:
    _, mails = await write(committed)
    assert mails == []
    await committed.execute(
        text("UPDATE gift_cards SET recipient_email = 'a@example.com', ended_at = now()")
    )
    await committed.commit()
    card_id = (await committed.scalars(text("SELECT id FROM gift_cards"))).one()
    event_id = (await committed.scalars(select(OutboxEvent.id))).one()
    await mail_gift_card.function(GiftCardIssued(gift_card_id=card_id), event_id=event_id)
    assert (await committed.scalars(select(Mail))).all() == []


async def test_a_card_of_a_forgotten_secret_waits_instead_of_coming_without_its_code(
    committed: AsyncSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "mail_sender", lambda _settings: FolderMailSender(tmp_path))
    _, (mail,) = await write(committed, recipient_email="ada@example.com")
    await committed.execute(text("UPDATE gift_cards SET code_hash = 'another'"))
    await committed.commit()
    with pytest.raises(SecretForgottenError):
        await jobs.send_mail.function(mail_id=mail.id)
    assert list(tmp_path.iterdir()) == []
