"""The rates in the database: which are in force, what staff set, and what the shop comes with."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.models import AuditEntry
from app.audit.service import command_line
from app.books.codes import BookFormat
from app.core.config import get_settings
from app.core.rights import Right
from app.tax import service
from app.tax.areas import EU_MEMBERS
from app.tax.kinds import RATED, ProductKind, kind_of
from app.tax.schemas import TaxRateUpdate
from app.tax.table import IN_FORCE, TAX_RATES
from tests.factories import bearer, make_user

RATES = "/api/v1/admin/tax-rates"
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
ACTOR = command_line()
BOOK, EBOOK = ProductKind.BOOK, ProductKind.EBOOK


@pytest.fixture
def german_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_settings(), "country", "DE")


async def rates_for(session: AsyncSession, country: str) -> dict[ProductKind, Decimal]:
    return await service.rates_for(session, country=country, now=NOW)


def test_the_shop_comes_with_four_rates_for_each_country() -> None:
    kinds = Counter((rate.country, rate.kind) for rate in TAX_RATES)
    assert set(kinds.values()) == {1}
    countries = {rate.country for rate in TAX_RATES}
    assert countries == EU_MEMBERS | {"GB", "CH", "NO", "US", "CA", "AU", "NZ"}
    assert kinds.keys() == {(country, kind) for country in countries for kind in RATED}
    for rate in TAX_RATES:
        assert 0 <= rate.rate <= 27
        assert rate.source
        assert rate.as_of <= IN_FORCE
        standard = next(
            other.rate
            for other in TAX_RATES
            if (other.country, other.kind) == (rate.country, ProductKind.OTHER)
        )
        assert rate.rate <= standard


@pytest.mark.usefixtures("german_shop")
async def test_a_sale_bears_the_rates_of_where_it_goes(
    db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.reset_rates(db_session, actor=ACTOR)
    assert (await rates_for(db_session, "DE"))[BOOK] == 7
    assert await rates_for(db_session, "HU") == {
        BOOK: 5,
        EBOOK: 27,
        ProductKind.AUDIOBOOK: 27,
        ProductKind.OTHER: 27,
    }
    assert await rates_for(db_session, "CH") == {}
    monkeypatch.setattr(get_settings(), "tax_one_stop_shop", False)
    assert (await rates_for(db_session, "HU"))[EBOOK] == 7
    monkeypatch.setattr(get_settings(), "country", "JP")
    assert await rates_for(db_session, "JP") == {}


@pytest.mark.usefixtures("german_shop")
async def test_a_rate_waits_for_its_day(
    db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_settings(), "time_zone", "Europe/Berlin")

    async def set_rate(rate: str, day: date | None = None) -> None:
        update = TaxRateUpdate(rate=Decimal(rate), valid_from=day)
        await service.set_rate(
            db_session, actor=ACTOR, country="DE", kind=BOOK, update=update, now=NOW
        )

    await set_rate("8")
    await set_rate("9", NOW.date() + timedelta(days=1))
    assert await rates_for(db_session, "DE") == {BOOK: 8}
    evening = NOW.replace(hour=22, minute=59)
    for moment, rate in ((evening, 8), (evening + timedelta(minutes=1), 9)):
        found = await service.rates_for(db_session, country="DE", now=moment)
        assert found == {BOOK: rate}
    before = NOW - timedelta(days=2)
    assert await service.rates_for(db_session, country="DE", now=before) == {}


async def test_staff_set_delete_and_reset_rates(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    client.headers.update(bearer(await make_user(db_session, rights=[Right.SETTINGS])))
    done = await client.post(f"{RATES}/reset", json={})
    assert done.json() == {"country": None, "rates": len(TAX_RATES)}
    listed = (await client.get(RATES, params={"country": "FR"})).json()
    assert [(rate["kind"], rate["rate"]) for rate in listed] == [
        ("audiobook", "5.5"),
        ("book", "5.5"),
        ("ebook", "5.5"),
        ("other", "20"),
    ]
    change = {"rate": "6.25", "valid_from": "2026-01-01", "source": "A letter", "note": ""}
    changed = await client.put(f"{RATES}/FR/book", json=change)
    assert changed.json() == listed[1] | {
        "rate": "6.25",
        "source": "A letter",
        "note": None,
        "as_of": changed.json()["as_of"],
    }
    new = (await client.put(f"{RATES}/JP/ebook", json={"rate": "10"})).json()
    assert (await client.delete(f"{RATES}/{new['id']}")).status_code == 204
    gone = await client.delete(f"{RATES}/{new['id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "TAX_RATE_NOT_FOUND")
    done = await client.post(f"{RATES}/reset", json={"country": "FR"})
    assert done.json() == {"country": "FR", "rates": 4}
    anew = (await client.get(RATES, params={"country": "FR"})).json()
    assert [rate["rate"] for rate in anew] == ["5.5", "5.5", "5.5", "20"]
    acts = (await db_session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
    assert [(act.action, act.thing_id) for act in acts] == [
        ("tax_rate.reset", None),
        ("tax_rate.set", str(changed.json()["id"])),
        ("tax_rate.set", str(new["id"])),
        ("tax_rate.delete", str(new["id"])),
        ("tax_rate.reset", "FR"),
    ]
    assert acts[1].before is not None
    assert acts[1].before["rate"] == "5.5"


@pytest.mark.parametrize(
    ("address", "wrong"),
    [
        ("FR/book", {"rate": "-1"}),
        ("FR/book", {"rate": "100.1"}),
        ("FR/book", {"rate": "5.5555"}),
        ("FR/book", {"rate": "5", "source": ""}),
        ("FR/shipping", {"rate": "5"}),
        ("fr/book", {"rate": "5"}),
    ],
)
async def test_rates_that_are_refused(
    client: AsyncClient, db_session: AsyncSession, address: str, wrong: dict[str, Any]
) -> None:
    headers = bearer(await make_user(db_session, rights=[Right.SETTINGS]))
    refused = await client.put(f"{RATES}/{address}", json=wrong, headers=headers)
    assert refused.status_code == 422


@pytest.mark.parametrize(
    ("book_format", "kind"),
    [
        (BookFormat.BOARD_BOOK, ProductKind.BOOK),
        (BookFormat.MAP, ProductKind.BOOK),
        (BookFormat.EBOOK, ProductKind.EBOOK),
        (BookFormat.AUDIOBOOK, ProductKind.AUDIOBOOK),
        (BookFormat.CALENDAR, ProductKind.OTHER),
        (BookFormat.FILM, ProductKind.OTHER),
    ],
)
def test_what_an_edition_is_to_the_tax_office(book_format: BookFormat, kind: ProductKind) -> None:
    assert kind_of(book_format) is kind
