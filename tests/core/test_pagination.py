import pytest
from httpx import AsyncClient

from app.core.pagination import Page, PageQuery


@pytest.mark.parametrize(("page", "size", "offset"), [(1, 20, 0), (2, 20, 20), (101, 100, 10_000)])
def test_how_many_rows_come_before(page: int, size: int, offset: int) -> None:
    assert PageQuery(page=page, size=size).offset == offset


@pytest.mark.parametrize("query", ["page=102&size=100", "page=10002&size=1", "page=0", "size=101"])
async def test_what_is_too_deep_is_refused(client: AsyncClient, query: str) -> None:
    response = await client.get(f"/api/v1/books?{query}")
    assert (response.status_code, response.json()["code"]) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (20, 1), (21, 2)])
def test_there_is_always_a_page(total: int, pages: int) -> None:
    assert Page[int](items=[], total=total, page=1, size=20).pages == pages
