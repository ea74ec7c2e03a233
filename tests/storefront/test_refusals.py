"""A page that tells of a refusal is an ordinary answer, and still must change nothing."""

import ast
from pathlib import Path

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import PlainTextResponse, Response

from app.core.deps import DbSession
from app.core.exceptions import AppError
from app.storefront.forms import undone_if_refused

STOREFRONT = Path(__file__).parents[2] / "app" / "storefront"


async def test_what_was_written_before_the_refusal_is_undone(test_engine: AsyncEngine) -> None:
    app = FastAPI()

    @app.get("/{answer}")
    async def page(session: DbSession, answer: str) -> Response:
        try:
            async with undone_if_refused(session):
                await session.execute(
                    text("INSERT INTO genres (name, slug) VALUES (:name, :name)"), {"name": answer}
                )
                if answer == "no":
                    raise AppError("No.")
        except AppError as error:
            return PlainTextResponse(error.detail, 409)
        return PlainTextResponse("Yes.")

    genres = text("DELETE FROM genres RETURNING name")
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://test") as client:
        assert (await client.get("/yes")).text == "Yes."
        refused = await client.get("/no")
    assert (refused.status_code, refused.text) == (409, "No.")
    async with test_engine.begin() as connection:
        assert (await connection.execute(genres)).scalars().all() == ["yes"]


def catches_refusals(handler: ast.ExceptHandler) -> bool:
    caught = ast.unparse(handler.type) if handler.type else "Error"
    return "Error" in caught and caught != "ValidationError"


def test_every_page_that_catches_a_refusal_undoes_it() -> None:
    careless = [
        f"{path.name}:{node.lineno}"
        for path in STOREFRONT.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Try)
        and path.name != "forms.py"
        and any(catches_refusals(handler) for handler in node.handlers)
        and not ast.unparse(node.body[0]).startswith("async with undone_if_refused(session):")
    ]
    assert careless == []
