"""Coupons and offers of the database, and counting that a coupon was used."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.classification import last_day
from app.books.codes import BookFormat, DatePrecision
from app.books.models import Book, Genre, Publisher, Work
from app.books.service import get_offers
from app.core.clock import utc_now
from app.promotions import coupons, offers
from app.promotions.discounts import Discounts, Refusal
from app.promotions.errors import (
    CouponConflictError,
    CouponLimitError,
    CouponNotFoundError,
    CouponRefusedError,
    OfferNotFoundError,
)
from app.promotions.invariants import find_breaches
from app.promotions.jobs import forget_people_of_old_coupons
from app.promotions.models import Coupon, CouponRedemption, CouponUse
from app.promotions.schemas import CouponUpdate, OfferWrite
from app.promotions.service import (
    PEOPLE_KEPT_FOR,
    Buyer,
    describe_line,
    redeem,
    refuse_useless_codes,
    release,
    work_out_discounts,
)
from app.promotions.terms import CouponKind, OfferKind, PricedLine
from tests.factories import make_book
from tests.promotions.things import NOW, make_coupon, make_orders, used

HOUR = timedelta(hours=1)
ADA = Buyer(user_id=7, email="ada@example.com")


async def lines_of(session: AsyncSession, *, price: str = "20.00") -> list[PricedLine]:
    book = await make_book(session, price=price)
    return [await line_of(session, book, price=price)]


async def line_of(
    session: AsyncSession, book: Book, *, price: str, key: int = 1, quantity: int = 1
) -> PricedLine:
    offer = (await get_offers(session, book_ids=[book.id]))[book.id]
    return describe_line(
        key=key,
        book_id=book.id,
        quantity=quantity,
        unit_price=Decimal(price),
        kind=offer.kind,
    )


async def found(
    session: AsyncSession,
    *codes: str,
    lines: list[PricedLine] | None = None,
    buyer: Buyer = ADA,
    country: str = "US",
) -> Discounts:
    return await work_out_discounts(
        session,
        lines=lines or await lines_of(session),
        codes=codes,
        buyer=buyer,
        country=country,
        currency="USD",
        now=NOW,
    )


def reasons(discounts: Discounts) -> list[Refusal]:
    return [refused.reason for refused in discounts.refused]


async def test_a_code_is_known_however_it_is_typed(db_session: AsyncSession) -> None:
    coupon = await make_coupon(db_session, code=" spring \N{FULLWIDTH DIGIT TWO}6 ")
    assert coupon.code == "SPRING26"
    discounts = await found(db_session, "Spring 26", "SPRING26", "")
    assert discounts.total == Decimal("2.00")
    assert [item.code for item in discounts.items] == ["SPRING26"]
    assert discounts.refused == ()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"starts_at": NOW + HOUR}, Refusal.NOT_YET),
        ({"starts_at": NOW - HOUR, "ends_at": NOW}, Refusal.OVER),
        ({"minimum": Decimal("20.01")}, Refusal.BELOW_MINIMUM),
        ({"formats": ["map"]}, Refusal.NOTHING_ELIGIBLE),
    ],
)
async def test_a_code_that_is_of_no_use_is_refused_with_the_reason(
    db_session: AsyncSession, values: dict[str, object], reason: Refusal
) -> None:
    coupon = await make_coupon(db_session, **values)
    discounts = await found(db_session, coupon.code)
    assert reasons(discounts) == [reason]
    assert discounts.total == 0
    with pytest.raises(CouponRefusedError, match=coupon.code) as caught:
        refuse_useless_codes(discounts, currency="USD")
    assert caught.value.extra["reason"] == reason
    assert caught.value.extra["coupon"] == coupon.code


async def test_an_unknown_or_ended_code_and_one_of_another_currency_are_refused(
    db_session: AsyncSession,
) -> None:
    coupon = await make_coupon(db_session)
    await coupons.end_coupon(db_session, coupon_id=coupon.id, now=NOW)
    foreign = await make_coupon(db_session)
    await db_session.execute(update(Coupon).where(Coupon.id == foreign.id).values(currency="EUR"))
    discounts = await found(db_session, "NO-SUCH", coupon.code, foreign.code)
    assert reasons(discounts) == [Refusal.UNKNOWN, Refusal.OVER, Refusal.OTHER_CURRENCY]


async def test_a_reader_is_known_as_guest_and_as_account(db_session: AsyncSession) -> None:
    coupon = await make_coupon(db_session, max_per_person=1)
    first, *others = await make_orders(db_session, 4)
    guest = Buyer(email=" Ada@Example.COM ")
    await redeem(db_session, order_id=first, discounts=used(coupon), buyer=guest, now=NOW)
    for buyer, order in zip((guest, ADA), others, strict=False):
        assert reasons(await found(db_session, coupon.code, buyer=buyer)) == [Refusal.USED_BY_BUYER]
        with pytest.raises(CouponRefusedError) as caught:
            async with db_session.begin_nested():
                await redeem(
                    db_session, order_id=order, discounts=used(coupon), buyer=buyer, now=NOW
                )
        assert caught.value.extra["reason"] == Refusal.USED_BY_BUYER
    stranger = Buyer(user_id=8, email="grace@example.com")
    await redeem(db_session, order_id=others[2], discounts=used(coupon), buyer=stranger, now=NOW)
    nobody = Buyer()
    assert (await found(db_session, coupon.code, buyer=nobody)).total == Decimal("2.00")
    assert await find_breaches(db_session) == []


async def test_an_order_that_comes_to_nothing_gives_its_coupon_back(
    db_session: AsyncSession,
) -> None:
    coupon = await make_coupon(db_session, max_redemptions=1, max_per_person=1)
    first, second = await make_orders(db_session, 2)
    await redeem(db_session, order_id=first, discounts=used(coupon), buyer=ADA, now=NOW)
    assert reasons(await found(db_session, coupon.code)) == [Refusal.USED_UP]
    for _ in range(2):  # it can be repeated
        await release(db_session, order_id=first, now=NOW)
    await redeem(db_session, order_id=second, discounts=used(coupon), buyer=ADA, now=NOW)
    assert (await coupons.get_coupon(db_session, coupon_id=coupon.id)).redeemed == 1
    assert await find_breaches(db_session) == []


async def test_what_ends_while_somebody_buys_is_refused(db_session: AsyncSession) -> None:
    coupon = await make_coupon(db_session)
    await coupons.end_coupon(db_session, coupon_id=coupon.id, now=NOW)
    order = (await make_orders(db_session))[0]
    with pytest.raises(CouponRefusedError) as caught:
        await redeem(db_session, order_id=order, discounts=used(coupon), buyer=ADA, now=NOW)
    assert caught.value.extra["reason"] == Refusal.OVER


async def test_a_limit_is_not_set_below_what_was_used(db_session: AsyncSession) -> None:
    coupon = await make_coupon(db_session)
    for order in await make_orders(db_session, 3):
        await redeem(db_session, order_id=order, discounts=used(coupon), buyer=Buyer(), now=NOW)
    terms = {"title": "Less", "kind": CouponKind.AMOUNT, "amount": Decimal(5)}
    with pytest.raises(CouponLimitError):
        await coupons.update_coupon(
            db_session, coupon_id=coupon.id, change=CouponUpdate(**terms, max_redemptions=2)
        )
    changed = await coupons.update_coupon(
        db_session, coupon_id=coupon.id, change=CouponUpdate(**terms, max_redemptions=3)
    )
    assert (changed.code, changed.percent, changed.amount) == (coupon.code, None, Decimal("5.00"))
    with pytest.raises(CouponConflictError):
        await make_coupon(db_session, code=coupon.code.lower())
    with pytest.raises(CouponNotFoundError):
        await coupons.get_coupon(db_session, coupon_id=0)
    with pytest.raises(OfferNotFoundError):
        await offers.get_offer(db_session, offer_id=0)


async def test_offers_that_run_are_found_in_the_shops_order(db_session: AsyncSession) -> None:
    terms = {"kind": OfferKind.PERCENT, "percent": Decimal(10)}
    for values in (
        {"title": "second", "position": 2},
        {"title": "first", "position": 1, "ends_at": NOW + HOUR},
        {"title": "over", "position": 0, "ends_at": NOW},
        {"title": "ended", "position": 0},
        {"title": "later", "position": 0, "starts_at": NOW + HOUR},
    ):
        offer = await offers.create_offer(db_session, offer=OfferWrite(**terms | values))
        if offer.title == "ended":
            await offers.end_offer(db_session, offer_id=offer.id, now=NOW)
    discounts = await found(db_session)
    assert [(item.title, item.amount) for item in discounts.items] == [("first", Decimal("2.00"))]
    assert discounts.items[0].offer_id is not None


async def test_lines_know_what_laws_and_selections_ask(db_session: AsyncSession) -> None:
    book = await make_book(db_session)
    genre, publisher = Genre(name="Novels", slug="novels"), Publisher(name="Murray")
    db_session.add_all([genre, publisher])
    await db_session.flush()  # the ids are wanted
    await db_session.execute(update(Work).where(Work.id == book.work_id).values(genre_id=genre.id))
    await db_session.execute(
        update(Book)
        .where(Book.id == book.id)
        .values(
            imprint_id=publisher.id,
            language="de",
            publish_date=date(2026, 2, 1),
            publish_date_precision=DatePrecision.MONTH,
        )
    )
    known = (await get_offers(db_session, book_ids=[book.id]))[book.id].kind
    assert known.genre_ids == {genre.id}
    assert known.publisher_ids == {publisher.id}
    assert known.format is BookFormat.PAPERBACK
    assert known.published_by == date(2026, 2, 28)
    lines = [await line_of(db_session, book, price="20.00", key=5, quantity=2)]
    coupon = await make_coupon(db_session, publisher_ids=[publisher.id], genre_ids=[genre.id])
    assert (await found(db_session, coupon.code, lines=lines)).by_line() == {5: Decimal("4.00")}
    there = await found(db_session, coupon.code, lines=lines, country="DE")
    assert reasons(there) == [Refusal.PRICE_LAW]


def test_a_vague_date_means_its_last_day() -> None:
    assert last_day(None, DatePrecision.DAY, None) is None
    assert last_day(None, DatePrecision.DAY, 2024) == date(2024, 12, 31)
    assert last_day(date(2024, 2, 1), DatePrecision.YEAR, 2024) == date(2024, 12, 31)
    assert last_day(date(2024, 2, 1), DatePrecision.MONTH, 2024) == date(2024, 2, 29)
    assert last_day(date(2024, 2, 1), DatePrecision.DAY, 2024) == date(2024, 2, 1)


async def test_miscounted_coupons_are_found(db_session: AsyncSession) -> None:
    coupon = await make_coupon(db_session, max_redemptions=5)
    order = (await make_orders(db_session))[0]
    await redeem(db_session, order_id=order, discounts=used(coupon), buyer=ADA, now=NOW)
    assert await find_breaches(db_session) == []
    await db_session.execute(update(Coupon).values(redeemed=4))
    await db_session.execute(delete(CouponUse).where(CouponUse.person == ADA.people[0]))
    assert [finding.detail for finding in await find_breaches(db_session)] == [
        "counted 4, in orders 1, limit 5",
        "counted 0 of somebody, in orders 1",
    ]
    people = (await db_session.scalars(select(CouponRedemption.people))).one()
    assert people == ADA.people


async def test_who_used_a_coupon_is_forgotten_long_after_its_end(committed: AsyncSession) -> None:
    now = utc_now()
    long_ago = now - PEOPLE_KEPT_FOR - HOUR
    old = await make_coupon(committed, ends_at=long_ago + 3 * HOUR)
    recent = await make_coupon(committed, ends_at=long_ago + 2 * HOUR)
    order = (await make_orders(committed))[0]
    for coupon in (old, recent):
        await redeem(committed, order_id=order, discounts=used(coupon), buyer=ADA, now=long_ago)
    await coupons.end_coupon(committed, coupon_id=old.id, now=long_ago)
    await committed.commit()
    await forget_people_of_old_coupons.function()
    known = select(CouponRedemption.coupon_id).where(CouponRedemption.people != [])
    assert (await committed.scalars(known)).all() == [recent.id]
    of_whom = select(CouponUse.coupon_id).distinct()
    assert (await committed.scalars(of_whom)).all() == [recent.id]
    assert (await coupons.get_coupon(committed, coupon_id=old.id)).redeemed == 1
    assert await find_breaches(committed) == []
    await release(committed, order_id=order, now=now)
    assert await find_breaches(committed) == []
