"""Guessing codes: whoever types wrong ones may do so only so often.

A code is tried before anything is told of it: an attempt is counted for each, and given back for
those that there are. Who has no attempt left is told of no code, not even of a right one, or else
guessing would go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.db.session import transactional
from app.promotions import gift_card_repository, repository
from app.promotions.codes import hash_gift_card_code, normalize_coupon_code
from app.users import limits
from app.users.limits import Purpose, Spent


@dataclass(frozen=True, kw_only=True)
class Guesser:
    """Who types codes: the account's address, of a guest none, and where the request is from."""

    email: str | None
    address: str | None


async def refuse_guessing(
    session: AsyncSession,
    *,
    coupon_codes: Sequence[str],
    gift_card_codes: Sequence[str],
    guesser: Guesser,
    now: datetime,
) -> None:
    """Count the codes that do not exist, before a buyer is told anything of theirs, and commit.

    A coupon that is over, or not for this buyer, exists: who knows its code did not guess. Without
    codes nothing is done, and right ones use nothing up.

    Args:
        session: What its transaction did before is committed too, or undone on refusal.
        coupon_codes: as they were typed.
        gift_card_codes: likewise.
        guesser: who typed them.
        now: the moment.

    Raises:
        TooManyAttemptsError: there were too many wrong ones lately; it says how long to wait.
    """
    coupons = sorted(filter(None, set(map(normalize_coupon_code, coupon_codes))))
    cards = sorted(set(map(hash_gift_card_code, gift_card_codes)))
    if coupons or cards:
        await _count(session, coupons=coupons, cards=cards, guesser=guesser, now=now)


@transactional
async def _count(
    session: AsyncSession,
    *,
    coupons: Sequence[str],
    cards: Sequence[bytes],
    guesser: Guesser,
    now: datetime,
) -> None:
    """Count an attempt for each code, coupons first, and give back those of codes that exist."""
    tried = [await _spend(session, Purpose.COUPON, guesser, now=now) for _ in coupons]
    tried += [await _spend(session, Purpose.GIFT_CARD, guesser, now=now) for _ in cards]
    known = await repository.find_by_codes(session, codes=coupons)
    exists = [code in known for code in coupons]
    for code_hash in cards:
        card = await gift_card_repository.find_by_hash(session, code_hash=code_hash, now=now)
        exists.append(card is not None)
    for spent, is_known in zip(tried, exists, strict=True):
        if is_known:
            await limits.give_back(session, spent)


async def _spend(
    session: AsyncSession, purpose: Purpose, guesser: Guesser, *, now: datetime
) -> Spent:
    return await limits.count(
        session, purpose=purpose, now=now, email=guesser.email, address=guesser.address
    )
