"""What staff see of messages, and sending one again."""

import base64

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.pagination import Slice
from app.core.translation import locale_for
from app.jobs.queue import enqueue
from app.notifications import repository
from app.notifications.errors import (
    MailForgottenError,
    MailNotFoundError,
    MailTemplateNotFoundError,
)
from app.notifications.examples import example_values, template_names
from app.notifications.mailer import render_mail
from app.notifications.pictures import LOGO, read_logo
from app.notifications.schemas import MailDetail, MailPreview, MailQuery, MailRead, MailTemplates
from app.notifications.service import SEND_MAIL


async def list_mails(session: AsyncSession, *, query: MailQuery) -> Slice[MailRead]:
    """Return messages, the newest first.

    Raises:
        CursorError: not a cursor of this list.
    """
    window = query.window(repository.NEWEST_FIRST.name)
    mails = await repository.list_mails(session, wanted=query, window=window)
    return mails.map(MailRead.model_validate)


async def get_mail(session: AsyncSession, *, mail_id: int) -> MailDetail:
    """Return a message with its words, as far as they are kept.

    Raises:
        MailNotFoundError: there is none.
    """
    mail = await repository.find_mail(session, mail_id=mail_id)
    if mail is None:
        raise MailNotFoundError
    return MailDetail.model_validate(mail)


async def resend(session: AsyncSession, *, mail_id: int) -> None:
    """Send a message once more, with the same Message-ID: a copy that came already is known by it.

    Raises:
        MailNotFoundError: there is none.
        MailForgottenError: its words were emptied.
    """
    if not await repository.open_again(session, mail_id=mail_id):
        await get_mail(session, mail_id=mail_id)
        raise MailForgottenError
    await enqueue(session, SEND_MAIL, unique=f"{SEND_MAIL.name}:{mail_id}", mail_id=mail_id)


def list_templates() -> MailTemplates:
    """Return the names of all messages."""
    return MailTemplates(templates=list(template_names()))


def preview(template: str, *, language: str | None, settings: Settings) -> MailPreview:
    """Return a message as it would be, in a language, with values that are made up.

    Raises:
        MailTemplateNotFoundError: the shop writes none of this name.
    """
    if template not in template_names():
        raise MailTemplateNotFoundError
    rendered = render_mail(
        template, settings=settings, values=example_values(template), language=language
    )
    logo = read_logo(settings)
    source = f"data:image/{logo.kind};base64,{base64.b64encode(logo.content).decode()}"
    return MailPreview(
        template=template,
        language=locale_for(language, settings.locale).partition("_")[0],
        subject=rendered.subject,
        body_text=rendered.text,
        body_html=rendered.html.replace(f"cid:{LOGO}", source),
    )
