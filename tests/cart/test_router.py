import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.cart.models import Cart, CartItem
from tests.factories import bearer, fill_cart, make_book, make_user, withdraw_book

CART = "/api/v1/cart"
ITEMS = "/api/v1/cart/items"


async def test_a_cart_that_was_never_used_is_empty(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    response = await client.get(CART, headers=bearer(await make_user(db_session)))
    assert response.status_code == 200
    assert response.json() == {
        "items": [],
        "unavailable_items": [],
        "total_items": 0,
        "total_price": "0.00",
        "currency": "USD",
    }


async def test_put_look_change_and_take_out(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = bearer(await make_user(db_session))
    book = await make_book(db_session, title="Emma", author="Jane Austen", price="9.99", copies=5)

    created = await client.post(ITEMS, json={"book_id": book.id}, headers=headers)
    assert created.status_code == 201
    item = created.json()
    assert item == {
        "id": item["id"],
        "book_id": book.id,
        "quantity": 1,
        "book": {
            "id": book.id,
            "title": "Emma",
            "author": "Jane Austen",
            "price": "9.99",
            "cover_image_url": None,
        },
        "available": 5,
        "line_total": "9.99",
        "price_before": None,
        "notices": [],
    }
    changed = await client.put(f"{ITEMS}/{item['id']}", json={"quantity": 3}, headers=headers)
    assert (changed.status_code, changed.json()["line_total"]) == (200, "29.97")
    cart = (await client.get(CART, headers=headers)).json()
    assert (cart["total_items"], cart["total_price"]) == (3, "29.97")
    assert (await client.delete(f"{ITEMS}/{item['id']}", headers=headers)).status_code == 204
    gone = await client.delete(f"{ITEMS}/{item['id']}", headers=headers)
    assert (gone.status_code, gone.json()["code"]) == (404, "CART_ITEM_NOT_FOUND")


@pytest.mark.parametrize(
    ("copies", "wanted", "detail"),
    [(0, 1, "This book is out of stock."), (2, 3, "Only 2 left in stock.")],
)
async def test_too_few_copies(
    client: AsyncClient, db_session: AsyncSession, copies: int, wanted: int, detail: str
) -> None:
    headers = bearer(await make_user(db_session))
    book = await make_book(db_session, copies=copies)
    body = {"book_id": book.id, "quantity": wanted}
    response = await client.post(ITEMS, json=body, headers=headers)
    assert response.status_code == 409
    assert response.json()["code"] == "CART_BOOK_OUT_OF_STOCK"
    assert response.json()["detail"] == detail
    assert (await db_session.scalars(select(CartItem))).all() == []


async def test_a_quantity_that_is_refused_is_not_kept(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = bearer(await make_user(db_session))
    book = await make_book(db_session, copies=4)
    body = {"book_id": book.id, "quantity": 2}
    item = (await client.post(ITEMS, json=body, headers=headers)).json()
    response = await client.put(f"{ITEMS}/{item['id']}", json={"quantity": 50}, headers=headers)
    assert response.status_code == 409
    assert response.json() == {
        "detail": "Only 4 left in stock.",
        "code": "CART_BOOK_OUT_OF_STOCK",
        "field": "quantity",
        "available": 4,
    }
    assert (await db_session.scalars(select(CartItem.quantity))).all() == [2]


async def test_a_withdrawn_book_cannot_be_changed(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = bearer(await make_user(db_session))
    book = await make_book(db_session)
    item = (await client.post(ITEMS, json={"book_id": book.id}, headers=headers)).json()
    await withdraw_book(db_session, book)
    response = await client.put(f"{ITEMS}/{item['id']}", json={"quantity": 2}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (404, "BOOK_NOT_FOUND")
    assert (await db_session.scalars(select(CartItem.quantity))).all() == [1]


async def test_a_book_that_is_there_already(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = bearer(await make_user(db_session))
    book = await make_book(db_session)
    await client.post(ITEMS, json={"book_id": book.id}, headers=headers)
    again = await client.post(ITEMS, json={"book_id": book.id, "quantity": 2}, headers=headers)
    assert again.status_code == 409
    assert again.json() == {
        "detail": "This book is already in your basket.",
        "code": "CART_ITEM_DUPLICATE",
        "field": "book_id",
    }
    assert (await client.get(CART, headers=headers)).json()["total_items"] == 1


async def test_unknown_book(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = bearer(await make_user(db_session))
    response = await client.post(ITEMS, json={"book_id": 999999}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (404, "BOOK_NOT_FOUND")


async def test_a_withdrawn_book_is_named_and_not_counted(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = bearer(await make_user(db_session))
    book = await make_book(db_session)
    item = (await client.post(ITEMS, json={"book_id": book.id}, headers=headers)).json()
    await withdraw_book(db_session, book)
    cart = (await client.get(CART, headers=headers)).json()
    assert (cart["items"], cart["unavailable_items"], cart["total_price"]) == (
        [],
        [item["id"]],
        "0.00",
    )


async def test_somebody_elses_item_does_not_exist(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    owner = bearer(await make_user(db_session))
    stranger = bearer(await make_user(db_session))
    book = await make_book(db_session)
    item = (await client.post(ITEMS, json={"book_id": book.id}, headers=owner)).json()
    path = f"{ITEMS}/{item['id']}"
    changed = await client.put(path, json={"quantity": 2}, headers=stranger)
    removed = await client.delete(path, headers=stranger)
    assert changed.status_code == removed.status_code == 404
    assert (await client.get(CART, headers=owner)).json()["items"][0]["quantity"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"book_id": 0},
        {"book_id": 2**63},
        {"book_id": 1, "quantity": 0},
        {"book_id": 1, "quantity": 100},
        {"book_id": 1, "price": "0.01"},
        {},
    ],
)
async def test_malformed_items(
    client: AsyncClient, db_session: AsyncSession, body: dict[str, object]
) -> None:
    headers = bearer(await make_user(db_session))
    response = await client.post(ITEMS, json=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == (422, "VALIDATION_ERROR")


async def test_a_cart_is_for_signed_in_readers(client: AsyncClient) -> None:
    response = await client.get(CART)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_basket_can_be_full(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = bearer(await make_user(db_session))
    first = await make_book(db_session)
    assert (
        await client.post(ITEMS, json={"book_id": first.id}, headers=headers)
    ).status_code == 201
    await fill_cart(db_session)
    last = await make_book(db_session)
    refused = await client.post(ITEMS, json={"book_id": last.id}, headers=headers)
    assert refused.status_code == 409
    assert refused.json() == {
        "detail": "Your basket holds as many different books as it can. Please take one out first.",
        "code": "CART_FULL",
        "field": "book_id",
        "limit": 200,
    }
    books = (await db_session.scalars(select(CartItem.book_id))).all()
    assert len(books) == 200
    assert last.id not in books
    twice = await client.post(ITEMS, json={"book_id": first.id}, headers=headers)
    assert twice.json()["code"] == "CART_ITEM_DUPLICATE"


async def test_a_guest_fills_a_basket_by_its_cookie_and_buys_it(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, price="9.99", copies=5)
    begun = await client.post(CART)
    assert (begun.status_code, begun.json()["items"]) == (200, [])
    sent = begun.headers["set-cookie"].lower()
    assert sent.startswith("cart=")
    assert {"httponly", "samesite=lax", "path=/", "max-age=5184000"} <= set(sent.split("; "))
    created = await client.post(ITEMS, json={"book_id": book.id})
    assert created.status_code == 201
    item = f"{ITEMS}/{created.json()['id']}"
    assert (await client.put(item, json={"quantity": 3})).json()["line_total"] == "29.97"
    assert (await client.get(CART)).json()["total_price"] == "29.97"

    other = await make_book(db_session, price="1.00", copies=5)
    second = await client.post(ITEMS, json={"book_id": other.id})
    again = await client.post(CART)
    assert again.json()["total_items"] == 4
    assert again.headers["set-cookie"].split(";")[0] == begun.headers["set-cookie"].split(";")[0]
    assert (await client.delete(f"{ITEMS}/{second.json()['id']}")).status_code == 204

    order = await client.post("/api/v1/orders/checkout", json={"email": "ada@example.com"})
    assert (order.status_code, order.json()["total_price"]) == (201, "29.97")
    assert (await client.get(CART)).json()["items"] == []


async def test_guests_and_accounts_have_baskets_of_their_own(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = bearer(await make_user(db_session))
    book = await make_book(db_session, copies=5)
    await client.post(CART)
    guests = (await client.post(ITEMS, json={"book_id": book.id})).json()["id"]
    assert (await client.get(CART, headers=headers)).json()["items"] == []
    mine = await client.post(CART, headers=headers)
    assert (mine.status_code, "set-cookie" in mine.headers) == (200, False)
    await client.post(ITEMS, json={"book_id": book.id}, headers=headers)

    theirs = await client.delete(f"{ITEMS}/{guests}", headers=headers)
    assert (theirs.status_code, theirs.json()["code"]) == (404, "CART_ITEM_NOT_FOUND")
    client.cookies.clear()
    client.cookies.set("cart", "another's")
    foreign = await client.put(f"{ITEMS}/{guests}", json={"quantity": 2})
    assert (foreign.status_code, foreign.json()["code"]) == (404, "CART_ITEM_NOT_FOUND")
    quantities = await db_session.scalars(select(CartItem.quantity))
    assert sorted(quantities) == [1, 1]


async def test_a_bad_token_makes_nobody_a_guest(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, copies=5)
    await client.post(CART)
    item = (await client.post(ITEMS, json={"book_id": book.id})).json()["id"]
    bad = {"Authorization": "Bearer nonsense"}
    answers = [
        await client.get(CART, headers=bad),
        await client.post(CART, headers=bad),
        await client.post(ITEMS, json={"book_id": book.id}, headers=bad),
        await client.put(f"{ITEMS}/{item}", json={"quantity": 2}, headers=bad),
        await client.delete(f"{ITEMS}/{item}", headers=bad),
    ]
    assert {(each.status_code, each.json()["code"]) for each in answers} == {
        (401, "AUTH_TOKEN_INVALID")
    }
    assert not any("set-cookie" in each.headers for each in answers)
    assert list(await db_session.scalars(select(CartItem.quantity))) == [1]


async def test_who_has_not_begun_a_basket_puts_nothing_into_one(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, copies=5)
    refused = await client.post(ITEMS, json={"book_id": book.id})
    assert (refused.status_code, refused.json()["code"]) == (401, "AUTH_TOKEN_INVALID")
    assert "set-cookie" not in refused.headers
    await client.post(CART)
    assert (await db_session.scalars(select(Cart.id))).all() == []


@pytest.mark.parametrize(
    "sent",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://x.io"}],
)
async def test_no_other_site_acts_in_a_guests_name(
    client: AsyncClient, db_session: AsyncSession, sent: dict[str, str]
) -> None:
    book = await make_book(db_session, copies=5)
    stranger = await client.post(CART, headers=sent)
    assert (stranger.status_code, stranger.json()["code"]) == (403, "CSRF_REFUSED")
    assert "set-cookie" not in stranger.headers
    await client.post(CART)
    item = (await client.post(ITEMS, json={"book_id": book.id})).json()["id"]
    answers = [
        await client.post(ITEMS, json={"book_id": book.id}, headers=sent),
        await client.put(f"{ITEMS}/{item}", json={"quantity": 2}, headers=sent),
        await client.delete(f"{ITEMS}/{item}", headers=sent),
        await client.post(
            "/api/v1/orders/checkout", json={"email": "ada@example.com"}, headers=sent
        ),
    ]
    assert [each.json()["code"] for each in answers] == ["CSRF_REFUSED"] * 4
    assert list(await db_session.scalars(select(CartItem.quantity))) == [1]

    headers = bearer(await make_user(db_session))
    by_token = await client.post(ITEMS, json={"book_id": book.id}, headers=headers | sent)
    assert by_token.status_code == 201, "a token is sent by who has it, wherever their page is from"
