"""From a template folder to a message, and from a message to the outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.core.config import Settings
from app.core.countries import country_name
from app.core.money import format_money
from app.notifications.models import Mail

TOKEN_PLACE = "[token]"  # noqa: S105 (a place for one)
"""Where the token of a mailed link, or a gift card's code, will be; no address can contain it."""

TEMPLATES = Path(__file__).parents[1] / "templates" / "email"


@dataclass(frozen=True, kw_only=True)
class RenderedMail:
    """A message's words."""

    subject: str
    text: str
    html: str


@cache
def environment(locale: str) -> Environment:
    """Return the templates' environment, which keeps what it compiled, with the locale's words."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: bool(name and name.endswith(".html")),  # noqa: S701 (text is not HTML)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["money"] = lambda amount, currency: format_money(amount, currency, locale)
    made.filters["country"] = lambda code: country_name(code, locale)
    return made


def render_mail(template: str, *, settings: Settings, values: Mapping[str, Any]) -> RenderedMail:
    """Fill in the three files of a message's folder: ``subject.txt``, ``body.txt``, ``body.html``.

    Every template knows ``shop`` (the settings) and the filters ``money`` and ``country``.
    """

    def fill(name: str) -> str:
        source = environment(settings.locale).get_template(f"{template}/{name}")
        return source.render(shop=settings, **values)

    return RenderedMail(
        subject=" ".join(fill("subject.txt").split()),
        text=fill("body.txt").strip() + "\n",
        html=fill("body.html"),
    )


def compose(mail: Mail, *, settings: Settings, secret: str | None = None) -> EmailMessage:
    """Return the message as it is handed over, with the one Message-ID that it ever has.

    ``secret`` is what belongs at ``TOKEN_PLACE`` and is in no row.
    """
    text, html = mail.body_text, mail.body_html
    if secret is not None:
        text, html = (words.replace(TOKEN_PLACE, secret) for words in (text, html))
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = mail.recipient
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.created_at)
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


def sender_domain(settings: Settings) -> str:
    """Return the domain that the shop writes from, for Message-IDs."""
    return parseaddr(settings.mail_from)[1].partition("@")[2] or "localhost"
