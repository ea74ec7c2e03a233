"""The rates in force, and staff changing them."""

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import Actor, record
from app.core.config import Settings, get_settings
from app.core.pagination import Slice
from app.tax import repository
from app.tax.areas import taxing_country
from app.tax.errors import TaxRateNotFoundError
from app.tax.kinds import ProductKind
from app.tax.schemas import TaxRateQuery, TaxRateRead, TaxRateUpdate, TaxResetDone
from app.tax.table import IN_FORCE, TAX_RATES


async def rates_for(
    session: AsyncSession, *, country: str, now: datetime
) -> dict[ProductKind, Decimal]:
    """Return the rates in per cent, by kind, for what is sold to a country (ISO 3166-1 alpha-2).

    Whose they are is told by the shop's country and the setting of the One Stop Shop
    (``app.tax.areas``). Empty, and so untaxed, is what is exported, or sold where no rate is
    known. What is collected in the shop is sold to the shop's country.
    """
    settings = get_settings()
    taxed_in = taxing_country(
        shop=settings.country, destination=country, one_stop_shop=settings.tax_one_stop_shop
    )
    if taxed_in is None:
        return {}
    today = _today(now, settings)
    return await repository.rates_in_force(session, country=taxed_in, today=today)


async def list_rates(session: AsyncSession, *, query: TaxRateQuery) -> Slice[TaxRateRead]:
    """Return rates by country, kind and day, those of former and coming days among them.

    Raises:
        CursorError: not a cursor of this list.
    """
    window = query.window(repository.BY_COUNTRY.name)
    found = await repository.list_rates(session, country=query.country, window=window)
    return found.map(TaxRateRead.model_validate)


async def set_rate(
    session: AsyncSession,
    *,
    actor: Actor,
    country: str,
    kind: ProductKind,
    update: TaxRateUpdate,
    now: datetime,
) -> TaxRateRead:
    """Set the rate of a kind in a country from a day on, and write down who did it."""
    today = _today(now, get_settings())
    valid_from = update.valid_from or today
    held = await repository.hold_rate(session, country=country, kind=kind, valid_from=valid_from)
    before = None if held is None else TaxRateRead.model_validate(held)
    rate = await repository.set_rate(
        session,
        update.model_dump()
        | {"country": country, "kind": kind, "valid_from": valid_from, "as_of": today},
    )
    after = TaxRateRead.model_validate(rate)
    await record(
        session, actor=actor, action="tax_rate.set", thing_id=rate.id, before=before, after=after
    )
    return after


async def delete_rate(session: AsyncSession, *, actor: Actor, rate_id: int) -> None:
    """Delete a rate; the one of an earlier day is in force again, if there is one.

    Raises:
        TaxRateNotFoundError: no such rate.
    """
    rate = await repository.delete_rate(session, rate_id=rate_id)
    if rate is None:
        raise TaxRateNotFoundError
    before = TaxRateRead.model_validate(rate)
    await record(session, actor=actor, action="tax_rate.delete", thing_id=rate_id, before=before)


async def reset_rates(
    session: AsyncSession, *, actor: Actor, country: str | None = None
) -> TaxResetDone:
    """Set a country's rates, or everybody's, to those that the shop comes with.

    Whatever staff set there is deleted; a country that the shop knows nothing of has none then.
    """
    rows = [
        {
            "country": rate.country,
            "kind": rate.kind,
            "valid_from": IN_FORCE,
            "rate": rate.rate,
            "source": rate.source,
            "as_of": rate.as_of,
            "note": rate.note,
        }
        for rate in TAX_RATES
        if country is None or rate.country == country
    ]
    await repository.delete_rates(session, country=country)
    await repository.insert_rates(session, rows=rows)
    done = TaxResetDone(country=country, rates=len(rows))
    await record(session, actor=actor, action="tax_rate.reset", thing_id=country, after=done)
    return done


def _today(now: datetime, settings: Settings) -> date:
    return now.astimezone(ZoneInfo(settings.time_zone)).date()
