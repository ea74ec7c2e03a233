"""SQL for coupons and offers."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.keyset import AnyRow, Order, read_objects
from app.core.pagination import Slice, Window
from app.promotions.models import Coupon, CouponRedemption, CouponUse, Offer, Running

COUPONS_NEWEST_FIRST = Order(name="coupons", keys=(Coupon.id.expression,), is_descending=True)
OFFERS_NEWEST_FIRST = Order(name="offers", keys=(Offer.id.expression,), is_descending=True)

MAX_OFFERS = 100
"""How many offers run at once at the most; more are not looked at."""


def runs(model: type[Running], now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Return the condition that something runs at a moment."""
    return and_(
        model.ended_at.is_(None),
        or_(model.starts_at.is_(None), model.starts_at <= now),
        or_(model.ends_at.is_(None), model.ends_at > now),
    )


RUNNING_OFFERS = (
    select(Offer)
    .where(runs(Offer, bindparam("now", type_=DateTime(timezone=True))))
    .order_by(Offer.position, Offer.id)
    .limit(MAX_OFFERS)
)
"""Made once, as whatever every checkout sends."""


async def list_running_offers(session: AsyncSession, *, now: datetime) -> Sequence[Offer]:
    """Return the offers that run, in the shop's order."""
    return (await session.scalars(RUNNING_OFFERS, {"now": now})).all()


async def find_by_codes(session: AsyncSession, *, codes: Collection[str]) -> dict[str, Coupon]:
    """Return coupons by code, as they are in the database now, be they over or used up."""
    statement = (
        select(Coupon).where(Coupon.code.in_(codes)).execution_options(populate_existing=True)
    )
    return {coupon.code: coupon for coupon in await session.scalars(statement)}


async def count_uses(
    session: AsyncSession, *, coupon_ids: Collection[int], people: Collection[bytes]
) -> dict[int, int]:
    """Return how often a buyer uses coupons now, by coupon: the most under any of their digests."""
    statement = (
        select(CouponUse.coupon_id, func.max(CouponUse.uses))
        .where(CouponUse.coupon_id.in_(coupon_ids), CouponUse.person.in_(people))
        .group_by(CouponUse.coupon_id)
    )
    return dict((await session.execute(statement)).all())


async def take_redemption(session: AsyncSession, *, coupon_id: int, now: datetime) -> AnyRow | None:
    """Count one more redemption of a coupon that runs and has one left; ``None`` if it has not."""
    statement = (
        update(Coupon)
        .where(
            Coupon.id == coupon_id,
            runs(Coupon, now),
            or_(Coupon.max_redemptions.is_(None), Coupon.redeemed < Coupon.max_redemptions),
        )
        .values(redeemed=Coupon.redeemed + 1)
        .returning(Coupon.code, Coupon.max_per_person)
        .execution_options(synchronize_session=False)
    )
    return (await session.execute(statement)).one_or_none()


async def take_use(
    session: AsyncSession, *, coupon_id: int, person: bytes, limit: int | None
) -> bool:
    """Count one more use by somebody, unless they have had as many as one may."""
    statement = upsert(CouponUse).values(coupon_id=coupon_id, person=person, uses=1)
    statement = statement.on_conflict_do_update(
        index_elements=[CouponUse.coupon_id, CouponUse.person],
        set_={"uses": CouponUse.uses + 1},
        where=None if limit is None else CouponUse.uses < limit,
    )
    return (await session.execute(statement.returning(CouponUse.uses))).one_or_none() is not None


async def insert_redemption(session: AsyncSession, values: Mapping[str, Any]) -> None:
    """Write down that an order uses a coupon."""
    await session.execute(insert(CouponRedemption).values(values))


async def release_redemptions(
    session: AsyncSession, *, order_id: int, now: datetime
) -> list[AnyRow]:
    """Let an order's coupons count no more; return those that did, in ascending order."""
    statement = (
        update(CouponRedemption)
        .where(CouponRedemption.order_id == order_id, CouponRedemption.released_at.is_(None))
        .values(released_at=now)
        .returning(CouponRedemption.coupon_id, CouponRedemption.people)
        .execution_options(synchronize_session=False)
    )
    rows = (await session.execute(statement)).all()
    return sorted(rows, key=lambda row: int(row.coupon_id))


async def give_back_redemption(
    session: AsyncSession, *, coupon_id: int, people: Collection[bytes]
) -> None:
    """Count one redemption of a coupon less, and one use of the buyer's."""
    await session.execute(
        update(Coupon)
        .where(Coupon.id == coupon_id, Coupon.redeemed > 0)
        .values(redeemed=Coupon.redeemed - 1)
        .execution_options(synchronize_session=False)
    )
    await session.execute(
        update(CouponUse)
        .where(CouponUse.coupon_id == coupon_id, CouponUse.person.in_(people), CouponUse.uses > 0)
        .values(uses=CouponUse.uses - 1)
        .execution_options(synchronize_session=False)
    )


async def forget_people(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Forget who used coupons that were over before a moment; return of how many coupons.

    Their redemptions stay, and are still counted.
    """
    over = (
        select(Coupon.id)
        .where(
            func.least(Coupon.ends_at, Coupon.ended_at) < before,
            select(CouponUse.coupon_id).where(CouponUse.coupon_id == Coupon.id).exists(),
        )
        .order_by(Coupon.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    coupon_ids = (await session.scalars(over)).all()
    await session.execute(
        update(CouponRedemption)
        .where(CouponRedemption.coupon_id.in_(coupon_ids))
        .values(people=[])
        .execution_options(synchronize_session=False)
    )
    await session.execute(
        delete(CouponUse)
        .where(CouponUse.coupon_id.in_(coupon_ids))
        .execution_options(synchronize_session=False)
    )
    return len(coupon_ids)


async def insert_coupon(session: AsyncSession, values: Mapping[str, Any]) -> Coupon | None:
    """Write a coupon; ``None`` if another has its code."""
    statement = upsert(Coupon).values(values).on_conflict_do_nothing(index_elements=[Coupon.code])
    return (await session.scalars(statement.returning(Coupon))).one_or_none()


async def find_coupon(
    session: AsyncSession, *, coupon_id: int, for_update: bool = False
) -> Coupon | None:
    """Return a coupon as it is now; with ``for_update`` nobody else changes it meanwhile."""
    statement = (
        select(Coupon).where(Coupon.id == coupon_id).execution_options(populate_existing=True)
    )
    if for_update:
        statement = statement.with_for_update()
    return (await session.scalars(statement)).one_or_none()


async def update_coupon(
    session: AsyncSession, *, coupon_id: int, values: Mapping[str, Any]
) -> bool:
    """Change a coupon; tell whether it was not used more often than its new limit."""
    statement = (
        update(Coupon)
        .where(Coupon.id == coupon_id)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    limit = values.get("max_redemptions")
    if limit is not None:
        statement = statement.where(Coupon.redeemed <= limit)
    found = await session.scalars(statement.returning(Coupon.id))
    return found.one_or_none() is not None


async def list_coupons(session: AsyncSession, *, window: Window) -> Slice[Coupon]:
    """Return coupons, the newest first."""
    return await read_objects(session, select(Coupon), order=COUPONS_NEWEST_FIRST, window=window)


async def insert_offer(session: AsyncSession, values: Mapping[str, Any]) -> Offer:
    """Write an offer."""
    return (await session.scalars(insert(Offer).values(values).returning(Offer))).one()


async def find_offer(
    session: AsyncSession, *, offer_id: int, for_update: bool = False
) -> Offer | None:
    """Return an offer as it is now; with ``for_update`` nobody else changes it meanwhile."""
    statement = select(Offer).where(Offer.id == offer_id).execution_options(populate_existing=True)
    if for_update:
        statement = statement.with_for_update()
    return (await session.scalars(statement)).one_or_none()


async def update_offer(session: AsyncSession, *, offer_id: int, values: Mapping[str, Any]) -> None:
    """Change an offer."""
    await session.execute(
        update(Offer)
        .where(Offer.id == offer_id)
        .values(values)
        .execution_options(synchronize_session=False)
    )


async def list_offers(session: AsyncSession, *, window: Window) -> Slice[Offer]:
    """Return offers, the newest first."""
    return await read_objects(session, select(Offer), order=OFFERS_NEWEST_FIRST, window=window)


async def list_miscounted(session: AsyncSession, *, limit: int) -> Sequence[AnyRow]:
    """Return coupons whose count is not that of their redemptions, or above their limit."""
    counted = (
        select(CouponRedemption.coupon_id, func.count().label("redemptions"))
        .where(CouponRedemption.released_at.is_(None))
        .group_by(CouponRedemption.coupon_id)
        .subquery()
    )
    redemptions: ColumnElement[int] = func.coalesce(counted.c.redemptions, 0)
    statement = (
        select(
            Coupon.code,
            Coupon.redeemed,
            Coupon.max_redemptions,
            redemptions.label("redemptions"),
        )
        .outerjoin(counted, counted.c.coupon_id == Coupon.id)
        .where(or_(Coupon.redeemed != redemptions, redemptions > Coupon.max_redemptions))
        .order_by(Coupon.id)
        .limit(limit)
    )
    return (await session.execute(statement)).all()


async def list_overused(session: AsyncSession, *, limit: int) -> Sequence[AnyRow]:
    """Return the coupons that somebody's counted uses of are not those in orders."""
    person = func.unnest(CouponRedemption.people).label("person")
    each = (
        select(CouponRedemption.coupon_id, person)
        .where(CouponRedemption.released_at.is_(None))
        .subquery()
    )
    counted = (
        select(each.c.coupon_id, each.c.person, func.count().label("redemptions"))
        .group_by(each.c.coupon_id, each.c.person)
        .subquery()
    )
    used = select(CouponUse).where(CouponUse.uses > 0).subquery()
    uses: ColumnElement[int] = func.coalesce(used.c.uses, 0)
    redemptions: ColumnElement[int] = func.coalesce(counted.c.redemptions, 0)
    joined = used.outerjoin(
        counted,
        and_(used.c.coupon_id == counted.c.coupon_id, used.c.person == counted.c.person),
        full=True,
    )
    statement = (
        select(Coupon.code, uses.label("uses"), redemptions.label("redemptions"))
        .select_from(joined)
        .join(Coupon, Coupon.id == func.coalesce(used.c.coupon_id, counted.c.coupon_id))
        .where(uses != redemptions)
        .order_by(Coupon.id)
        .limit(limit)
    )
    return (await session.execute(statement)).all()
