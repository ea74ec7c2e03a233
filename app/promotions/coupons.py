"""Coupons, for the staff who make them."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.pagination import ListQuery, Slice
from app.promotions import repository
from app.promotions.codes import normalize_coupon_code
from app.promotions.errors import CouponConflictError, CouponLimitError, CouponNotFoundError
from app.promotions.schemas import CouponCreate, CouponRead, CouponUpdate, SelectionFields


async def list_coupons(session: AsyncSession, *, query: ListQuery) -> Slice[CouponRead]:
    """Return coupons, the newest first.

    Raises:
        CursorError: not a cursor of this list.
    """
    window = query.window(repository.COUPONS_NEWEST_FIRST.name)
    found = await repository.list_coupons(session, window=window)
    return found.map(CouponRead.model_validate)


async def get_coupon(
    session: AsyncSession, *, coupon_id: int, for_update: bool = False
) -> CouponRead:
    """Return a coupon; with ``for_update`` nobody else changes or uses it meanwhile.

    Raises:
        CouponNotFoundError: there is none.
    """
    found = await repository.find_coupon(session, coupon_id=coupon_id, for_update=for_update)
    if found is None:
        raise CouponNotFoundError
    return CouponRead.model_validate(found)


async def get_coupon_by_code(session: AsyncSession, *, code: str) -> CouponRead:
    """Return the coupon with a code, however it is typed; nobody else changes it meanwhile.

    Raises:
        CouponNotFoundError: there is none.
    """
    typed = normalize_coupon_code(code)
    found = (await repository.find_by_codes(session, codes=[typed])).get(typed)
    if found is None:
        raise CouponNotFoundError
    return await get_coupon(session, coupon_id=found.id, for_update=True)


async def create_coupon(
    session: AsyncSession, *, coupon: CouponCreate, currency: str
) -> CouponRead:
    """Make a coupon.

    Raises:
        CouponConflictError: another has the code.
    """
    values = columns(coupon) | {"currency": currency}
    made = await repository.insert_coupon(session, values)
    if made is None:
        raise CouponConflictError(field="code")
    return CouponRead.model_validate(made)


async def update_coupon(
    session: AsyncSession, *, coupon_id: int, change: CouponUpdate
) -> CouponRead:
    """Let a coupon say something else from now on; its code stays.

    Raises:
        CouponNotFoundError: there is none.
        CouponLimitError: it was used more often than the new limit.
    """
    await get_coupon(session, coupon_id=coupon_id, for_update=True)
    if not await repository.update_coupon(session, coupon_id=coupon_id, values=columns(change)):
        raise CouponLimitError(field="max_redemptions")
    return await get_coupon(session, coupon_id=coupon_id)


async def end_coupon(session: AsyncSession, *, coupon_id: int, now: datetime) -> CouponRead:
    """End a coupon for good, whatever its dates. It can be repeated.

    Raises:
        CouponNotFoundError: there is none.
    """
    coupon = await get_coupon(session, coupon_id=coupon_id, for_update=True)
    if coupon.ended_at is None:
        await repository.update_coupon(session, coupon_id=coupon_id, values={"ended_at": now})
    return await get_coupon(session, coupon_id=coupon_id)


def columns(written: SelectionFields) -> dict[str, Any]:
    """Return what staff wrote as columns, with what is selected in one order and once each."""
    values = written.model_dump()
    for name in SelectionFields.model_fields:
        values[name] = sorted(set(values[name]))
    return values
