from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from tests.factories import bearer, make_book, make_user

WISHLIST = "/api/v1/wishlist"


async def test_wish_list(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = bearer(await make_user(db_session))
    first = await make_book(db_session, title="Emma", copies=0)
    second = await make_book(db_session, title="Persuasion", copies=4)
    for book in (first, second):
        created = await client.post(WISHLIST, json={"book_id": book.id}, headers=headers)
        assert created.status_code == 201
    items = (await client.get(WISHLIST, headers=headers)).json()
    assert [(item["book"]["title"], item["book"]["stock_quantity"]) for item in items] == [
        ("Persuasion", 4),
        ("Emma", 0),
    ]
    again = await client.post(WISHLIST, json={"book_id": first.id}, headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "WISHLIST_ITEM_DUPLICATE")
    path = f"{WISHLIST}/{first.id}"
    assert (await client.delete(path, headers=headers)).status_code == 204
    gone = await client.delete(path, headers=headers)
    assert (gone.status_code, gone.json()["code"]) == (404, "WISHLIST_ITEM_NOT_FOUND")
    assert len((await client.get(WISHLIST, headers=headers)).json()) == 1


async def test_unknown_book(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = bearer(await make_user(db_session))
    response = await client.post(WISHLIST, json={"book_id": 999999}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (404, "BOOK_NOT_FOUND")


async def test_a_wish_list_is_private(client: AsyncClient, db_session: AsyncSession) -> None:
    owner = bearer(await make_user(db_session))
    stranger = bearer(await make_user(db_session))
    book = await make_book(db_session)
    await client.post(WISHLIST, json={"book_id": book.id}, headers=owner)
    assert (await client.get(WISHLIST, headers=stranger)).json() == []
    assert (await client.delete(f"{WISHLIST}/{book.id}", headers=stranger)).status_code == 404
    assert len((await client.get(WISHLIST, headers=owner)).json()) == 1
