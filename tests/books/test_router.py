from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.security import Role
from tests.factories import bearer, make_book, make_user

NEW_BOOK = {"title": "Dune", "author": "Frank Herbert", "price": "9.99"}
ISBN = "9780141439518"


async def staff(session: AsyncSession) -> dict[str, str]:
    return bearer(await make_user(session, role=Role.ADMIN))


async def test_a_list_answers_the_contract(client: AsyncClient, db_session: AsyncSession) -> None:
    book = await make_book(db_session, isbn=ISBN, copies=5)
    response = await client.get("/api/v1/books", params={"q": "darkness", "size": 5})
    assert response.status_code == 200
    assert response.json() == {
        "items": [
            {
                "id": book.id,
                "title": "The Left Hand of Darkness",
                "subtitle": None,
                "author": "Ursula K. Le Guin",
                "series": None,
                "series_number": None,
                "price": "12.99",
                "currency": "USD",
                "isbn": ISBN,
                "format": "paperback",
                "genre_id": None,
                "description": None,
                "cover_image_url": None,
                "publish_date": None,
                "publish_year": None,
                "first_published": None,
                "stock_quantity": 5,
                "in_stock": True,
                "avg_rating": None,
                "review_count": 0,
                "availability": {
                    "status": "in_stock",
                    "date": None,
                    "days": None,
                    "text": "In stock",
                    "is_open": False,
                },
                "slug": "the-left-hand-of-darkness-ursula-k-le-guin",
                "url": f"/books/{book.id}/the-left-hand-of-darkness-ursula-k-le-guin",
            }
        ],
        "total": 1,
        "total_is_exact": True,
        "corrected_query": None,
        "suggested_query": None,
        "highlights": {str(book.id): {"title": [[17, 25]], "author": [], "series": []}},
        "page": 1,
        "size": 5,
        "next_cursor": None,
        "previous_cursor": None,
        "facets": None,
    }


async def test_a_repaired_search_says_so(client: AsyncClient, db_session: AsyncSession) -> None:
    await make_book(db_session)
    answer = (await client.get("/api/v1/books", params={"q": "drakness"})).json()
    assert (answer["total"], answer["corrected_query"]) == (1, "darkness")


async def test_empty_parameters_do_not_count(client: AsyncClient, db_session: AsyncSession) -> None:
    await make_book(db_session)
    names = ("q", "genre_id", "author", "min_price", "max_price", "sort", "sort_dir")
    response = await client.get("/api/v1/books", params=dict.fromkeys(names, ""))
    assert response.status_code == 200
    assert response.json()["total"] == 1


@pytest.mark.parametrize(
    "params",
    [
        {"q": "\x00"},
        {"author": "a\x00"},
        {"genre_id": 0},
        {"genre_id": 2**63},
        {"min_price": -1},
        {"min_price": "1e500"},
        {"max_price": "NaN"},
        {"min_price": 2, "max_price": 1},
        {"sort": "colour"},
        {"sort_dir": "up"},
        {"page": 0},
        {"size": 0},
        {"size": 101},
    ],
)
async def test_malformed_lists_are_refused(client: AsyncClient, params: dict[str, Any]) -> None:
    response = await client.get("/api/v1/books", params=params)
    assert response.status_code == 422
    assert response.json()["code"] == "VALIDATION_ERROR"


async def test_a_book_is_read(client: AsyncClient, db_session: AsyncSession) -> None:
    book = await make_book(db_session, isbn=ISBN, copies=0)
    response = await client.get(f"/api/v1/books/{book.id}")
    assert response.status_code == 200
    answer = response.json()
    assert (answer["isbn"], answer["price"], answer["in_stock"]) == (ISBN, "12.99", False)
    assert (answer["genre"], answer["contributors"], answer["editions"]) == (None, [], [])


@pytest.mark.parametrize(
    ("book_id", "status", "code"),
    [
        (2**31 - 1, 404, "BOOK_NOT_FOUND"),
        (0, 422, "VALIDATION_ERROR"),
        (2**63, 422, "VALIDATION_ERROR"),
        ("dune", 422, "VALIDATION_ERROR"),
    ],
)
async def test_a_missing_book(client: AsyncClient, book_id: object, status: int, code: str) -> None:
    response = await client.get(f"/api/v1/books/{book_id}")
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_staff_add_change_count_and_delete_a_book(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = await staff(db_session)
    details = NEW_BOOK | {"isbn": "0-14-143951-3", "publish_date": "1965-08-01"}
    created = await client.post("/api/v1/books", json=details, headers=headers)
    assert created.status_code == 201
    book = created.json()
    assert {name: book[name] for name in (*details, "stock_quantity", "currency")} == {
        **details,
        "isbn": ISBN,
        "stock_quantity": 0,
        "currency": "USD",
    }
    path = f"/api/v1/books/{book['id']}"
    changed = await client.put(path, json={"price": "10.50"}, headers=headers)
    assert (changed.status_code, changed.json()["price"]) == (200, "10.50")
    assert changed.json()["title"] == "Dune"
    counted = await client.patch(f"{path}/stock", json={"quantity": 7}, headers=headers)
    assert (counted.status_code, counted.json()["stock_quantity"]) == (200, 7)
    assert (await client.delete(path, headers=headers)).status_code == 204
    assert (await client.get(path)).status_code == 404
    for response in (
        await client.put(path, json={"price": "1.00"}, headers=headers),
        await client.patch(f"{path}/stock", json={"quantity": 1}, headers=headers),
        await client.delete(path, headers=headers),
    ):
        assert (response.status_code, response.json()["code"]) == (404, "BOOK_NOT_FOUND")


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": None},
        {"title": " "},
        {"title": "a\x00"},
        {"title": "x" * 501},
        {"author": None},
        {"price": None},
        {"price": "0"},
        {"price": "-1"},
        {"price": "1.999"},
        {"price": "1e500"},
        {"price": "123456789.00"},
        {"format": None},
        {"format": "scroll"},
        {"genre_id": 2**63},
        {"cover_image_url": "javascript:alert(1)"},
        {"cover_image_url": "//elsewhere.example/x.png"},
        {"publish_date": "soon"},
        {"language": "English!"},
        {"pages": 2**15},
        {"id": 1},
        {"stock_quantity": 5},
        {"work_id": 1},
        {"currency": "EUR"},
        {"avg_rating": 5},
        {"deleted_at": None},
    ],
)
async def test_malformed_details_are_refused(
    client: AsyncClient, db_session: AsyncSession, change: dict[str, Any]
) -> None:
    headers = await staff(db_session)
    book = await make_book(db_session)
    path = f"/api/v1/books/{book.id}"
    before = (await client.get(path)).json()
    for response in (
        await client.put(path, json=change, headers=headers),
        await client.post("/api/v1/books", json=NEW_BOOK | change, headers=headers),
    ):
        assert (response.status_code, response.json()["code"]) == (422, "VALIDATION_ERROR")
    assert (await client.get(path)).json() == before
    assert (await client.get("/api/v1/books")).json()["total"] == 1


@pytest.mark.parametrize("quantity", [-1, 1_000_001, 1.5, "many", None])
async def test_malformed_counts_are_refused(
    client: AsyncClient, db_session: AsyncSession, quantity: object
) -> None:
    headers = await staff(db_session)
    book = await make_book(db_session, copies=5)
    path = f"/api/v1/books/{book.id}"
    response = await client.patch(f"{path}/stock", json={"quantity": quantity}, headers=headers)
    assert response.status_code == 422
    assert (await client.get(path)).json()["stock_quantity"] == 5


async def test_a_refused_value_names_its_field(
    client: AsyncClient, db_session: AsyncSession
) -> None:
    headers = await staff(db_session)
    await make_book(db_session, isbn=ISBN)
    for details, status, code in (
        ({"isbn": ISBN}, 409, "BOOK_ISBN_CONFLICT"),
        ({"isbn": "978-0-14-143951-9"}, 422, "BOOK_ISBN_INVALID"),
        ({"genre_id": 2**31 - 1}, 422, "GENRE_NOT_FOUND"),
    ):
        response = await client.post("/api/v1/books", json=NEW_BOOK | details, headers=headers)
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert response.json()["field"] == next(iter(details))
    assert (await client.get("/api/v1/books")).json()["total"] == 1


async def test_genres(client: AsyncClient, db_session: AsyncSession) -> None:
    headers = await staff(db_session)
    created = await client.post("/api/v1/genres", json={"name": " Poetry "}, headers=headers)
    assert created.status_code == 201
    genre = created.json()
    assert genre == {"id": genre["id"], "name": "Poetry", "slug": "poetry"}
    again = await client.post("/api/v1/genres", json={"name": "Poetry"}, headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "GENRE_CONFLICT")
    for name in ("", "!?", "x" * 101, None):
        refused = await client.post("/api/v1/genres", json={"name": name}, headers=headers)
        assert refused.status_code == 422
    assert (await client.get("/api/v1/genres")).json() == [genre]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/books", NEW_BOOK),
        ("PUT", "/api/v1/books/{id}", {"title": "Emma"}),
        ("PATCH", "/api/v1/books/{id}/stock", {"quantity": 1}),
        ("DELETE", "/api/v1/books/{id}", None),
        ("POST", "/api/v1/genres", {"name": "Poetry"}),
    ],
)
async def test_only_staff_change_the_catalogue(
    client: AsyncClient,
    db_session: AsyncSession,
    method: str,
    path: str,
    body: dict[str, Any] | None,
) -> None:
    book = await make_book(db_session)
    before = (await client.get(f"/api/v1/books/{book.id}")).json()
    url = path.format(id=book.id)
    reader = bearer(await make_user(db_session))
    assert (await client.request(method, url, json=body)).status_code == 401
    refused = await client.request(method, url, json=body, headers=reader)
    assert (refused.status_code, refused.json()["code"]) == (403, "AUTH_FORBIDDEN")
    assert (await client.get(f"/api/v1/books/{book.id}")).json() == before
    assert (await client.get("/api/v1/books")).json()["total"] == 1
    assert (await client.get("/api/v1/genres")).json() == []
