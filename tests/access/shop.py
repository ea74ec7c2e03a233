"""A shop with one of everything, who comes to it, and a request that works for each endpoint."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from httpx import ASGITransport, AsyncClient, Response
from PIL import Image
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker

from app.books.codes import ContributorRole
from app.books.deps import get_storage
from app.books.models import (
    Book,
    Contribution,
    Contributor,
    Genre,
    Import,
    ImportKind,
    ImportStatus,
    Publisher,
    Series,
    StaffPick,
    Stock,
    Subject,
    SubjectScheme,
)
from app.cart.models import Cart, CartItem
from app.core import csrf
from app.core.clock import request_time
from app.core.config import get_settings
from app.core.deps import get_db
from app.core.rights import Right
from app.core.security import Role, encode_access_token, hash_password, hash_token
from app.core.signing import signer
from app.integrations.payments.demo import SIGNATURE_HEADER, Message, message_secret
from app.integrations.payments.signatures import sign
from app.integrations.storage import FolderStorage
from app.main import app
from app.notifications.invitations import stop_link
from app.notifications.models import Mail
from app.orders.checkout_models import Checkout
from app.orders.fulfilment_models import Reason, Refund, RefundState
from app.orders.guests import order_token
from app.orders.models import Order, OrderLine, OrderStatus, Payment, PaymentStatus
from app.prebooks.models import Prebook
from app.promotions import coupons, gift_cards, offers
from app.promotions.schemas import CouponCreate, OfferWrite
from app.promotions.terms import CouponKind, OfferKind
from app.registry import Base
from app.reviews.models import Review, ReviewStatus
from app.shipping.models import MethodKind, ShippingMethod, ShippingZone, ZoneCountry
from app.tax.kinds import ProductKind
from app.tax.models import TaxRate
from app.users.deps import SESSION
from app.users.models import User
from app.users.sessions import start_session
from app.users.tokens import start_family
from app.wishlist import sharing
from app.wishlist.models import WishlistItem
from tests.access.accounts import account_examples, own_things
from tests.access.examples import Example, Prepare
from tests.access.routes import Endpoint
from tests.books.pictures import encoded
from tests.factories import empty_every_table, make_book
from tests.reviews.buying import buy

PASSWORD = "a few words of mine"
ISBN = "9780141439518"
DAY = timedelta(days=1)
GUEST = "a guest's token"

ANONYMOUS = "anonymous"
READER = "reader"
OTHER = "other reader"
ADMIN = "admin"
DEACTIVATED = "deactivated"
EXPIRED = "expired"
HALF_IN = "half-way in"
STAFF: Mapping[str, Right] = {f"staff: {right}": right for right in Right}
ROLES = (ANONYMOUS, READER, OTHER, *STAFF, ADMIN, DEACTIVATED, EXPIRED)
"""Who comes. ``READER`` owns what paths name; ``EXPIRED`` is the reader, a day too late."""


@dataclass
class Visitor:
    """Somebody with what a program and a browser show of it."""

    account: User | None = None
    token: str = ""
    cookie: str = ""


@dataclass
class Shop:
    """The rows that paths and examples name, and the connection on which requests are undone."""

    connection: AsyncConnection
    client: AsyncClient
    ids: dict[str, Any]
    visitors: dict[str, Visitor]
    examples: dict[str, Example]
    filled: str
    """What the tables held when the shop was opened, as a digest."""

    def example(self, endpoint: Endpoint) -> Example:
        """Return the request for an endpoint. A plain GET needs none written down."""
        known = self.examples.get(endpoint.name)
        assert known is not None or not endpoint.is_unsafe, (
            f"{endpoint.name} has no example: write down in {__name__} a request that works"
        )
        return known or Example()

    def address(self, endpoint: Endpoint) -> str:
        example = self.example(endpoint)
        return endpoint.path.format_map(self.ids | example.ids) + example.query

    def headers(self, endpoint: Endpoint, role: str) -> dict[str, str]:
        """Return what somebody's program or browser sends beside the body."""
        visitor = self.visitors[role]
        if endpoint.path.startswith("/api/"):
            return {"Authorization": f"Bearer {visitor.token}"} if visitor.token else {}
        settings = get_settings()
        cookies = {csrf.COOKIE.name(settings): _form_token()}
        cookies |= self.example(endpoint).cookies
        if visitor.cookie:
            cookies[SESSION.name(settings)] = visitor.cookie
        return {
            "Accept": "text/html",
            "Sec-Fetch-Site": "same-origin",
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        }

    @asynccontextmanager
    async def asked(
        self, endpoint: Endpoint, role: str, *, json: Any = None, is_prepared: bool = False
    ) -> AsyncIterator[Response]:
        """Send a request; all that it does is undone after the block."""
        example = self.example(endpoint)
        transaction = await self.connection.begin()
        factory = async_sessionmaker(
            self.connection,
            expire_on_commit=False,
            autoflush=False,
            join_transaction_mode="create_savepoint",
        )
        async with factory() as session:

            async def use_session() -> AsyncIterator[AsyncSession]:
                try:
                    yield session
                except BaseException:
                    await session.rollback()
                    raise
                else:
                    await session.commit()

            app.dependency_overrides[get_db] = use_session
            body, form = json if json is not None else example.json, example.form
            account = self.visitors[role].account
            if is_prepared and example.prepare is not None and account is not None:
                besides = await example.prepare(session, account.id)
                await session.commit()
                body, form = body and body | besides, form and form | besides
            if form is not None:
                form = {csrf.FIELD: _form_token()} | form
            response = await self.client.request(
                endpoint.method,
                self.address(endpoint),
                headers=self.headers(endpoint, role) | example.headers,
                json=body,
                data=form,
                content=example.content,
                files=example.files,
            )
            self.client.cookies.clear()  # a guest's basket that it was given, for instance
            yield response
        await transaction.rollback()

    async def has_written(self) -> bool:
        """Tell whether anything was written since the request began, undone or not."""
        written = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL"
        return bool((await self.connection.execute(text(written))).scalar_one())

    async def is_as_filled(self) -> bool:
        """Tell whether every table still has the rows that it had when the shop was opened."""
        found = await fingerprint(self.connection)
        await self.connection.rollback()
        return found == self.filled


async def fingerprint(connection: AsyncConnection) -> str:
    """Return a digest of all rows of all tables, the demo bank's apart: it commits on its own."""
    digests = " || ".join(
        f"(SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table.name} t)"  # noqa: S608 (names of our own tables)
        for table in Base.metadata.sorted_tables
        if table.name not in {"demo_charges", "demo_refunds"}
    )
    return str((await connection.execute(text(f"SELECT {digests}"))).scalar_one())


@asynccontextmanager
async def open_shop(engine: AsyncEngine, media: Path) -> AsyncIterator[Shop]:
    """Fill a shop, committed, so that every session sees it; empty it afterwards."""
    now = datetime.now(UTC)
    async with async_sessionmaker(engine, expire_on_commit=False)() as session:
        visitors = await _accounts(session, now)
        ids = await _things(session, visitors)
        refresh_token = ids.pop("refresh_token")
        ids |= await own_things(
            session, _account(visitors, READER), _account(visitors, HALF_IN), now
        )
        await session.commit()
    app.dependency_overrides[request_time] = lambda: now
    app.dependency_overrides[get_storage] = lambda: FolderStorage(media)
    transport = ASGITransport(app=app)
    async with (
        engine.connect() as connection,
        AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        filled = await fingerprint(connection)
        await connection.rollback()
        yield Shop(
            connection,
            client,
            ids,
            visitors,
            _examples(ids, refresh_token) | account_examples(ids, PASSWORD, now),
            filled,
        )
    app.dependency_overrides.clear()
    await empty_every_table(engine)


async def _accounts(session: AsyncSession, now: datetime) -> dict[str, Visitor]:
    password_hash = await hash_password(PASSWORD)
    settings = get_settings()
    accounts = {
        READER: User(email="reader@example.com"),
        OTHER: User(email="other@example.com"),
        ADMIN: User(email="admin@example.com", role=Role.ADMIN),
        DEACTIVATED: User(email="closed@example.com", is_active=False),
        "target": User(email="target@example.com"),
        "second admin": User(email="second@example.com", role=Role.ADMIN),
        HALF_IN: User(email="half-in@example.com"),
    } | {
        name: User(email=f"{right}@example.com", role=Role.STAFF, rights=[right])
        for name, right in STAFF.items()
    }
    for account in accounts.values():
        account.password_hash = password_hash
        account.email_verified_at = now
    session.add_all(accounts.values())
    await session.flush()  # tokens need the ids
    visitors = {ANONYMOUS: Visitor()}
    for name, account in [*accounts.items(), (EXPIRED, accounts[READER])]:
        moment = now - DAY if name == EXPIRED else now
        visitors[name] = Visitor(
            account,
            token=encode_access_token(
                user_id=account.id, role=account.role or Role.USER, now=moment, settings=settings
            ),
            cookie=await start_session(session, user_id=account.id, now=moment, lifetime=DAY / 2),
        )
    return visitors


def _account(visitors: Mapping[str, Visitor], role: str) -> User:
    account = visitors[role].account
    assert account is not None
    return account


async def _things(  # noqa: PLR0915 (one of everything is much)
    session: AsyncSession, visitors: Mapping[str, Visitor]
) -> dict[str, Any]:
    """Write one of everything; return what paths call it, and what examples need besides."""
    reader = _account(visitors, READER)
    now = datetime.now(UTC)
    book = await make_book(session, title="Emma", author="Jane Austen", isbn=ISBN, copies=50)
    wanted = await make_book(session, title="Persuasion", author="Jane Austen", copies=50)
    gone = await make_book(session, title="Sanditon", author="Jane Austen", copies=0)
    sold_out = await make_book(session, title="Lady Susan", author="Jane Austen", copies=0)
    second = Book(work_id=book.work_id, price=Decimal("5.00"), currency="USD")
    genre = Genre(name="Novels", slug="novels")
    people = [Contributor(name="Jane Austen"), Contributor(name="Austen, Jane")]
    publishers = [Publisher(name="Murray"), Publisher(name="J. Murray")]
    series = [Series(title="Novels of manners"), Series(title="Manners")]
    subject = Subject(scheme=SubjectScheme.THEMA, code="F", heading="Fiction")
    imports = [
        Import(
            kind=ImportKind.CSV,
            requested_by="admin@example.com",
            file_name="b.csv",
            status=status,
            finished_at=now if status is ImportStatus.FINISHED else None,
        )
        for status in (ImportStatus.FINISHED, ImportStatus.WAITING)
    ]
    session.add_all([second, genre, *people, *publishers, *series, subject, *imports])
    await session.flush()  # the rest needs the ids
    session.add(
        Contribution(
            work_id=book.work_id,
            position=0,
            contributor_id=people[0].id,
            role=ContributorRole.AUTHOR,
        )
    )
    session.add(StaffPick(work_id=book.work_id, note="Read it.", picked_by="Nora", position=1))
    carts = {
        account.id: Cart(user_id=account.id)
        for visitor in visitors.values()
        if (account := visitor.account) is not None
    }
    session.add_all(carts.values())
    order = Order(
        number="N1",
        user_id=reader.id,
        email=reader.email,
        status=OrderStatus.CONFIRMED,
        currency="USD",
        total=Decimal("13.00"),
        idempotency_key="first",
        request_hash=b"",
        reserved_until=now,
        settle_after=now,
    )
    prebook = Prebook(user_id=reader.id, book_id=gone.id)
    guest_order = Order(
        number="N2",
        email="guest@example.com",
        guest_hash=hash_token(GUEST),
        guest_key="first",
        status=OrderStatus.CONFIRMED,
        currency="USD",
        total=Decimal("0.00"),
        idempotency_key="first",
        request_hash=b"",
        reserved_until=now,
        settle_after=now,
    )
    checkout = Checkout(
        user_id=reader.id,
        shipping_address={
            "name": "Ada",
            "street": "1 Road",
            "postal_code": "",
            "city": "London",
            "country": "US",
        },
        expires_at=now + DAY,
    )
    review = Review(
        user_id=reader.id,
        book_id=book.id,
        work_id=book.work_id,
        rating=4,
        text="Handsome, clever, and rich.",
        status=ReviewStatus.PUBLISHED,
        verified_purchase=True,
    )
    wish = WishlistItem(user_id=reader.id, book_id=book.id)
    session.add_all([order, guest_order, checkout, wish, prebook, review])
    await session.flush()  # likewise
    items = {
        user_id: CartItem(cart_id=cart.id, book_id=book.id, quantity=1)
        for user_id, cart in carts.items()
    }
    session.add_all(items.values())
    line = OrderLine(
        order_id=order.id,
        book_id=book.id,
        title="Emma",
        author="Jane Austen",
        unit_price=Decimal("6.50"),
        quantity=2,
    )
    payment = Payment(
        order_id=order.id,
        gateway="demo",
        reference="r1",
        amount=Decimal("13.00"),
        currency="USD",
        status=PaymentStatus.CAPTURED,
    )
    tokens = await start_family(
        session, user_id=reader.id, role=Role.USER, now=now, settings=get_settings()
    )
    zones = [ShippingZone(name="Here"), ShippingZone(name="There")]
    guest_payment = Payment(
        order_id=guest_order.id,
        gateway="none",
        reference="r2",
        amount=Decimal("0.00"),
        currency="USD",
        status=PaymentStatus.CAPTURED,
    )
    session.add_all([line, payment, guest_payment, *zones])
    bought = {Stock.received: Stock.received + 2, Stock.sold: 2}
    await session.execute(update(Stock).where(Stock.book_id == book.id).values(bought))
    await session.flush()  # likewise
    refund = Refund(
        order_id=order.id,
        reference="f1",
        amount=Decimal("1.00"),
        currency="USD",
        reason=Reason.GOODWILL,
        state=RefundState.DONE,
        ask_after=now,
    )
    payment.refunded_total = refund.amount
    session.add(refund)
    await session.flush()  # likewise
    session.add(ZoneCountry(country="US", zone_id=zones[0].id))
    method = ShippingMethod(
        kind=MethodKind.PARCEL, name="Parcel", zone_id=zones[0].id, price=Decimal("5.00")
    )
    rate = TaxRate(
        country="DE",
        kind=ProductKind.BOOK,
        valid_from=now.date(),
        rate=Decimal(7),
        source="UStG",
        as_of=now.date(),
    )
    session.add_all([method, rate])
    await session.flush()  # likewise
    coupon = await coupons.create_coupon(
        session,
        coupon=CouponCreate(code="FREE", title="Free", kind=CouponKind.FREE_SHIPPING),
        currency="USD",
    )
    offer = await offers.create_offer(
        session, offer=OfferWrite(title="A tenth", kind=OfferKind.PERCENT, percent=Decimal(10))
    )
    gift_card = await gift_cards.issue(
        session, amount=Decimal(25), currency="USD", actor="admin@example.com"
    )
    return await _links(session, visitors) | {
        "coupon_id": coupon.id,
        "offer_id": offer.id,
        "gift_card_id": gift_card.id,
        "gift_card_code": gift_card.code,
        "refund_id": refund.id,
        "line_id": line.id,
        "order_token": order_token(order.id, get_settings()),
        "book_id": book.id,
        "work_id": book.work_id,
        "slug": "emma-jane-austen",
        "isbn": ISBN,
        "scheme": "thema",
        "code": "F",
        "contributor_id": people[0].id,
        "publisher_id": publishers[0].id,
        "series_id": series[0].id,
        "import_id": imports[0].id,
        "order_id": order.id,
        "guest_order_id": guest_order.id,
        "checkout_id": checkout.id,
        "item_id": items[reader.id].id,
        "prebook_id": prebook.id,
        "review_id": review.id,
        "user_id": _account(visitors, "target").id,
        "zone_id": zones[0].id,
        "empty_zone_id": zones[1].id,
        "method_id": method.id,
        "rate_id": rate.id,
        "country": "DE",
        "kind": "book",
        "digest": "0" * 64,
        "name": "400.webp",
        "second_book_id": second.id,
        "wanted_book_id": wanted.id,
        "wanted_work_id": wanted.work_id,
        "sold_out_book_id": sold_out.id,
        "waiting_import_id": imports[1].id,
        "contributors": [person.id for person in people],
        "publishers": [publisher.id for publisher in publishers],
        "series": [one.id for one in series],
        "refresh_token": tokens.refresh_token,
    }


async def _links(session: AsyncSession, visitors: Mapping[str, Visitor]) -> dict[str, Any]:
    """Write what is named in paths apart: a message, wishes that are shared, a coming book."""
    reader = _account(visitors, READER)
    mail = Mail(
        event_id=uuid4(),
        recipient=reader.email,
        template="order_shipped",
        message_id="<first@example.com>",
        subject="On its way",
        body_text="On its way.",
        body_html="<p>On its way.</p>",
        sent_at=datetime.now(UTC),
    )
    session.add(mail)
    await session.flush()  # its id is asked for
    stop_token = stop_link(reader.email, get_settings()).rpartition("=")[2]
    forthcoming = await make_book(session, title="Piranesi II", copies=0)
    announced = {Book.on_sale_date: date(2999, 1, 2)}
    await session.execute(update(Book).where(Book.id == forthcoming.id).values(announced))
    owners = {visitor.account.id for visitor in visitors.values() if visitor.account is not None}
    shares = {
        owner: (await sharing.share(session, user_id=owner, settings=get_settings()))[0]
        for owner in owners
    }
    return {
        "mail_id": mail.id,
        "template": mail.template,
        "stop_token": stop_token,
        "forthcoming_id": forthcoming.id,
        "wish_token": shares[reader.id].url.rpartition("=")[2],
    }


def _examples(ids: Mapping[str, Any], refresh_token: str) -> dict[str, Example]:
    """Return for every endpoint that is more than a plain GET a request that works."""
    admin, api = "/api/v1/admin", "/api/v1"
    orders, link = f"{admin}/orders", f"?token={ids['order_token']}"
    address = {"name": "Ada", "street": "1 Road", "city": "London", "country": "US"}
    credentials = {"email": "reader@example.com", "password": PASSWORD}
    newcomer = {"email": "new@example.com", "password": PASSWORD}
    names = {
        f"{method} {admin}/{kind}/{{named_id}}{rest}": Example(
            ids={"named_id": ids[kind][0]}, json=json
        )
        for kind, change in (
            ("contributors", {"name": "J. Austen"}),
            ("publishers", {"name": "John Murray"}),
            ("series", {"title": "Manners and morals"}),
        )
        for method, rest, json in (
            ("PATCH", "", change),
            ("POST", "/merge", {"ids": [ids[kind][1]]}),
        )
    }
    pick = {"note": "Again.", "picked_by": "Ann", "position": 2}
    tenth = {"title": "A tenth", "kind": "percent", "percent": "10"}
    return names | {
        # accounts
        f"POST {api}/auth/login": Example(json=credentials),
        f"POST {api}/auth/register": Example(json=newcomer),
        f"POST {api}/auth/refresh": Example(json={"refresh_token": refresh_token}),
        f"POST {api}/auth/logout": Example(json={"refresh_token": refresh_token}),
        f"PATCH {admin}/users/{{user_id}}/deactivate": Example(),
        f"PATCH {admin}/users/{{user_id}}/reactivate": Example(),
        f"PUT {admin}/users/{{user_id}}/rights": Example(json={"rights": ["reviews"]}),
        # the catalogue
        f"GET {api}/books/suggest": Example(query="?q=em"),
        f"GET {api}/lists/{{name}}": Example(ids={"name": "staff-picks"}),
        f"POST {api}/books": Example(json={"title": "New", "author": "Ann", "price": "9.99"}),
        f"PUT {api}/books/{{book_id}}": Example(json={"price": "8.99"}),
        f"DELETE {api}/books/{{book_id}}": Example(),
        f"PATCH {api}/books/{{book_id}}/stock": Example(json={"quantity": 7}),
        f"POST {admin}/stock/deliveries": Example(
            json={"lines": [{"book_id": ids["wanted_book_id"], "copies": 3}]}
        ),
        f"PATCH {admin}/stock/{{book_id}}": Example(json={"low_level": 2}),
        f"PUT {admin}/stock/{{book_id}}/preorders": Example(
            json={"copies": 5}, ids={"book_id": ids["forthcoming_id"]}
        ),
        f"DELETE {admin}/stock/{{book_id}}/preorders": Example(),
        f"POST {admin}/stock/{{book_id}}/corrections": Example(json={"by": 1, "reason": "Found"}),
        f"POST {api}/genres": Example(json={"name": "Poetry"}),
        f"POST {api}/uploads/images": Example(files={"file": ("a.png", _picture())}),
        f"PUT {admin}/staff-picks/{{work_id}}": Example(json=pick),
        f"DELETE {admin}/staff-picks/{{work_id}}": Example(),
        f"POST {admin}/works/{{work_id}}/merge": Example(
            json={"work_ids": [ids["wanted_work_id"]]}
        ),
        f"POST {admin}/works/{{work_id}}/split": Example(
            json={"book_ids": [ids["second_book_id"]]}
        ),
        f"POST {admin}/imports": Example(content=b"title,author,price\nA,B,1.00\n"),
        f"POST {admin}/imports/{{import_id}}/cancel": Example(
            ids={"import_id": ids["waiting_import_id"]}
        ),
        # shipping and tax
        f"POST {admin}/shipping/zones": Example(json={"name": "Europe", "countries": ["DE"]}),
        f"PUT {admin}/shipping/zones/{{zone_id}}": Example(
            json={"name": "Everywhere", "is_rest_of_world": True}
        ),
        f"DELETE {admin}/shipping/zones/{{zone_id}}": Example(
            ids={"zone_id": ids["empty_zone_id"]}
        ),
        f"POST {admin}/shipping/methods": Example(json={"kind": "digital", "name": "Download"}),
        f"PUT {admin}/shipping/methods/{{method_id}}": Example(
            json={"kind": "collect", "name": "Collect", "collect_at": "1 Road"}
        ),
        f"DELETE {admin}/shipping/methods/{{method_id}}": Example(),
        f"PUT {admin}/tax-rates/{{country}}/{{kind}}": Example(json={"rate": "7.5"}),
        f"DELETE {admin}/tax-rates/{{rate_id}}": Example(),
        f"POST {admin}/tax-rates/reset": Example(json={"country": "DE"}),
        # basket, orders, wishes
        f"POST {api}/cart": Example(),
        f"POST {api}/cart/items": Example(json={"book_id": ids["wanted_book_id"]}),
        f"PUT {api}/cart/items/{{item_id}}": Example(json={"quantity": 2}),
        f"DELETE {api}/cart/items/{{item_id}}": Example(),
        f"POST {api}/orders/checkout": Example(json={}),
        f"POST {api}/checkouts": Example(json={}),
        f"PATCH {api}/checkouts/{{checkout_id}}": Example(json={"email": "a@example.com"}),
        f"POST {api}/checkouts/{{checkout_id}}/complete": Example(json={}),
        f"POST {api}/payments/{{gateway}}/webhook": _webhook(),
        f"POST {api}/orders/{{order_id}}/cancel": Example(),
        f"GET {api}/orders/by-link": Example(query=link),
        f"GET {api}/orders/by-link/fulfilment": Example(query=link),
        f"GET {api}/orders/by-link/invoice.pdf": Example(query=link),
        f"POST {api}/orders/by-link/cancel": Example(query=link),
        f"GET {orders}/export.csv": Example(query="?from=2026-01-01&to=2026-02-01"),
        f"GET {orders}/days.csv": Example(query="?from=2026-01-01&to=2026-02-01"),
        f"POST {orders}/{{order_id}}/pack": Example(),
        f"POST {orders}/{{order_id}}/shipments": Example(json={}),
        f"POST {orders}/{{order_id}}/ready": Example(),
        f"POST {orders}/{{order_id}}/deliver": Example(),
        f"POST {orders}/{{order_id}}/cancel": Example(json={}),
        f"POST {orders}/{{order_id}}/refunds": Example(
            json={"reason": "goodwill", "amount": "5.00"}
        ),
        f"POST {orders}/{{order_id}}/returns": Example(
            json={
                "reason": "out_of_stock",
                "lines": [{"line_id": ids["line_id"], "quantity": 1}],
                "was_sent": False,
            },
        ),
        f"POST {orders}/{{order_id}}/notes": Example(json={"text": "They called."}),
        f"POST {api}/wishlist": Example(json={"book_id": ids["wanted_book_id"]}),
        f"DELETE {api}/wishlist/{{book_id}}": Example(),
        f"PATCH {api}/wishlist/{{book_id}}": Example(json={"notify_price_drop": True}),
        f"GET {api}/wishlist/share": Example(),
        f"POST {api}/wishlist/share": Example(status=200),
        f"DELETE {api}/wishlist/share": Example(status=204),
        f"GET {api}/wishlist/shared": Example(query=f"?token={ids['wish_token']}"),
        "GET /wishlist/shared": Example(query=f"?token={ids['wish_token']}"),
        f"POST {api}/prebooks": Example(json={"book_id": ids["sold_out_book_id"]}),
        f"DELETE {api}/prebooks/{{prebook_id}}": Example(),
        # reviews
        f"POST {api}/books/{{book_id}}/reviews": Example(
            ids={"book_id": ids["wanted_book_id"]},
            json={"rating": 5, "text": "Read it."},
            prepare=_buyer_of(ids["wanted_book_id"]),
        ),
        f"PATCH {api}/reviews/{{review_id}}": Example(json={"rating": 3}, missing=403),
        f"DELETE {api}/reviews/{{review_id}}": Example(missing=403),
        f"DELETE {admin}/reviews/bulk": Example(json={"review_ids": [ids["review_id"]]}),
        f"POST {admin}/reviews/bulk/approve": Example(json={"review_ids": [ids["review_id"]]}),
        f"POST {admin}/reviews/bulk/hide": Example(
            json={"review_ids": [ids["review_id"]], "reason": "Not about the book."}
        ),
        f"POST {admin}/reviews/{{review_id}}/approve": Example(),
        f"POST {admin}/reviews/{{review_id}}/hide": Example(json={"reason": "Rude."}),
        "POST /books/{book_id}/reviews": Example(
            status=303,
            ids={"book_id": ids["wanted_book_id"]},
            form={"rating": "5"},
            prepare=_buyer_of(ids["wanted_book_id"]),
        ),
        "POST /account/reviews/{review_id}": Example(status=303, form={"rating": "2"}),
        "POST /account/reviews/{review_id}/remove": Example(status=303, form={}, missing=303),
        # promotions
        f"POST {api}/gift-cards/balance": Example(json={"code": ids["gift_card_code"]}),
        f"POST {admin}/coupons": Example(json={"code": "TEN"} | tenth),
        f"PUT {admin}/coupons/{{coupon_id}}": Example(json=tenth),
        f"POST {admin}/coupons/{{coupon_id}}/end": Example(),
        f"POST {admin}/offers": Example(json=tenth),
        f"PUT {admin}/offers/{{offer_id}}": Example(json=tenth),
        f"POST {admin}/offers/{{offer_id}}/end": Example(),
        f"POST {admin}/gift-cards": Example(json={"amount": "25.00"}),
        f"PUT {admin}/gift-cards/{{gift_card_id}}": Example(json={"note": "For the fair."}),
        f"POST {admin}/gift-cards/{{gift_card_id}}/end": Example(),
        # mails
        f"POST {api}/mail/stop": Example(status=204, query=f"?token={ids['stop_token']}"),
        "GET /mail/stop": Example(query=f"?token={ids['stop_token']}"),
        f"POST {admin}/mails/{{mail_id}}/resend": Example(status=202),
        f"GET {admin}/mails/templates/{{template}}": Example(),
        # pages
        "GET /books/{book_id}": Example(status=301),
        "GET /lists/{name}": Example(ids={"name": "staff-picks"}),
        "GET /isbn/{isbn}": Example(status=301),
        "GET /media/covers/{digest}/{name}": Example(status=404),  # there is none; all are told so
        "GET /static": Example(ids={}, query="/shop.css"),
        "POST /mail/stop": Example(form={"token": ids["stop_token"]}),
        "GET /health/ready": Example(status=503),  # create_all leaves no revision
        "GET /sign-in": Example(signed_in_status=303),
        "GET /sign-up": Example(signed_in_status=303),
        "POST /sign-in": Example(status=303, form=credentials),
        "POST /sign-up": Example(form={"email": newcomer["email"]}),
        "POST /sign-out": Example(status=303, form={}),
        "POST /cart/items": Example(status=303, form={"book_id": str(ids["wanted_book_id"])}),
        "POST /cart/items/{item_id}": Example(status=303, form={"action": "remove"}, missing=303),
        "GET /demo-bank/{reference}": Example(status=404, ids={"reference": "none"}),
        "POST /demo-bank/{reference}": Example(
            status=404, ids={"reference": "none"}, form={"answer": "confirm"}
        ),
        "GET /checkout": Example(status=303, signed_in_status=200),
        "GET /orders/by-link": Example(query=link),
        "GET /orders/by-link/invoice": Example(query=link),
        "POST /checkout": Example(status=303, form=address | {"checkout_key": "k" * 16}),
        "GET /checkout/orders/{order_id}": Example(
            ids={"order_id": ids["guest_order_id"]}, cookies={"cart": GUEST}
        ),
    }


def _buyer_of(book_id: int) -> Prepare:
    """Return what lets the account have bought the book."""

    async def prepare(session: AsyncSession, user_id: int) -> dict[str, str]:
        await buy(session, user_id=user_id, book_id=book_id)
        return {}

    return prepare


@cache
def _picture() -> bytes:
    return encoded(Image.new("RGB", (40, 60), "teal"), "PNG")


def _webhook() -> Example:
    """Return what the demo gateway would write, of now."""
    now = datetime.now(UTC)
    message = Message(id="evt_1", type="charge.captured", created=now, reference="none")
    body = message.model_dump_json().encode()
    signature = sign(body, secret=message_secret(get_settings()), now=now)
    return Example(content=body, headers={SIGNATURE_HEADER: signature}, ids={"gateway": "demo"})


@cache
def _form_token() -> str:
    return str(signer("csrf", get_settings()).dumps("a token of the tests"))
