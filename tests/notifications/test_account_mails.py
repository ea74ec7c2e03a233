"""Mails about accounts: where their links lead, and that nothing else holds a link's token."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from httpx import ASGITransport, AsyncClient
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import get_settings
from app.main import app
from app.notifications.jobs import prune_sent_words, write_link_mail, write_notice
from app.notifications.mailer import TOKEN_PLACE, compose
from app.notifications.models import Mail
from app.notifications.service import WORDS_KEPT_FOR, write_mail
from app.users.account_models import AccountLink, LinkPurpose
from app.users.jobs import send_reset_link_if_known
from app.users.links import MAIL_LINK, PATHS, Notice, issue_link, link_address, link_token
from app.users.passwords import FORGOTTEN
from tests.users.readers import OTHER_PASSWORD, make_reader, newest_token, queued

FORGERIES = (
    {"Host": "evil.example"},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
    {"Forwarded": "host=evil.example;proto=https", "X-Original-Host": "evil.example"},
)
WHERE_TOKENS_COULD_BE = ("account_links", "mails", "outbox_events", "procrastinate_jobs")


@pytest_asyncio.fixture
async def visitor(committed: AsyncSession) -> AsyncIterator[AsyncClient]:
    """A client of the shop whose requests commit."""
    del committed
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://test") as client:
        yield client


def words(mail: Mail) -> tuple[str, str]:
    """Return both bodies of the message as it is handed over."""
    secret = None if mail.link_id is None else link_token(mail.link_id, get_settings())
    message = compose(mail, settings=get_settings(), secret=secret)
    text_part, html_part = (message.get_body((kind,)) for kind in ("plain", "html"))
    assert text_part is not None
    assert html_part is not None
    return text_part.get_content(), html_part.get_content()


@pytest.mark.parametrize("forged", FORGERIES)
async def test_a_forged_host_changes_no_link(
    visitor: AsyncClient, committed: AsyncSession, forged: dict[str, str]
) -> None:
    await make_reader(committed)
    asked = await visitor.post(
        "/api/v1/auth/password/forgot", json={"email": "ada@example.com"}, headers=forged
    )
    assert asked.status_code == 202
    (job,) = await queued(committed, FORGOTTEN.name)
    await send_reset_link_if_known.function(**job)
    (job,) = await queued(committed, MAIL_LINK.name)
    for _ in range(2):  # jobs may run twice
        await write_link_mail.function(**job)

    mail = (await committed.scalars(select(Mail))).one()
    token = await newest_token(committed, LinkPurpose.RESET_PASSWORD)
    address = f"{get_settings().public_url}/reset-password?token={token}"
    for part in words(mail):
        assert address in part
        assert "evil" not in part
    for table in WHERE_TOKENS_COULD_BE:
        kept = await committed.scalars(text(f"SELECT CAST(t AS text) FROM {table} AS t"))  # noqa: S608
        assert all(token not in row for row in kept), table
    body = {"token": token, "password": OTHER_PASSWORD}
    reset = await visitor.post("/api/v1/auth/password/reset", json=body)
    assert reset.status_code == 204


@pytest.mark.parametrize("purpose", LinkPurpose)
async def test_every_link_is_mailed_to_its_address(
    committed: AsyncSession, purpose: LinkPurpose
) -> None:
    user = await make_reader(committed)
    await issue_link(
        committed,
        user_id=user.id,
        purpose=purpose,
        email="proved@example.com",
        now=datetime.now(UTC),
    )
    await committed.commit()
    link_id = (await committed.scalars(select(AccountLink.id))).one()
    await write_link_mail.function(link_id=str(link_id))
    mail = (await committed.scalars(select(Mail))).one()
    assert (mail.recipient, mail.template) == ("proved@example.com", purpose.value)
    assert mail.subject.endswith(get_settings().shop_name)
    token = link_token(link_id, get_settings())
    for part in words(mail):
        assert part.count(link_address(purpose, token, get_settings())) == 1
        assert TOKEN_PLACE not in part
    assert PATHS[purpose] in mail.body_text


@pytest.mark.parametrize("column", ["used_at", "expires_at"])
async def test_a_link_that_works_no_more_is_not_mailed(
    committed: AsyncSession, column: str
) -> None:
    user = await make_reader(committed)
    await issue_link(
        committed,
        user_id=user.id,
        purpose=LinkPurpose.VERIFY_EMAIL,
        email=user.email,
        now=datetime.now(UTC),
    )
    await committed.execute(update(AccountLink).values({column: datetime.now(UTC)}))
    await committed.commit()
    (job,) = await queued(committed, MAIL_LINK.name)
    await write_link_mail.function(**job)
    assert (await committed.scalars(select(Mail))).all() == []


@pytest.mark.parametrize("notice", Notice)
async def test_every_notice_has_words(committed: AsyncSession, notice: Notice) -> None:
    arguments = {"notice": notice.value, "recipient": "ada@example.com", "event_id": str(uuid4())}
    for _ in range(2):
        await write_notice.function(**arguments)
    mail = (await committed.scalars(select(Mail))).one()
    assert (mail.recipient, mail.template, mail.link_id) == ("ada@example.com", notice, None)
    assert get_settings().shop_name in mail.body_text
    assert "{{" not in mail.body_text + mail.body_html


async def test_only_a_link_s_mail_has_a_place_for_a_token(committed: AsyncSession) -> None:
    link_id = uuid4()
    for recipient, about in (("ada@example.com", link_id), ("grace@example.com", None)):
        await write_mail(
            committed,
            event_id=uuid4(),
            recipient=recipient,
            template="reset_password",
            values={"address": TOKEN_PLACE},
            settings=get_settings(),
            link_id=about,
        )
    mails = (await committed.scalars(select(Mail).order_by(Mail.recipient))).all()
    token = link_token(link_id, get_settings())
    assert [token in words(mail)[0] for mail in mails] == [True, False]


async def test_links_and_notices_are_deleted_long_after_they_were_sent(
    committed: AsyncSession,
) -> None:
    long_ago = datetime.now(UTC) - WORDS_KEPT_FOR - timedelta(days=1)
    for template, sent_at in (
        ("password_changed", long_ago),
        ("reset_password", long_ago),
        ("verify_email", datetime.now(UTC)),
        ("account_deleted", None),
    ):
        await write_mail(
            committed,
            event_id=uuid4(),
            recipient="ada@example.com",
            template=template,
            values={"address": "https://shop.example"},
            settings=get_settings(),
        )
        newest = select(Mail.id).order_by(Mail.id.desc()).limit(1).scalar_subquery()
        await committed.execute(update(Mail).where(Mail.id == newest).values(sent_at=sent_at))
    await committed.commit()
    await prune_sent_words.function()
    left = await committed.scalars(select(Mail.template).order_by(Mail.id))
    assert list(left) == ["verify_email", "account_deleted"]
