"""What a shop needs to sell more than books at their price: baskets, ways, codes, cards."""

from decimal import Decimal
from typing import Any

from httpx import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.codes import BookFormat
from app.books.models import Book, Stock
from app.cart import service as cart
from app.cart.schemas import CartOwner
from app.core.clock import utc_now
from app.promotions.gift_cards import find_balance, issue
from app.promotions.models import Coupon, Offer
from app.promotions.terms import CouponKind, OfferKind
from app.shipping.models import MethodKind, ShippingMethod, ShippingZone
from app.tax.kinds import ProductKind
from app.tax.models import TaxRate
from tests.factories import MARKET, bearer, make_user

CHECKOUT = "/api/v1/orders/checkout"
GUEST = "a guest's token of enough letters"
COOKIE = {"Cookie": f"cart={GUEST}"}
ADDRESS = {
    "name": "Ada Lovelace",
    "street": "12 St James's Square",
    "postal_code": "SW1Y 4JH",
    "city": "London",
    "country": "GB",
}


async def fill_basket(
    session: AsyncSession, owner: CartOwner, book: Book, *, copies: int = 1
) -> None:
    """Put copies of a book into a basket, and commit."""
    await cart.add_copies(session, owner=owner, book_id=book.id, quantity=copies, market=MARKET)
    await session.commit()


async def make_coupon(session: AsyncSession, *, code: str, **terms: Any) -> Coupon:
    """Write a coupon of ten per cent, or as told, and commit."""
    coupon = Coupon(
        **{"kind": CouponKind.PERCENT, "percent": Decimal(10)}
        | {"code": code, "title": code.title(), "currency": "USD"}
        | terms
    )
    session.add(coupon)
    await session.commit()
    return coupon


async def make_three_for_two(session: AsyncSession) -> None:
    """Write an offer over all books, and commit."""
    session.add(
        Offer(
            title="3 for 2",
            kind=OfferKind.BUNDLE,
            percent=Decimal(100),
            bundle_size=3,
            bundle_discounted=1,
        )
    )
    await session.commit()


async def make_gift_card(session: AsyncSession, *, amount: str) -> str:
    """Issue a gift card, commit, and return its code."""
    card = await issue(session, amount=Decimal(amount), currency="USD", actor="a test")
    await session.commit()
    return card.code


async def balance(session: AsyncSession, code: str) -> Decimal:
    """Return what is left on a gift card."""
    return (await find_balance(session, code=code, now=utc_now())).balance


async def make_parcel(session: AsyncSession, *, price: str, name: str = "Parcel") -> int:
    """Write a parcel to everywhere, commit, and return its id."""
    zone = await session.scalar(select(ShippingZone))
    if zone is None:
        zone = ShippingZone(name="Everywhere", is_rest_of_world=True)
        session.add(zone)
        await session.flush()  # the method needs the zone's id
    method = ShippingMethod(
        kind=MethodKind.PARCEL, name=name, zone_id=zone.id, price=Decimal(price)
    )
    session.add(method)
    await session.commit()
    return method.id


async def make_counter(session: AsyncSession) -> int:
    """Write that orders can be collected, commit, and return the method's id."""
    method = ShippingMethod(
        kind=MethodKind.COLLECT, name="Collect", collect_at="1 High Street", price=Decimal(0)
    )
    session.add(method)
    await session.commit()
    return method.id


async def tax_books(session: AsyncSession, *, country: str, rate: str) -> None:
    """Tax books and everything else in a country, and commit."""
    session.add_all(
        TaxRate(
            country=country,
            kind=kind,
            rate=Decimal(rate),
            valid_from=MARKET.today,
            source="a test",
            as_of=MARKET.today,
        )
        for kind in (ProductKind.BOOK, ProductKind.OTHER)
    )
    await session.commit()


async def become(session: AsyncSession, book: Book, book_format: BookFormat) -> None:
    """Make a book another kind of thing, and commit."""
    await session.execute(update(Book).where(Book.id == book.id).values(format=book_format))
    await session.commit()


async def set_price(session: AsyncSession, book: Book, price: str) -> None:
    """Sell a book at another price, and commit."""
    await session.execute(update(Book).where(Book.id == book.id).values(price=Decimal(price)))
    await session.commit()


async def stock_of(session: AsyncSession, book: Book) -> tuple[int, int, int]:
    """Return how many copies are on hand, reserved and sold."""
    counts = select(Stock.on_hand, Stock.reserved, Stock.sold).where(Stock.book_id == book.id)
    row = (await session.execute(counts)).one()
    return row.on_hand, row.reserved, row.sold


class Buyer:
    """A signed-in reader with books in the basket."""

    def __init__(
        self, client: AsyncClient, session: AsyncSession, user_id: int, headers: dict[str, str]
    ) -> None:
        self.client, self.session, self.headers = client, session, headers
        self.owner = CartOwner.account(user_id)

    async def take(self, book: Book, copies: int = 1) -> None:
        """Put copies of a book into the basket."""
        await fill_basket(self.session, self.owner, book, copies=copies)

    async def buy(self, **request: Any) -> tuple[int, Any]:
        """Check out in one call; return the status and what was answered."""
        response = await self.client.post(CHECKOUT, json=request, headers=self.headers)
        return response.status_code, response.json()


async def make_buyer(client: AsyncClient, session: AsyncSession) -> Buyer:
    """Return a reader who has an empty basket."""
    user = await make_user(session)
    return Buyer(client, session, user.id, bearer(user))
