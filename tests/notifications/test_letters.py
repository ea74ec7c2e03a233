"""What messages look like: every one, in every language."""

import re
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image

from app.core.config import Settings, get_settings
from app.core.translation import LANGUAGES
from app.integrations.storage import FolderStorage
from app.notifications.examples import example_values, template_names
from app.notifications.mailer import compose, render_mail
from app.notifications.models import Mail
from app.notifications.pictures import Picture, cover_id, find_pictures

ENGLISH = re.compile(r"\b(?:your|you|the|order|of)\b", re.IGNORECASE)
QUOTED = ("For rainy Sundays, and for all the others.", "The Left Hand of Darkness")
"""What is English in examples, whatever the language: a giver's words, a title."""

DIGEST = "0123456789abcdef" * 2


def mail_with(html: str, **changes: object) -> Mail:
    return Mail(
        **{
            "recipient": "ada@example.com",
            "template": "order_shipped",
            "subject": "On its way",
            "body_text": "On its way.",
            "body_html": html,
            "message_id": f"<{uuid4().hex}@example.com>",
            "created_at": datetime.now(UTC),
        }
        | changes
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", template_names())
def test_every_message_in_every_language(template: str, language: str) -> None:
    mail = render_mail(
        template, settings=get_settings(), values=example_values(template), language=language
    )
    assert mail.subject
    assert "\n" not in mail.subject
    assert f'<html lang="{language}"' in mail.html
    for words in (mail.subject, mail.text, mail.html):
        assert "None" not in words
        assert "%(" not in words
        assert "{{" not in words
    assert "\n\n\n" not in mail.text
    if language != "en":
        own = mail.subject + mail.text
        for quoted in QUOTED:
            own = own.replace(quoted, "")
        assert not ENGLISH.search(own), own


def test_styles_are_at_the_elements_but_for_those_of_screens() -> None:
    html = render_mail(
        "order_confirmed", settings=get_settings(), values=example_values("order_confirmed")
    ).html
    (sheet,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert "prefers-color-scheme: dark" in sheet
    assert "max-width: 480px" in sheet
    assert ".colophon {" not in sheet.split("@media")[0]
    assert re.search(r'<td class="colophon" style="[^"]*font-size: ?13px', html)
    assert "<script" not in html
    assert "http://127.0.0.1:8000/static" not in html, "nothing is fetched when it is read"


def test_markup_in_values_stays_text() -> None:
    values = dict(example_values("new_device")) | {"about": "<b>%(shop)s {{ shop }}</b>"}
    mail = render_mail("new_device", settings=get_settings(), values=values)
    assert "&lt;b&gt;%(shop)s {{ shop }}&lt;/b&gt;" in mail.html
    assert "<b>%(shop)s {{ shop }}</b>" in mail.text


async def test_covers_and_the_sign_travel_within(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    picture = BytesIO()
    Image.new("RGB", (160, 240), "navy").save(picture, "WEBP")
    await storage.put_new(f"covers/{DIGEST}/160.webp", picture.getvalue(), media_type="image/webp")
    known = cover_id(f"/media/covers/{DIGEST}/640.webp")
    names = ("logo", known, f"cover-{'f' * 32}-160")
    html = "".join(f'<img src="cid:{name}" alt="">' for name in names)
    settings = Settings()
    pictures = await find_pictures(html, storage=storage, settings=settings)
    assert set(pictures) == {"logo", known}
    message = compose(mail_with(html), settings=settings, pictures=pictures)
    parts = {part["Content-ID"]: part for part in message.walk() if part["Content-ID"]}
    assert set(parts) == {"<logo>", f"<{known}>"}
    assert parts["<logo>"].get_content_type() == "image/png"
    content = parts[f"<{known}>"].get_payload(decode=True)
    assert isinstance(content, bytes)
    with Image.open(BytesIO(content)) as sent:
        assert (sent.format, sent.size) == ("JPEG", (160, 240))
    body = message.get_body(("html",))
    assert body is not None
    assert "f" * 32 not in body.get_content(), "what cannot be shown leaves no hole"


def test_covers_from_elsewhere_are_not_fetched() -> None:
    assert cover_id("https://covers.example/1.jpg") is None
    assert cover_id(None) is None


async def test_a_shop_has_its_own_sign(tmp_path: Path) -> None:
    own = tmp_path / "sign.jpg"
    own.write_bytes(b"its own")
    settings = Settings(mail_logo=own)
    pictures = await find_pictures(
        '<img src="cid:logo">', storage=FolderStorage(tmp_path), settings=settings
    )
    assert pictures == {"logo": Picture(kind="jpeg", content=b"its own")}
