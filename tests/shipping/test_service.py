"""Zones, what is offered to whom, and what a parcel weighs."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import command_line
from app.books.codes import BookFormat
from app.books.models import Book
from app.books.service import get_offers
from app.core.config import get_settings
from app.shipping import administration, service
from app.shipping.errors import MethodNotOfferedError
from app.shipping.offers import Parcel
from app.shipping.schemas import MethodRead, MethodWrite, ZoneWrite
from tests.factories import make_book

ACTOR = command_line()
PARCEL = Parcel(weight_grams=800, value=Decimal("30.00"), country="DE")


async def add_zone(session: AsyncSession, *countries: str) -> int:
    zone = ZoneWrite(name="Zone", countries=list(countries), is_rest_of_world=not countries)
    return (await administration.create_zone(session, actor=ACTOR, zone=zone)).id


async def add_method(session: AsyncSession, **facts: Any) -> MethodRead:
    method = MethodWrite.model_validate({"kind": "parcel", "name": "Parcel"} | facts)
    return await administration.create_method(session, actor=ACTOR, method=method)


async def names_for(session: AsyncSession, parcel: Parcel) -> list[str]:
    return [option.name for option in await service.list_options(session, parcel=parcel)]


async def stock_methods(session: AsyncSession) -> dict[str, int]:
    """Set up a zone of two countries and the rest of the world; return the methods by name."""
    here, rest = await add_zone(session, "DE", "AT"), await add_zone(session)
    methods: list[dict[str, Any]] = [
        {"name": "Letter", "zone_id": here, "max_weight_g": 500, "price": "1.95", "position": 1},
        {"name": "Parcel", "zone_id": here, "price": "4.90", "free_from": "50.00", "position": 2},
        {"name": "Courier", "zone_id": here, "price": "12.00", "is_active": False},
        {"name": "Abroad", "zone_id": rest, "price": "15.00", "position": 3},
        {"name": "Collect", "kind": "collect", "collect_at": "1 Road, Town", "position": 4},
        {"name": "Download", "kind": "digital", "position": 5},
    ]
    return {str(facts["name"]): (await add_method(session, **facts)).id for facts in methods}


@pytest.mark.parametrize(
    ("country", "weight", "names"),
    [
        ("DE", 800, ["Parcel", "Collect"]),
        ("AT", 500, ["Letter", "Parcel", "Collect"]),
        ("FR", 500, ["Abroad", "Collect"]),
        (None, 500, ["Collect"]),
    ],
)
async def test_options_depend_on_country_and_weight(
    db_session: AsyncSession, country: str | None, weight: int, names: list[str]
) -> None:
    await stock_methods(db_session)
    parcel = replace(PARCEL, country=country, weight_grams=weight)
    assert await names_for(db_session, parcel) == names


async def test_where_no_zone_is_the_rest_of_the_world_nothing_is_sent(
    db_session: AsyncSession,
) -> None:
    assert not await service.is_set_up(db_session)
    await add_method(db_session, zone_id=await add_zone(db_session, "DE"), price="5.00")
    assert await service.is_set_up(db_session)
    assert await names_for(db_session, PARCEL) == ["Parcel"]
    assert await names_for(db_session, replace(PARCEL, country="FR")) == []


async def test_the_option_that_was_chosen_is_asked_for_again(db_session: AsyncSession) -> None:
    ids = await stock_methods(db_session)
    chosen = await service.find_option(db_session, method_id=ids["Parcel"], parcel=PARCEL)
    assert str(chosen.price) == "4.90"
    dear = replace(PARCEL, value=Decimal("50.00"))
    chosen = await service.find_option(db_session, method_id=ids["Parcel"], parcel=dear)
    assert chosen.price == 0
    for name in ("Letter", "Abroad", "Courier", "Download"):
        with pytest.raises(MethodNotOfferedError):
            await service.find_option(db_session, method_id=ids[name], parcel=PARCEL)
    with pytest.raises(MethodNotOfferedError):
        await service.find_option(db_session, method_id=2**31 - 1, parcel=PARCEL)


async def test_a_parcel_weighs_what_its_books_do(
    db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_settings(), "default_weight_g", 300)
    heavy, unknown, file, tape, light = [await make_book(db_session) for _ in range(5)]
    facts: dict[Book, dict[str, Any]] = {
        heavy: {"weight_g": 1200},
        file: {"format": BookFormat.EBOOK, "weight_g": 9999},
        tape: {"format": BookFormat.AUDIOBOOK, "product_form": "AC", "weight_g": 90},
        light: {"format": BookFormat.AUDIOBOOK, "product_form": "AJ"},
    }
    for book, values in facts.items():
        await db_session.execute(update(Book).where(Book.id == book.id).values(**values))

    async def pack(quantities: dict[Book, int]) -> Parcel:
        offers = await get_offers(db_session, book_ids=[book.id for book in quantities])
        return service.pack(
            quantities={book.id: quantity for book, quantity in quantities.items()},
            measures={book_id: offer.measures for book_id, offer in offers.items()},
            values={book.id: Decimal(10) * quantity for book, quantity in quantities.items()},
            country="DE",
        )

    mixed = await pack({heavy: 2, unknown: 1, file: 1, tape: 1, light: 1})
    assert (mixed.weight_grams, mixed.value, mixed.all_digital) == (2790, Decimal(40), False)
    files = await pack({file: 1, light: 2})
    assert (files.weight_grams, files.value, files.all_digital) == (0, Decimal(0), True)
