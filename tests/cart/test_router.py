import pytest
from httpx import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.cart.models import CartItem
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
