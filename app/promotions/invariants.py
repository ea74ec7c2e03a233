"""What is always true of coupons and gift cards at rest, and looking for where it is not."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.findings import SHOWN, Finding
from app.promotions import gift_card_repository, repository


async def find_breaches(session: AsyncSession) -> list[Finding]:
    """Return every breach of an invariant of promotions."""
    return [
        *await find_miscounted_coupons(session),
        *await find_miscounted_people(session),
        *await find_unbalanced_gift_cards(session),
        *await find_wrong_gift_card_payments(session),
    ]


async def find_miscounted_coupons(session: AsyncSession) -> list[Finding]:
    """Return coupons that were used more often than they may be, or than they say."""
    return [
        Finding(
            invariant="a coupon counts its redemptions, and they are within its limit",
            subject=f"coupon {coupon.code}",
            detail=f"counted {coupon.redeemed}, in orders {coupon.redemptions}, limit "
            f"{coupon.max_redemptions}",
        )
        for coupon in await repository.list_miscounted(session, limit=SHOWN)
    ]


async def find_miscounted_people(session: AsyncSession) -> list[Finding]:
    """Return coupons that count a buyer's uses otherwise than there are in orders."""
    return [
        Finding(
            invariant="a coupon counts each buyer's redemptions",
            subject=f"coupon {coupon.code}",
            detail=f"counted {coupon.uses} of somebody, in orders {coupon.redemptions}",
        )
        for coupon in await repository.list_overused(session, limit=SHOWN)
    ]


async def find_unbalanced_gift_cards(session: AsyncSession) -> list[Finding]:
    """Return gift cards whose balance is not the sum of their ledger, or is negative."""
    return [
        Finding(
            invariant="a gift card's balance is the sum of its ledger and never negative",
            subject=f"gift card {card.id}",
            detail=f"balance {card.balance}, ledger {card.ledger}",
        )
        for card in await gift_card_repository.list_unbalanced(session, limit=SHOWN)
    ]


async def find_wrong_gift_card_payments(session: AsyncSession) -> list[Finding]:
    """Return what gift cards paid of orders where their ledger says something else."""
    return [
        Finding(
            invariant="what a gift card paid of an order is what left it",
            subject=f"order {payment.order_id}, gift card {payment.gift_card_id}",
            detail=f"paid {payment.paid}, by the ledger {payment.ledger}",
        )
        for payment in await gift_card_repository.list_wrong_payments(session, limit=SHOWN)
    ]
