"""What a shopper is told of a book, by what the shop, its supplier and its publisher have said."""

import gzip
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import service
from app.books.availability import (
    BY_PUBLISHER,
    BY_SUPPLIER,
    LAST_WORDS,
    SENTENCES,
    AvailabilityStatus,
    TradeFacts,
    describe_availability,
)
from app.books.codes import DatePrecision
from app.books.errors import BookEmbargoedError, BookNotSoldInCountryError
from app.books.models import Book, SalesRight
from app.books.sale_rules import refuse_unsaleable
from app.core.market import Market
from tests.books.onix.test_codes import LISTS
from tests.factories import MARKET, make_book

SOON, SAME_DAY, PAST = date(2026, 3, 3), MARKET.today, date(2026, 2, 28)
ONLY_CANADA = [{"type_code": "01", "countries": ["CA"], "excluded_countries": None}]


def told(**facts: Any) -> tuple[str, date | None, int | None, str]:
    answer = describe_availability(TradeFacts(**facts), MARKET)
    return answer.status, answer.date, answer.days, answer.text


@pytest.mark.parametrize(
    ("facts", "status", "day", "days", "text"),
    [
        ({}, "out_of_stock", None, None, "Out of stock"),
        ({"on_hand": 4}, "in_stock", None, None, "In stock"),
        ({"on_hand": 3}, "low_stock", None, None, "Only 3 left"),
        ({"on_hand": 1, "availability_code": "51"}, "low_stock", None, None, "Only 1 left"),
        (
            {"on_hand": 9, "on_sale_date": SOON},
            "pre_order",
            SOON,
            None,
            "Pre-order: on sale from 3 March 2026",
        ),
        ({"on_hand": 9, "on_sale_date": SAME_DAY}, "in_stock", None, None, "In stock"),
        ({"on_hand": 9, "publish_date": SOON}, "in_stock", None, None, "In stock"),
        (
            {"on_hand": 9, "sales_rights": ONLY_CANADA},
            "not_sold_here",
            None,
            None,
            "Not sold in our country",
        ),
        ({"availability_code": "21"}, "to_order", None, None, "Available from our supplier"),
        (
            {"availability_code": "22", "order_time_days": 5},
            "ships_in_days",
            None,
            5,
            "Usually ships in 5 days",
        ),
        (
            {"availability_code": "23", "order_time_days": 0},
            "ships_in_days",
            None,
            1,
            "Usually ships in 1 day",
        ),
        (
            {"availability_code": "10", "publish_date": SOON},
            "pre_order",
            SOON,
            None,
            "Pre-order: on sale from 3 March 2026",
        ),
        (
            {"publish_date": date(2026, 5, 1), "publish_date_precision": DatePrecision.MONTH},
            "pre_order",
            date(2026, 5, 1),
            None,
            "Pre-order: on sale from May 2026",
        ),
        (
            {"publish_date": date(2027, 1, 1), "publish_date_precision": DatePrecision.YEAR},
            "pre_order",
            date(2027, 1, 1),
            None,
            "Pre-order: on sale from 2027",
        ),
        (
            {"availability_code": "10", "publish_date": PAST},
            "to_be_announced",
            None,
            None,
            "Not published yet: the date is to be announced",
        ),
        ({"availability_code": "32"}, "reprinting", None, None, "Reprinting"),
        (
            {"availability_code": "32", "publishing_status": "07"},
            "out_of_print",
            None,
            None,
            "Out of print",
        ),
        (
            {"availability_code": "21", "publishing_status": "07"},
            "to_order",
            None,
            None,
            "Available from our supplier",
        ),
        (
            {"availability_code": "21", "publishing_status": "11"},
            "withdrawn",
            None,
            None,
            "Withdrawn from sale",
        ),
        (
            {"availability_code": "99", "publishing_status": "07"},
            "out_of_print",
            None,
            None,
            "Out of print",
        ),
        (
            {"availability_code": "??", "publishing_status": "??"},
            "out_of_stock",
            None,
            None,
            "Out of stock",
        ),
    ],
)
def test_what_is_told(
    facts: dict[str, Any], status: str, day: date | None, days: int | None, text: str
) -> None:
    assert told(**facts) == (status, day, days, text)


def test_a_cancelled_book_is_not_announced() -> None:
    assert told(publishing_status="01", publish_date=SOON)[0] == "cancelled"


def test_every_status_has_a_sentence_and_a_way_to_come_about() -> None:
    assert SENTENCES.keys() == set(AvailabilityStatus)
    by_stock = {
        AvailabilityStatus.IN_STOCK,
        AvailabilityStatus.LOW_STOCK,
        AvailabilityStatus.PRE_ORDER,
        AvailabilityStatus.SHIPS_IN_DAYS,
    }
    assert {*BY_SUPPLIER.values(), *BY_PUBLISHER.values()} - {None} == (
        set(AvailabilityStatus) - by_stock
    )


@pytest.mark.skipif(not LISTS.exists(), reason="the shared code lists are not here")
def test_every_code_of_both_lists_is_known() -> None:
    table = ET.fromstring(gzip.decompress(LISTS.read_bytes()))  # noqa: S314 (our own samples)
    known = {
        code_list.findtext("CodeListNumber", ""): {
            code.findtext("CodeValue", "") for code in code_list.iter("Code")
        }
        for code_list in table.iter("CodeList")
    }
    assert BY_PUBLISHER.keys() == known["64"]
    assert BY_SUPPLIER.keys() == known["65"]
    assert known["64"] > LAST_WORDS


async def test_lists_and_books_tell_it(db_session: AsyncSession) -> None:
    book = await make_book(db_session, copies=0)
    await db_session.execute(
        update(Book)
        .where(Book.id == book.id)
        .values(availability_code="22", order_time_days=7, on_sale_date=date(2999, 1, 2))
    )
    embargoed = await service.get_book(db_session, book_id=book.id)
    assert embargoed.availability.text == "Pre-order: on sale from 2 January 2999"
    await db_session.execute(update(Book).where(Book.id == book.id).values(on_sale_date=None))
    shelf = (await service.home_shelves(db_session))[0]
    assert [(item.availability.status, item.availability.days) for item in shelf.books] == [
        ("ships_in_days", 7)
    ]


async def test_what_may_not_be_sold_is_refused_by_name(db_session: AsyncSession) -> None:
    book = await make_book(db_session)
    db_session.add(SalesRight(book_id=book.id, type_code="01", countries=["CA", "US"]))
    await db_session.execute(update(Book).where(Book.id == book.id).values(on_sale_date=SOON))
    await db_session.commit()
    offers = (await service.get_offers(db_session, book_ids={book.id})).values()

    with pytest.raises(BookEmbargoedError) as early:
        refuse_unsaleable(offers, market=MARKET, field="book_id")
    assert early.value.body() == {
        "detail": "“The Left Hand of Darkness” is on sale from 3 March 2026.",
        "code": "BOOK_EMBARGOED",
        "field": "book_id",
        "items": [
            {
                "book_id": book.id,
                "title": "The Left Hand of Darkness",
                "on_sale_date": "2026-03-03",
            }
        ],
    }
    with pytest.raises(BookNotSoldInCountryError) as forbidden:
        refuse_unsaleable(offers, market=Market(country="DE", today=SOON))
    assert forbidden.value.body() == {
        "detail": "“The Left Hand of Darkness” may not be sold to Germany.",
        "code": "BOOK_NOT_SOLD_IN_COUNTRY",
        "country": "DE",
        "items": [{"book_id": book.id, "title": "The Left Hand of Darkness"}],
    }
    refuse_unsaleable(offers, market=Market(country="US", today=SOON))
