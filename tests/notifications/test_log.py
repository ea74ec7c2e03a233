"""What staff see of messages, and sending one again."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from httpx import AsyncClient
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import AuditEntry
from app.core.rights import Right
from app.notifications.examples import template_names
from app.notifications.models import Mail
from app.notifications.service import SEND_MAIL
from tests.factories import bearer, make_user

MAILS = "/api/v1/admin/mails"


async def make_mail(session: AsyncSession, **changes: object) -> int:
    mail = Mail(
        **{
            "event_id": uuid4(),
            "recipient": "ada@example.com",
            "template": "order_shipped",
            "message_id": f"<{uuid4().hex}@example.com>",
            "subject": "On its way",
            "body_text": "On its way.",
            "body_html": "<p>On its way.</p>",
        }
        | changes
    )
    session.add(mail)
    await session.commit()
    return mail.id


async def queued(session: AsyncSession) -> list[dict[str, int]]:
    statement = text("SELECT args FROM procrastinate_jobs WHERE task_name = :name")
    return list(await session.scalars(statement, {"name": SEND_MAIL.name}))


async def test_the_log_is_looked_through(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = bearer(await make_user(db_session, rights=[Right.CUSTOMERS]))
    sent = await make_mail(db_session, sent_at=datetime.now(UTC))
    waiting = await make_mail(db_session, template="gift_card")
    other = await make_mail(db_session, recipient="eve@example.com")

    async def ids(query: str) -> list[int]:
        answer = await client.get(f"{MAILS}{query}", headers=headers)
        assert answer.status_code == 200, answer.text
        return [mail["id"] for mail in answer.json()]

    assert await ids("") == [other, waiting, sent]
    assert await ids("?state=sent") == [sent]
    assert await ids("?state=waiting") == [other, waiting]
    assert await ids("?template=gift_card") == [waiting]
    assert await ids("?recipient=eve@example.com&state=") == [other]
    answer = await client.get(f"{MAILS}/{sent}", headers=headers)
    assert answer.json()["body_html"] == "<p>On its way.</p>"
    missing = await client.get(f"{MAILS}/{other + 1}", headers=headers)
    assert (missing.status_code, missing.json()["code"]) == (404, "MAIL_NOT_FOUND")


async def test_a_message_is_sent_again_under_its_own_id(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    nora = await make_user(db_session, email="nora@example.com", rights=[Right.CUSTOMERS])
    mail_id = await make_mail(db_session, sent_at=datetime.now(UTC))
    before = await db_session.scalar(select(Mail.message_id))
    for _ in range(2):
        answer = await client.post(f"{MAILS}/{mail_id}/resend", headers=bearer(nora))
        assert (answer.status_code, answer.json()["sent_at"]) == (202, None)
        assert answer.json()["message_id"] == before
    assert await queued(db_session) == [{"mail_id": mail_id}], "twice in a row is once"
    acts = (await db_session.scalars(select(AuditEntry))).all()
    assert [(act.action, act.thing_id, act.actor) for act in acts] == [
        ("mail.resend", str(mail_id), "nora@example.com")
    ] * 2


async def test_a_forgotten_message_is_not_sent_empty(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = bearer(await make_user(db_session, rights=[Right.CUSTOMERS]))
    long_ago = datetime.now(UTC) - timedelta(days=60)
    mail_id = await make_mail(db_session, sent_at=long_ago)
    await db_session.execute(update(Mail).values(subject="", body_text="", body_html=""))
    await db_session.commit()
    answer = await client.post(f"{MAILS}/{mail_id}/resend", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "MAIL_FORGOTTEN")
    assert await queued(db_session) == []
    unknown = await client.post(f"{MAILS}/{mail_id + 1}/resend", headers=headers)
    assert unknown.status_code == 404


async def test_every_message_can_be_looked_at_before_it_is_written(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = bearer(await make_user(db_session, rights=[Right.SETTINGS]))
    names = (await client.get(f"{MAILS}/templates", headers=headers)).json()["templates"]
    assert names == list(template_names())
    for name in names:
        shown = await client.get(f"{MAILS}/templates/{name}?language=de", headers=headers)
        assert shown.json()["language"] == "de"
        assert 'src="data:image/png;base64,' in shown.json()["body_html"]
    wrong = await client.get(f"{MAILS}/templates/{names[0]}?language=xx", headers=headers)
    assert wrong.status_code == 422
    for name in ("nothing", "letter.html"):
        missing = await client.get(f"{MAILS}/templates/{name}", headers=headers)
        assert missing.status_code == 404
