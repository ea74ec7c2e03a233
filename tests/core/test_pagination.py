import base64
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from httpx import AsyncClient
from pydantic import SecretStr

from app.core.config import get_settings
from app.core.pagination import (
    CursorError,
    KeyValue,
    ListQuery,
    Page,
    PageQuery,
    Position,
    Window,
    read_position,
    write_cursor,
)

ORDER = "books by colour"
VALUES = (7, "Ünd “so”", Decimal("4.50"), date(1969, 3, 1), datetime(2026, 1, 2, tzinfo=UTC), None)


@pytest.mark.parametrize(("page", "size", "offset"), [(1, 20, 0), (2, 20, 20), (101, 100, 10_000)])
def test_how_many_rows_come_before(page: int, size: int, offset: int) -> None:
    assert PageQuery(page=page, size=size).offset == offset
    assert PageQuery(page=page, size=size).window(ORDER) == Window(limit=size, offset=offset)


@pytest.mark.parametrize("query", ["page=102&size=100", "page=10002&size=1", "page=0", "size=101"])
async def test_what_is_too_deep_is_refused(client: AsyncClient, query: str) -> None:
    response = await client.get(f"/api/v1/books?{query}")
    assert (response.status_code, response.json()["code"]) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (20, 1), (21, 2)])
def test_there_is_always_a_page(total: int, pages: int) -> None:
    assert Page[int](items=[], total=total, page=1, size=20).pages == pages


@pytest.mark.parametrize("is_before", [True, False])
def test_a_cursor_says_what_was_written(*, is_before: bool) -> None:
    cursor = write_cursor(ORDER, VALUES, is_before=is_before)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert read_position(cursor, ORDER) == Position(values=VALUES, is_before=is_before)
    assert PageQuery(cursor=cursor).window(ORDER).position == read_position(cursor, ORDER)
    assert ListQuery(cursor=cursor, limit=3).window(ORDER) == Window(
        limit=3, position=Position(values=VALUES, is_before=is_before)
    )
    assert read_position(None, ORDER) is None


def test_a_cursor_outlives_the_secret_that_signed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = get_settings()
    cursor = write_cursor(ORDER, VALUES)
    monkeypatch.setattr(settings, "secret_keys_former", (settings.secret_key,))
    monkeypatch.setattr(settings, "secret_key", SecretStr("renewed"))
    assert read_position(cursor, ORDER) == Position(values=VALUES, is_before=False)
    assert write_cursor(ORDER, VALUES) != cursor
    monkeypatch.setattr(settings, "secret_keys_former", ())
    with pytest.raises(CursorError):
        read_position(cursor, ORDER)


@pytest.mark.parametrize("values", [VALUES, (1,), ("",)])
def test_a_cursor_that_was_changed_is_refused(values: tuple[KeyValue, ...]) -> None:
    cursor = write_cursor(ORDER, values)
    changed = {cursor[:place] + "A" + cursor[place + 1 :] for place in range(len(cursor))}
    changed |= {cursor[:length] for length in range(len(cursor))}
    changed |= {f"{cursor}A", f"{cursor}=", f" {cursor}", f"{cursor}\n", cursor[::-1], "é", "%00"}
    changed.discard(cursor)
    assert len(changed) > len(cursor)
    for wrong in changed:
        with pytest.raises(CursorError):
            read_position(wrong, ORDER)


def test_a_cursor_is_of_one_order_one_version_and_one_shop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cursor = write_cursor(ORDER, VALUES)
    with pytest.raises(CursorError):
        read_position(cursor, "books by size")
    monkeypatch.setattr("app.core.pagination.CURSOR_VERSION", 2)
    with pytest.raises(CursorError):
        read_position(cursor, ORDER)
    unsigned = base64.urlsafe_b64encode(bytes(12) + b"[1,0,5]").decode().rstrip("=")
    with pytest.raises(CursorError):
        read_position(unsigned, ORDER)


@pytest.mark.parametrize(
    "params",
    [
        {"cursor": "tampered"},
        {"cursor": write_cursor("books price asc", (Decimal(1), 1))},
        {"cursor": write_cursor("books bestselling desc", (1, 1, 1)), "page": 2},
    ],
)
async def test_a_refused_cursor_is_named(client: AsyncClient, params: dict[str, str]) -> None:
    response = await client.get("/api/v1/books", params=params)
    assert response.status_code == 422
    answer = response.json()
    assert (answer["code"], answer["field"]) == ("VALIDATION_ERROR", "cursor")


async def test_an_empty_cursor_does_not_count(client: AsyncClient) -> None:
    assert (await client.get("/api/v1/books?cursor=&page=2")).status_code == 200
