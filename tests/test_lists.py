"""Every list of the shop: none without end, and none that asks the database more for more rows."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from fastapi.routing import APIRoute
from httpx import AsyncClient
from sqlalchemy import Integer, bindparam, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.core.clock import utc_now
from app.core.config import get_settings
from app.core.pagination import MAX_OFFSET
from app.core.security import Role
from app.main import app
from app.orders.guests import order_token
from app.registry import PAGE_ROUTERS
from app.users.deps import SESSION
from app.users.sessions import start_session
from app.wishlist import sharing
from tests.factories import bearer, make_book, make_user

MAX_SIZE = 100

LISTS: Mapping[str, tuple[str, ...]] = {
    "/api/v1/admin/audit": ("?limit=100", "?limit=100&thing=book&actor=a@example.com"),
    "/api/v1/admin/coupons": ("?limit=100",),
    "/api/v1/admin/gift-cards": ("?limit=100",),
    "/api/v1/admin/gift-cards/{gift_card_id}/entries": ("?limit=100",),
    "/api/v1/admin/imports": ("?size=100",),
    "/api/v1/admin/imports/{import_id}/report": ("?size=100",),
    "/api/v1/admin/mails": (
        "?limit=100",
        "?limit=100&recipient=a@example.com&template=order_shipped&state=sent",
    ),
    "/api/v1/admin/offers": ("?limit=100",),
    "/api/v1/admin/stock": ("?limit=100", "?limit=100&low=true"),
    "/api/v1/admin/stock/{book_id}/movements": ("?limit=100",),
    "/api/v1/admin/shipping/methods": ("?limit=100",),
    "/api/v1/admin/shipping/zones": ("?limit=100",),
    "/api/v1/admin/tax-rates": ("?limit=100", "?limit=100&country=DE"),
    "/api/v1/admin/orders": (
        "?limit=100",
        "?limit=100&status=confirmed&email=a@example.com&from=2020-01-01",
    ),
    "/api/v1/admin/users": ("?per_page=100", "?per_page=100&role=user&is_active=true"),
    "/api/v1/books": (
        "?size=100",
        "?size=100&q=volume",
        "?size=100&sort=date&subject=A&series_id={series}",
        "?size=100&facets=genre,format,language,subject,publisher,price,in_stock,rating,decade",
        "?size=100&q=volume&facets=genre&genre_id={genre}",
    ),
    "/api/v1/contributors": ("?size=100", "?size=100&q=person"),
    "/api/v1/genres": ("?limit=100",),
    "/api/v1/lists/{name}": ("?size=100",),
    "/api/v1/orders": ("?limit=100",),
    "/api/v1/orders/{order_id}/timeline": ("?limit=100",),
    "/api/v1/prebooks": ("?limit=100",),
    "/api/v1/publishers": ("?size=100", "?size=100&q=house"),
    "/api/v1/account/reviews": ("?limit=100",),
    "/api/v1/admin/reviews": (
        "?per_page=100",
        "?per_page=100&sort_by=rating&sort_dir=asc&rating_min=1&rating_max=5&status=published",
    ),
    "/api/v1/books/{book_id}/reviews": ("?size=100",),
    "/api/v1/series": ("?size=100", "?size=100&q=saga"),
    "/api/v1/staff-picks": ("?size=100",),
    "/api/v1/subjects": ("?size=100", "?size=100&parent=A", "?size=100&q=topic"),
    "/api/v1/wishlist": ("?limit=100",),
    "/api/v1/wishlist/shared": ("?limit=100&token={wish_token}",),
}
"""How each list of the API is asked for in the test of its statements."""

SHORT_LISTS = {
    "/api/v1/account/addresses": "twenty (app.account.service.MAX_ADDRESSES)",
    "/api/v1/account/sessions": "a hundred browsers and programs (app.users.sessions.SHOWN)",
    "/api/v1/books/suggest": "the best few",
    "/api/v1/books/{book_id}/recommendations": "at most one group of each kind",
    "/api/v1/lists": "the lists that there are",
}
"""Lists that need no pages, and what keeps them short."""

OTHERS: Mapping[str, tuple[str, ...]] = {
    "/": ("",),
    "/account/addresses": ("",),
    "/account/sessions": ("",),
    "/account/reviews": ("",),
    "/api/v1/account/addresses": ("",),
    "/api/v1/account/sessions": ("",),
    "/books": ("", "?q=volume", "?size=100&genre_id={genre}"),
    "/books/{book_id}/{slug}": ("",),
    "/lists/{name}": ("", "?size=100"),
    "/orders": ("",),
    "/api/v1/books/suggest": ("?q=vol",),
    "/api/v1/books/{book_id}": ("",),
    "/api/v1/books/{book_id}/recommendations": ("",),
    "/api/v1/auth/identities": ("",),
    "/api/v1/cart": ("",),
    "/api/v1/orders/{order_id}/fulfilment": ("",),
    "/orders/by-link": ("?token={order_token}",),
    "/wishlist/shared": ("?token={wish_token}",),
    "/api/v1/series/{series_id}": ("?size=100",),
    "/api/v1/subjects/{scheme}/{code}": ("",),
    "/api/v1/works/{work_id}": ("",),
}
"""Pages, and single things that have lists in them; asked for as well."""

PAGES_WITHOUT_LISTS = {
    "/sign-in": "a form",
    "/sign-up": "a form",
    "/forgotten-password": "a form",
    "/reset-password": "a form",
    "/verify-email": "a form",
    "/confirm-email": "a form",
    "/account": "one account",
    "/account/password": "a form",
    "/account/email": "a form",
    "/account/delete": "a form",
    "/account/export": "a file, read a page at a time",
    "/account/addresses/new": "a form",
    "/account/addresses/{address_id}": "a form",
    "/account/reviews/{review_id}": "a form",
    "/cart": "the basket, as /api/v1/cart",
    "/checkout": "the basket, as /api/v1/cart",
    "/checkout/orders/{order_id}": "one order",
    "/orders/{order_id}": "one order, as /orders/by-link",
    "/orders/{order_id}/invoice": "a file",
    "/orders/by-link/invoice": "a file",
    "/sign-in/two-step": "a form",
    "/sign-in/{provider}": "leads to the provider",
    "/sign-in/{provider}/callback": "leads on, or a form",
    "/demo-bank/{reference}": "one payment",
    "/account/connected": "at most one identity of each provider, by one statement",
    "/account/two-step": "a form",
    "/mail/stop": "a form",
    "/account/two-step/set-up": "a form",
    "/media/covers/{digest}/{name}": "a file",
    "/books/{book_id}": "leads on to /books/{book_id}/{slug}",
    "/isbn/{isbn}": "leads on to /books/{book_id}/{slug}",
}

SHORT_ANSWERS = {
    "/api/v1/account",
    "/api/v1/account/export",
    "/health/ready",
    "/api/v1/admin/coupons/{coupon_id}",
    "/api/v1/admin/imports/{import_id}",
    "/api/v1/admin/mails/templates",
    "/api/v1/admin/mails/{mail_id}",
    "/api/v1/admin/offers/{offer_id}",
    "/api/v1/contributors/{contributor_id}",
    "/api/v1/checkouts/{checkout_id}",
    "/api/v1/orders/{order_id}",
    "/api/v1/orders/by-link",
    "/api/v1/orders/by-link/fulfilment",
    "/api/v1/admin/orders/{order_id}/fulfilment",
}
"""Single things whose lists are loaded with them, of one statement however many there are."""

BOUNDED = {
    ("ZoneRead", "countries"): "as many as there are countries",
    ("UserRead", "rights"): "as many as there are areas",
    ("MailTemplates", "templates"): "as many as there are folders",
    ("BookRead", "contributors"): "those of one record of a feed",
    ("BookRead", "subjects"): "those of one record of a feed",
    ("BookRead", "series_list"): "those of one record of a feed",
    ("BookRead", "rating_histogram"): "five",
    ("BookRead", "editions"): "the first hundred of a work",
    ("WorkRead", "contributors"): "as those of a book",
    ("WorkRead", "subjects"): "as those of a book",
    ("WorkRead", "series_list"): "as those of a book",
    ("WorkRead", "editions"): "the first hundred of a work",
    ("ImportRead", "repairs"): "one for each kind of repair",
    ("ImportRead", "unused_columns"): "those of one line of a file",
    ("RepairRead", "examples"): "the first few",
    ("ContributorDetail", "roles"): "a code list's",
    ("SubjectOfBook", "path"): "as deep as the scheme",
    ("SubjectDetail", "parents"): "as deep as the scheme",
    ("SubjectDetail", "children"): "the first hundred; GET /subjects?parent= pages them",
    ("ConnectedRead", "identities"): "at most one of each provider",
    ("RecoveryCodes", "recovery_codes"): "ten",
    ("Confirmed", "recovery_codes"): "ten",
    ("RecommendationGroup", "items"): "eight (app.recommendations.service.GROUP_BOOKS)",
    ("CartRead", "items"): "a basket holds 200 titles (app.cart.schemas.MAX_TITLES)",
    ("OrderRead", "items"): "an order is of one basket",
    ("OrderRead", "discounts"): "one for each offer and code of a basket",
    ("OrderRead", "taxes"): "one for each rate of a country",
    ("CartItemRead", "notices"): "one for each kind of change, of which there are four",
    ("CheckoutRead", "coupon_codes"): "ten (app.promotions.service.MAX_CODES)",
    ("CheckoutRead", "problems"): "one for each check",
    ("QuoteRead", "items"): "a quote is of one basket",
    ("QuoteRead", "discounts"): "one for each offer and code of a basket",
    ("QuoteRead", "taxes"): "one for each rate of a country",
    ("QuoteRead", "shipping_options"): "the methods to one country, which staff keep",
    ("FulfilmentRead", "lines"): "an order is of one basket",
    ("FulfilmentRead", "shipments"): "at most one for each copy",
    ("FulfilmentRead", "refunds"): "each of at least a cent of what was paid",
    ("FulfilmentRead", "papers"): "an invoice, and a credit note for each refund",
    ("ShipmentRead", "lines"): "an order is of one basket",
    ("RefundRead", "lines"): "an order is of one basket",
    ("CartRead", "unavailable_items"): "likewise",
    **{
        (schema, field): "five hundred at the most (app.promotions.schemas.MAX_NAMED)"
        for schema in ("CouponRead", "OfferRead")
        for field in ("book_ids", "genre_ids", "publisher_ids", "formats")
    },
    ("Readiness", "reasons"): "what the shop needs to run",
}
"""Lists inside answers, and what keeps them short."""


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in app.openapi()["paths"].items():
        if "get" in methods:
            yield path, methods["get"]


def answer(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation["responses"].get("200", {}).get("content", {})
    schema: dict[str, Any] = content.get("application/json", {}).get("schema", {})
    return schema


def resolve(schema: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and the contents of a schema that may be a reference."""
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = app.openapi()["components"]["schemas"].get(name, schema)
    return name, found


def is_list(operation: dict[str, Any]) -> bool:
    """Tell whether an answer is a list, or a page of one."""
    _, schema = resolve(answer(operation))
    return (
        schema.get("type") == "array"
        or {"items", "total"} <= schema.get("properties", {}).keys()
        or {"items", "total_count"} <= schema.get("properties", {}).keys()
    )


def arrays_within(schema: dict[str, Any], seen: set[str]) -> Iterator[tuple[str, str]]:
    """Return the lists in an answer, as names of schema and field; pages' own are left out."""
    name, found = resolve(schema)
    if name in seen:
        return
    seen.add(name or str(found))
    is_page = {"items", "next_cursor"} <= found.get("properties", {}).keys()
    for field, inner in found.get("properties", {}).items():
        for part in (inner, *inner.get("anyOf", ())):
            if part.get("type") == "array":
                if not (is_page and field == "items"):
                    yield name, field
                yield from arrays_within(part["items"], seen)
            yield from arrays_within(part, seen) if "$ref" in part else ()
    if "items" in found and "properties" not in found:
        yield from arrays_within(found["items"], seen)


def test_every_list_comes_in_pages() -> None:
    lists = {
        path: operation
        for path, operation in operations()
        if is_list(operation) and path not in SHORT_LISTS
    }
    assert lists.keys() == LISTS.keys()
    for path, operation in lists.items():
        parameters = {
            parameter["name"]: parameter["schema"] for parameter in operation["parameters"]
        }
        size = parameters.get("size") or parameters.get("per_page") or parameters["limit"]
        assert size["maximum"] <= MAX_SIZE, path
        assert size["default"] <= MAX_SIZE, path
        assert "cursor" in parameters, path
        if "page" in parameters:
            assert parameters["page"]["maximum"] <= MAX_OFFSET + 1, path


async def test_no_list_is_counted_off_deeply(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = bearer(await make_user(db_session, role=Role.ADMIN))
    made = text(
        "INSERT INTO imports (kind, requested_by, file_name) VALUES ('csv', 'a', 'b') RETURNING id"
    )
    names = {
        "import_id": await db_session.scalar(made),
        "book_id": (await make_book(db_session)).id,
        "gift_card_id": 1,
        "order_id": 1,
        "name": "new",
    }
    for template, operation in operations():
        path = template.format_map(names) if is_list(operation) else template
        if is_list(operation) and "page" in {
            item["name"] for item in operation.get("parameters", ())
        }:
            size = "per_page" if path.endswith(("/admin/users", "/admin/reviews")) else "size"
            deepest = await client.get(f"{path}?{size}=100&page=101", headers=headers)
            assert deepest.status_code == 200, path
            deeper = await client.get(f"{path}?{size}=100&page=102", headers=headers)
            assert deeper.status_code == 422, path


def test_every_list_inside_an_answer_is_short() -> None:
    found = {
        array for _, operation in operations() for array in arrays_within(answer(operation), set())
    }
    assert found <= BOUNDED.keys()


GROW = text("""
WITH numbers AS (SELECT n FROM generate_series(:first, :last) AS n),
new_genres AS (
  INSERT INTO genres (name, slug) SELECT 'Genre ' || n, 'genre-' || n FROM numbers
),
new_works AS (
  INSERT INTO works (title, author, genre_id, popularity)
  SELECT 'Volume ' || n, 'Person', (SELECT min(id) FROM genres), n FROM numbers
  RETURNING id
),
new_books AS (
  INSERT INTO books (work_id, price, currency, language)
  SELECT id, 5, 'USD', 'en' FROM new_works RETURNING id, work_id
),
new_editions AS (
  INSERT INTO books (work_id, currency, price)
  SELECT :work, 'USD', 5 FROM numbers WHERE :work > 0 RETURNING id
),
new_stock AS (
  INSERT INTO stock (book_id, received, on_hand, low_level)
  SELECT id, 1, 1, 1 FROM new_books UNION ALL SELECT id, 1, 1, 1 FROM new_editions
),
new_movements AS (
  INSERT INTO stock_movements (book_id, kind, copies)
  SELECT least((SELECT min(id) FROM books), (SELECT min(id) FROM new_books)), 'received', 1
  FROM numbers
),
new_users AS (
  INSERT INTO users (email) SELECT 'many' || n || '@example.com' FROM numbers RETURNING id
),
new_zones AS (
  INSERT INTO shipping_zones (name) SELECT 'Zone ' || n FROM numbers RETURNING id
),
new_methods AS (
  INSERT INTO shipping_methods (kind, name, zone_id, price) SELECT 'parcel', 'Parcel', id, 5
  FROM new_zones
),
new_rates AS (
  INSERT INTO tax_rates (country, kind, valid_from, rate, source, as_of)
  SELECT 'DE', 'book', DATE '2026-01-01' + n, 7, 'A law', DATE '2026-01-01' FROM numbers
),
new_entries_of_the_audit AS (
  INSERT INTO audit_entries (actor, action, thing, thing_id)
  SELECT 'a@example.com', 'book.update', 'book', CAST(n AS text) FROM numbers
),
new_mails_of_the_shop AS (
  INSERT INTO mails (
    event_id, recipient, template, message_id, subject, body_text, body_html, sent_at
  )
  SELECT gen_random_uuid(), 'a@example.com', 'order_shipped', '<' || n || '@a>', 'A', 'B', 'C',
    now()
  FROM numbers
),
new_imports AS (
  INSERT INTO imports (kind, requested_by, file_name) SELECT 'csv', 'a', 'b' FROM numbers
),
new_entries AS (
  INSERT INTO import_entries (import_id, record, line, outcome, reference)
  SELECT :import, n, n, 'taken', 'r' || n FROM numbers WHERE :import > 0
),
new_picks AS (
  INSERT INTO staff_picks (work_id, note, picked_by) SELECT id, 'Read it.', 'Ann' FROM new_works
),
new_bestsellers AS (
  INSERT INTO bestsellers (period, rank, work_id, book_id, copies)
  SELECT 'week', :first - 1 + row_number() OVER (ORDER BY id), work_id, id, 1 FROM new_books
),
new_companions AS (
  INSERT INTO also_bought (work_id, rank, other_work_id, support, score)
  SELECT :work, id, id, 3, 0.5 FROM new_works WHERE :work > 0
),
new_people AS (
  INSERT INTO contributors (name) SELECT 'Person ' || n FROM numbers RETURNING id
),
new_publishers AS (INSERT INTO publishers (name) SELECT 'House ' || n FROM numbers),
new_series AS (INSERT INTO series (title) SELECT 'Saga ' || n FROM numbers RETURNING id),
new_subjects AS (
  INSERT INTO subjects (scheme, code, heading, parent_code)
  SELECT 'thema', 'A' || lpad(CAST(n AS text), 3, '0'), 'Topic ' || n, 'A' FROM numbers
  UNION ALL SELECT 'thema', 'Z' || lpad(CAST(n AS text), 3, '0'), 'Else ' || n, NULL FROM numbers
  RETURNING id, parent_code
),
new_contributions AS (
  INSERT INTO contributions (work_id, position, contributor_id, role)
  SELECT :work, id, id, 'author' FROM new_people WHERE :work > 0
),
new_memberships AS (
  INSERT INTO series_memberships (work_id, position, series_id, number)
  SELECT id, 0, :series, CAST(id AS text) FROM new_works WHERE :series > 0
  UNION ALL SELECT :work, id, id, '1' FROM new_series WHERE :work > 0
),
new_work_subjects AS (
  INSERT INTO work_subjects (work_id, subject_id)
  SELECT :work, id FROM new_subjects WHERE :work > 0
),
new_wishes AS (
  INSERT INTO wishlist_items (user_id, book_id) SELECT :user, id FROM new_books
),
new_addresses AS (
  INSERT INTO saved_addresses (user_id, name, street, postal_code, city, country)
  SELECT :user, 'A', 'B', '', 'C', 'GB' FROM numbers
),
new_sign_ins AS (
  INSERT INTO user_sessions (token_hash, user_id, expires_at)
  SELECT decode(lpad(CAST(n AS text), 64, '0'), 'hex'), :user, now() + interval '1 day'
  FROM numbers
),
new_families AS (
  INSERT INTO token_families (user_id, expires_at)
  SELECT :user, now() + interval '1 day' FROM numbers
),
new_prebooks AS (INSERT INTO prebooks (user_id, book_id) SELECT :user, id FROM new_books),
new_items AS (
  INSERT INTO cart_items (cart_id, book_id, quantity) SELECT :cart, id, 1 FROM new_books
),
new_orders AS (
  INSERT INTO orders (number, user_id, email, status, currency, total, idempotency_key,
                      request_hash, reserved_until, settle_after)
  SELECT 'N' || n, :user, 'a@example.com', 'confirmed', 'USD', 5, CAST(n AS text), '', now(), now()
  FROM numbers RETURNING id
),
new_reviews AS (
  INSERT INTO reviews (user_id, book_id, work_id, rating, status, verified_purchase)
  SELECT :user, id, work_id, 4, 'published', true FROM new_books
  UNION ALL SELECT id, book_id, :work, 4, 'published', true FROM new_users
  CROSS JOIN (SELECT min(id) AS book_id FROM books WHERE work_id = :work) AS first
  WHERE :work > 0
),
new_coupons AS (
  INSERT INTO coupons (code, title, kind, percent, currency)
  SELECT 'CODE-' || n, 'Off', 'percent', 10, 'USD' FROM numbers
),
new_offers AS (
  INSERT INTO offers (title, kind, percent) SELECT 'Off', 'percent', 10 FROM numbers
),
new_gift_cards AS (
  INSERT INTO gift_cards (key, code_hash, last_characters, currency, initial_amount, balance,
                          issued_by)
  SELECT gen_random_uuid(), decode(lpad(CAST(n AS text), 64, '0'), 'hex'), '0000', 'USD', 5, 5, 'a'
  FROM numbers RETURNING id
),
new_gift_card_entries AS (
  INSERT INTO gift_card_entries (gift_card_id, kind, amount, balance_after)
  SELECT coalesce((SELECT min(id) FROM gift_cards), (SELECT min(id) FROM new_gift_cards)),
         'given_back', 1, 1
  FROM numbers
),
new_payments AS (
  INSERT INTO payments (order_id, gateway, reference, amount, currency, status)
  SELECT id, 'demo', CAST(id AS text), 5, 'USD', 'captured' FROM new_orders
),
new_order_events AS (
  INSERT INTO order_events (order_id, kind, actor) SELECT :order, 'note', 'a' FROM numbers
  WHERE :order > 0
),
new_shipments AS (
  INSERT INTO shipments (order_id) SELECT :order FROM numbers WHERE :order > 0 RETURNING id
),
new_refunds AS (
  INSERT INTO refunds (order_id, reference, amount, currency, reason, ask_after)
  SELECT :order, 'f' || n, 0.01, 'USD', 'other', now() FROM numbers WHERE :order > 0
),
new_lines AS (
  INSERT INTO order_lines (order_id, book_id, title, author, unit_price, quantity)
  SELECT o.id, (SELECT min(id) FROM new_books), 'Volume', 'Person', 5, 1 FROM new_orders o
)
INSERT INTO shipment_lines (shipment_id, order_line_id, quantity)
SELECT id, (SELECT min(id) FROM order_lines), 1 FROM new_shipments
""").bindparams(
    *(
        bindparam(name, type_=Integer)
        for name in ("first", "last", "user", "cart", "work", "series", "import", "order")
    )
)


async def test_no_list_asks_more_of_the_database_for_more_rows(
    test_engine: AsyncEngine, client: AsyncClient, db_session: AsyncSession
) -> None:
    user = await make_user(db_session, role=Role.ADMIN)
    cart = await db_session.scalar(
        text("INSERT INTO carts (user_id) VALUES (:user) RETURNING id"), {"user": user.id}
    )
    token = await start_session(
        db_session, user_id=user.id, now=utc_now(), lifetime=timedelta(hours=1)
    )
    await db_session.commit()
    client.cookies.set(SESSION.name(get_settings()), token)
    statements: list[str] = []

    def remember(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    share, _ = await sharing.share(db_session, user_id=user.id, settings=get_settings())
    ids = {"work": 0, "series": 0, "import": 0, "order": 0}
    counts: dict[str, list[int]] = {}
    rows: dict[str, list[int]] = {}
    for first, last in ((1, 1), (2, 10), (11, 100)):
        await db_session.execute(
            GROW, {"first": first, "last": last, "user": user.id, "cart": cart, **ids}
        )
        if not ids["work"]:
            ids = await _connect_the_first(db_session)
        await db_session.commit()
        names = {
            "book_id": await db_session.scalar(text("SELECT min(id) FROM books")),
            "genre": await db_session.scalar(text("SELECT min(id) FROM genres")),
            "series_id": ids["series"],
            "series": ids["series"],
            "scheme": "thema",
            "code": "A",
            "slug": "volume-1-person",
            "work_id": ids["work"],
            "import_id": ids["import"],
            "gift_card_id": await db_session.scalar(text("SELECT min(id) FROM gift_cards")),
            "order_id": ids["order"],
            "order_token": order_token(ids["order"], get_settings()),
            "wish_token": share.url.rpartition("=")[2],
            "name": "bestsellers-week",
        }
        for path, queries in {**LISTS, **OTHERS}.items():
            for query in queries:
                url = (path + query).format(**names)
                event.listen(test_engine.sync_engine, "before_cursor_execute", remember)
                statements.clear()
                response = await client.get(url, headers=bearer(user))
                event.remove(test_engine.sync_engine, "before_cursor_execute", remember)
                assert response.status_code == 200, (url, response.text)
                counts.setdefault(path + query, []).append(len(statements))
                if path in LISTS:
                    rows.setdefault(path + query, []).append(_count_rows(response.json()))
    assert {key: numbers for key, numbers in counts.items() if len(set(numbers)) > 1} == {}
    assert all(numbers[0] > 0 for numbers in counts.values())
    few = {key: numbers for key, numbers in rows.items() if not _grew(numbers)}
    assert few == {}


async def _connect_the_first(session: AsyncSession) -> dict[str, int]:
    """Give the first work a series, a subject at the top; return what all that follows joins."""
    work = await session.scalar(text("SELECT min(id) FROM works"))
    series = await session.scalar(text("SELECT min(id) FROM series"))
    await session.execute(
        text("INSERT INTO subjects (scheme, code, heading) VALUES ('thema', 'A', 'Topic')")
    )
    await session.execute(text("UPDATE works SET genre_id = (SELECT min(id) FROM genres)"))
    await session.execute(
        text("INSERT INTO series_memberships VALUES (:work, 0, :series, '1')"),
        {"work": work, "series": series},
    )
    await session.execute(
        text("INSERT INTO work_subjects (work_id, subject_id) SELECT :work, min(id) FROM subjects"),
        {"work": work},
    )
    await session.execute(
        text(
            "INSERT INTO import_entries (import_id, record, line, outcome, reference)"
            " SELECT min(id), 1000, 1, 'taken', 'r' FROM imports"
        )
    )
    first = await session.scalar(text("SELECT min(id) FROM imports"))
    order = await session.scalar(text("SELECT min(id) FROM orders"))
    await session.execute(
        text("INSERT INTO order_events (order_id, kind, actor) VALUES (:order, 'note', 'a')"),
        {"order": order},
    )
    await session.execute(
        text(
            "WITH parcel AS (INSERT INTO shipments (order_id) VALUES (:order) RETURNING id)"
            " INSERT INTO shipment_lines (shipment_id, order_line_id, quantity)"
            " SELECT id, (SELECT min(id) FROM order_lines), 1 FROM parcel"
        ),
        {"order": order},
    )
    await session.execute(
        text(
            "INSERT INTO refunds (order_id, reference, amount, currency, reason, ask_after)"
            " VALUES (:order, 'f', 0.01, 'USD', 'other', now())"
        ),
        {"order": order},
    )
    return {"work": work, "series": series, "import": first, "order": order}


def _count_rows(listed: Any) -> int:
    return len(listed if isinstance(listed, list) else listed["items"])


def _grew(numbers: list[int]) -> bool:
    """Tell whether a list was of so many rows as there were, or of all that a page holds."""
    one, ten, hundred = numbers
    return one >= 1 and ten >= 10 and hundred == 100


def test_every_page_is_asked_for_or_has_no_list() -> None:
    paths = {
        route.path
        for router in PAGE_ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.methods and "GET" in route.methods
    }
    pages = {path for path in OTHERS if not path.startswith("/api/")}
    assert paths == pages | PAGES_WITHOUT_LISTS.keys()


def test_everything_that_has_a_long_list_in_it_is_asked_for() -> None:
    having = {
        path
        for path, operation in operations()
        if not is_list(operation) and list(arrays_within(answer(operation), set()))
    }
    asked = {path for path in OTHERS if path.startswith("/api/")}
    assert having - asked <= SHORT_ANSWERS
