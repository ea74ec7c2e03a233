"""What a reader should know of a book in the basket before buying: what changed, what is short."""

from app.books.service import Offer
from app.cart.schemas import FEW_COPIES, CartChange, CartNotice, Copies
from app.core.money import format_money


def find_notices(copies: Copies, offer: Offer, *, locale: str) -> list[CartNotice]:
    """Return what to say of some copies, by what is offered now."""
    notices = []
    if copies.price_seen is not None and copies.price_seen != offer.price:
        was = format_money(copies.price_seen, offer.currency, locale)
        now = format_money(offer.price, offer.currency, locale)
        notices.append(CartNotice(change=CartChange.PRICE, text=f"Was {was}, now {now}."))
    left = f"Only {offer.on_hand} left."
    if offer.on_hand == 0:
        notices.append(CartNotice(change=CartChange.SOLD_OUT, text="Out of stock."))
    elif offer.on_hand < copies.quantity:
        notices.append(CartNotice(change=CartChange.TOO_FEW, text=left))
    elif offer.on_hand <= FEW_COPIES:
        notices.append(CartNotice(change=CartChange.LAST_COPIES, text=left))
    return notices
