"""Templates of the shopper's pages, and what each of them knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from app.books.cover_images import cover_sources, parse_cover_url
from app.books.covers import draw_cover
from app.books.isbn import format_isbn
from app.books.schemas import FacetValue
from app.books.slugs import book_address
from app.core.config import get_settings
from app.core.countries import country_name
from app.core.csrf import set_csrf_cookie
from app.core.languages import language_name as named_language
from app.core.money import format_money
from app.storefront.static import static_url

COVER_IMAGE = '<img class="cover" src="{}" alt="{}, {}" width="300" height="450" loading="{}">'
COVER_SOURCE = '<source type="{}" srcset="{}" sizes="{}">'
COVER_PICTURE = "<picture>{}{}</picture>"
COVER_SIZES = {
    "card": "auto, 12rem",
    "line": "auto, 4rem",
    "page": "(min-width: 48rem) 20rem, 15rem",
}
"""How wide a cover is drawn, by where it stands; ``auto`` asks a browser that knows to look."""

TEMPLATES = Path(__file__).parents[1] / "templates"


def cover(book: Any, place: str = "card") -> Markup:
    """Return a book's cover: an uploaded one in many widths, an image of ours, else a drawn one.

    ``place`` is where it stands: ``card``, ``line`` or ``page``. Only the page's is waited for.
    """
    url = book.cover_image_url
    if not url or not url.startswith("/"):
        return Markup(draw_cover(title=book.title, author=book.author))  # noqa: S704 (escapes its words)
    loading = "eager" if place == "page" else "lazy"
    image = Markup(COVER_IMAGE).format(url, book.title, book.author, loading)  # noqa: S704 (a constant)
    uploaded = parse_cover_url(url)
    if uploaded is None:
        return image
    sources = Markup().join(
        Markup(COVER_SOURCE).format(source.media_type, source.srcset, COVER_SIZES[place])  # noqa: S704 (likewise)
        for source in cover_sources(uploaded)
    )
    return Markup(COVER_PICTURE).format(sources, image)  # noqa: S704 (likewise)


def marked(text: str, ranges: Sequence[tuple[int, int]]) -> Markup:
    """Return the text with its ranges of characters marked, and everything escaped."""
    parts, end = [], 0
    for start, stop in ranges:
        parts += [escape(text[end:start]), Markup("<mark>{}</mark>").format(text[start:stop])]
        end = stop
    return Markup().join([*parts, escape(text[end:])])


def language_name(code: str) -> str:
    """Return a language's name in the shop's language."""
    return named_language(code, get_settings().locale)


def counted(value: FacetValue) -> str:
    """Return how many books a value has: "12", or "1,000+" where there are more."""
    return f"{value.count:,}{'' if value.count_is_exact else '+'}"


@dataclass(frozen=True, kw_only=True)
class Shop:
    """What templates know of the settings, which hold secrets too."""

    shop_name: str
    public_url: str
    currency: str
    mail_folder: str | None
    """Where mails are files, in a shop that sends none and that nobody but its maker shops in."""


@cache
def environment() -> Environment:
    """Return the templates' environment, with money, dates and links by the shop's settings."""
    settings = get_settings()
    zone, locale = ZoneInfo(settings.time_zone), settings.locale
    shop = Shop(
        shop_name=settings.shop_name,
        public_url=settings.public_url,
        currency=settings.currency,
        mail_folder=(
            None if settings.smtp_host or settings.is_production else str(settings.mail_directory)
        ),
    )

    def money(amount: Decimal, currency: str) -> str:
        return format_money(amount, currency, locale)

    def moment(value: datetime) -> str:
        return format_datetime(value.astimezone(zone), "d MMMM y, HH:mm", locale=locale)

    def country(code: str) -> str:
        return country_name(code, locale)

    def day(value: datetime) -> str:
        return format_date(value.astimezone(zone).date(), "d MMMM y", locale=locale)

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(shop=shop, static=static_url, book_address=book_address)
    made.filters.update(
        counted=counted,
        cover=cover,
        day=day,
        marked=marked,
        country=country,
        isbn=format_isbn,
        language=language_name,
        moment=moment,
        money=money,
    )
    return made


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page, which no cache keeps, not even the browser's: it may be of one reader only."""
    html = environment().get_template(f"storefront/{template}").render(request=request, **values)
    response = HTMLResponse(html, status)
    set_csrf_cookie(request, response, get_settings())
    response.headers["Cache-Control"] = "no-store"
    return response
