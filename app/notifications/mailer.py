"""From a template folder to a message, and from a message to the outside."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.books.covers import palette_of
from app.core.config import Settings
from app.core.countries import country_name
from app.core.money import format_money
from app.core.translation import locale_for, words_in
from app.notifications.models import Mail
from app.notifications.pictures import Picture, attach, cover_id, without_pictures

TOKEN_PLACE = "[token]"  # noqa: S105 (a place for one)
"""Where the token of a mailed link, or a gift card's code, will be; no address can contain it."""

TEMPLATES = Path(__file__).parents[1] / "templates" / "email"

BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True, kw_only=True)
class RenderedMail:
    """A message's words."""

    subject: str
    text: str
    html: str


@cache
def environment(locale: str, time_zone: str = "UTC") -> Environment:
    """Return the templates' environment, which keeps what it compiled, with the locale's words.

    Days are those of the time zone.
    """
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: bool(name and name.endswith(".html")),  # noqa: S701 (text is not HTML)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    language = locale.partition("_")[0]
    made.install_gettext_translations(words_in(language), newstyle=True)  # type: ignore[attr-defined]
    made.globals["language"] = language
    zone = ZoneInfo(time_zone)

    def write_day(day: date) -> str:
        local = day.astimezone(zone) if isinstance(day, datetime) else day
        return format_date(local, format="long", locale=locale)

    made.filters["money"] = lambda amount, currency: format_money(amount, currency, locale)
    made.filters["country"] = lambda code: country_name(code, locale)
    made.filters["number"] = lambda number: format_decimal(number.normalize(), locale=locale)
    made.filters["day"] = write_day
    made.filters["cover_id"] = lambda book: cover_id(book.cover_image_url)
    made.filters["palette"] = lambda book: palette_of(book.title, book.author)
    return made


def render_mail(
    template: str, *, settings: Settings, values: Mapping[str, Any], language: str | None = None
) -> RenderedMail:
    """Fill in the three files of a message's folder: ``subject.txt``, ``body.txt``, ``body.html``.

    Every template knows ``shop`` (the settings), ``sender`` (who that is in law, as the head of a
    letter says it), the functions ``_`` and ``ngettext`` and the
    filters ``money``, ``country``, ``number`` and ``day``. Styles are where mail programs heed
    them: at the elements themselves, but for those of small and of dark screens.

    Args:
        template: the folder.
        settings: the shop's.
        values: what its words are about.
        language: its reader's; None is the shop's.
    """
    import css_inline  # noqa: PLC0415 (servers that write no mail need not load it)

    sender = [settings.seller_name or settings.shop_name, *settings.seller_address]
    known = environment(locale_for(language, settings.locale), settings.time_zone)

    def fill(name: str) -> str:
        return known.get_template(f"{template}/{name}").render(
            shop=settings, sender=sender, **values
        )

    return RenderedMail(
        subject=" ".join(fill("subject.txt").split()),
        text=BLANK_LINES.sub("\n\n", fill("body.txt")).strip() + "\n",
        html=css_inline.inline(
            fill("body.html"), keep_at_rules=True, load_remote_stylesheets=False
        ),
    )


def compose(
    mail: Mail,
    *,
    settings: Settings,
    secret: str | None = None,
    pictures: Mapping[str, Picture] | None = None,
    stopped_by: str | None = None,
) -> EmailMessage:
    """Return the message as it is handed over, with the one Message-ID that it ever has.

    Args:
        mail: its words.
        settings: the shop's.
        secret: what belongs at ``TOKEN_PLACE`` and is in no row.
        pictures: what its HTML shows, by Content-ID; the places of others are left out of it.
        stopped_by: the address that ends mails of its kind, where the reader may end them.
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
    if stopped_by is not None:
        # RFC 8058: a mail program's own button ends them, without a page or a sign-in.
        message["List-Unsubscribe"] = f"<{stopped_by}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(text)
    message.add_alternative(without_pictures(html, known=pictures or {}), subtype="html")
    attach(message, pictures or {})
    return message


def sender_domain(settings: Settings) -> str:
    """Return the domain that the shop writes from, for Message-IDs."""
    return parseaddr(settings.mail_from)[1].partition("@")[2] or "localhost"
