"""Home, browse, search and the book's page."""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from app.books import service
from app.books.isbn import looks_like_isbn
from app.books.schemas import BookPage, BookQuery
from app.core.deps import DbSession
from app.core.schemas import Id
from app.storefront.context import Page
from app.storefront.templating import render

router = APIRouter()

SORTS = {
    "relevance": "Best match",
    "bestselling": "Most loved",
    "created_at": "Newest here",
    "title": "Title",
    "price": "Price",
}


@router.get("/")
async def home(request: Request, session: DbSession, page: Page) -> Response:
    """The front table."""
    shelves = await service.home_shelves(session)
    return render(request, "home.html", page=page, shelves=shelves)


@router.get("/books")
async def browse(
    request: Request, session: DbSession, page: Page, query: Annotated[BookQuery, Query()]
) -> Response:
    """Every book, or those that a search finds; an ISBN leads straight to its book."""
    books = await service.list_books(session, query=query)
    if query.q and looks_like_isbn(query.q) and len(books.items) == 1:
        return RedirectResponse(f"/books/{books.items[0].id}", 303)
    genres = await service.list_genres(session)
    names = {genre.id: genre.name for genre in genres}
    link = _link_builder(request)
    return render(
        request,
        "books.html",
        page=page,
        books=books,
        genres=genres,
        genre_id=query.genre_id,
        query=query.q or "",
        corrected=books.corrected_query,
        heading=_heading(query, names),
        count_sentence=_count_sentence(books),
        sorts={value: label for value, label in SORTS.items() if query.q or value != "relevance"},
        sort=query.sort or ("relevance" if query.q else "bestselling"),
        kept={
            name: value
            for name, value in request.query_params.items()
            if name not in {"sort", "sort_dir", "page"} and value
        },
        page_link=lambda number: link(page=number),
        suggestion_link=link(q=books.suggested_query, page=None),
        genre_link=lambda genre_id: link(genre_id=genre_id, page=None),
    )


@router.get("/books/{book_id}")
async def book(
    request: Request, session: DbSession, page: Page, book_id: Annotated[Id, Path()]
) -> Response:
    """One book, with its other editions."""
    found = await service.get_book(session, book_id=book_id)
    return render(request, "book.html", page=page, book=found, form=None)


def _link_builder(request: Request) -> Callable[..., str]:
    """Return a function that gives this page's address with some parameters changed."""

    def link(**changes: object) -> str:
        parameters = {**request.query_params, **changes}
        kept = {name: value for name, value in parameters.items() if value not in {None, ""}}
        return f"{request.url.path}?{urlencode(kept)}" if kept else request.url.path

    return link


def _heading(query: BookQuery, genre_names: dict[int, str]) -> str:
    if query.q:
        return f"“{query.q}”"
    if query.author:
        return f"Books by {query.author}"
    return genre_names.get(query.genre_id or 0, "All books")


def _count_sentence(books: BookPage) -> str:
    if books.total == 1:
        return "One book"
    return (
        f"{books.total:,} books" if books.total_is_exact else f"More than {books.total - 1:,} books"
    )
