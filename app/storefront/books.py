"""Home, browse, search and the book's page."""

from collections.abc import Callable, Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from app.books import picks, service
from app.books.isbn import looks_like_isbn
from app.books.queries import BookQuery, FacetName
from app.books.schemas import BookPage, BookRead, FacetValue
from app.cart.schemas import CartItemCreate
from app.core.clock import Now
from app.core.config import Settings
from app.core.deps import AppSettings, DbSession
from app.core.pagination import MAX_CURSOR, PageParams, PageQuery
from app.core.rights import open_to_all
from app.core.schemas import Id, Text
from app.recommendations import service as recommendations
from app.reviews import service as reviews_service
from app.reviews.schemas import ReviewCreate
from app.storefront.context import Page, PageContext
from app.storefront.forms import Form
from app.storefront.templating import render

router = APIRouter()

REVIEWS_PER_PAGE = 10

FILTERS = {
    FacetName.FORMAT: "Format",
    FacetName.LANGUAGE: "Language",
    FacetName.IN_STOCK: "Stock",
}
"""What the page offers to choose by, besides the shelves."""

PLACES = {"page", "cursor"}
"""The parameters that say where in a list one is."""

SORTS = {
    "relevance": "Best match",
    "bestselling": "Most loved",
    "created_at": "Newest here",
    "title": "Title",
    "price": "Price",
}


@router.get("/")
@open_to_all
async def home(request: Request, session: DbSession, page: Page) -> Response:
    """The front table."""
    shelves = await service.home_shelves(session)
    picked = await picks.list_picks(session, query=PageQuery(size=picks.SHELF_PICKS))
    return render(
        request,
        "home.html",
        page=page,
        shelves=shelves,
        picks=picked.items,
        lists=recommendations.LISTS,
    )


@router.get("/books")
@open_to_all
async def browse(
    request: Request, session: DbSession, page: Page, query: Annotated[BookQuery, Query()]
) -> Response:
    """Every book, or those that a search finds; an ISBN leads straight to its book."""
    counted = query.model_copy(update={"facets": [FacetName.GENRE, *FILTERS]})
    books = await service.list_books(session, query=counted)
    if query.q and looks_like_isbn(query.q) and len(books.items) == 1:
        return RedirectResponse(books.items[0].url, 303)
    facets = books.facets or {}
    genres = sorted(facets[FacetName.GENRE], key=lambda value: value.label.casefold())
    link = _link_builder(request)
    return render(
        request,
        "books.html",
        page=page,
        books=books,
        genres=[(value, link(genre=None, **value.parameters)) for value in genres],
        all_genres=link(genre_id=None, genre=None),
        is_any_genre=not any(value.is_selected for value in genres),
        filters=[
            (label, [(value, _toggle(query, link, facet, value)) for value in facets[facet]])
            for facet, label in FILTERS.items()
            if len(facets[facet]) > 1 or any(value.is_selected for value in facets[facet])
        ],
        query=query.q or "",
        corrected=books.corrected_query,
        heading=_heading(query, genres),
        count_sentence=_count_sentence(books),
        sorts={value: label for value, label in SORTS.items() if query.q or value != "relevance"},
        sort=query.sort or ("relevance" if query.q else "bestselling"),
        kept=[
            (name, value)
            for name, value in request.query_params.multi_items()
            if name not in {"sort", "sort_dir", *PLACES} and value
        ],
        is_numbered=query.cursor is None,
        page_link=lambda cursor: link(cursor=cursor),
        suggestion_link=link(q=books.suggested_query),
    )


@router.get("/books/{book_id}")
@open_to_all
async def book_by_number(
    request: Request, session: DbSession, book_id: Annotated[Id, Path()]
) -> Response:
    """Lead to the book's page under its own address."""
    return _lead_to(await service.get_book(session, book_id=book_id), request)


@router.get("/books/{book_id}/{slug}")
@open_to_all
async def book(
    request: Request,
    session: DbSession,
    page: Page,
    settings: AppSettings,
    book_id: Annotated[Id, Path()],
    slug: str,
    reviews: Annotated[str | None, Query(max_length=MAX_CURSOR)] = None,
) -> Response:
    """One book, with its other editions. Other words after the number, old ones say, lead here."""
    found = await service.get_book(session, book_id=book_id)
    if slug != found.slug:
        return _lead_to(found, request)
    query = PageQuery(size=REVIEWS_PER_PAGE, cursor=reviews)
    return await show_book(request, session, page, settings, found, query=query)


async def show_book(
    request: Request,
    session: DbSession,
    page: PageContext,
    settings: Settings,
    found: BookRead,
    *,
    query: PageQuery | None = None,
    form: Form[CartItemCreate] | None = None,
    review_form: Form[ReviewCreate] | None = None,
    status: int = 200,
) -> Response:
    """Draw a book's page, with what readers say and a form for those who may say something."""
    own, may_review = None, False
    if page.visitor is not None:
        own = await reviews_service.find_own(
            session, user_id=page.visitor.id, work_id=found.work_id
        )
        may_review = own is None and await reviews_service.may_write(
            session, user_id=page.visitor.id, work_id=found.work_id, settings=settings
        )
    return render(
        request,
        "book.html",
        status=status,
        page=page,
        book=found,
        form=form,
        groups=await recommendations.recommend(session, book_id=found.id),
        reviews=await reviews_service.list_reviews(
            session, book_id=found.id, query=query or PageQuery(size=REVIEWS_PER_PAGE)
        ),
        own_review=own,
        may_review=may_review,
        review_form=review_form or Form(),
    )


@router.get("/lists/{name}")
@open_to_all
async def shop_list(
    request: Request,
    session: DbSession,
    page: Page,
    name: Annotated[Text, Path()],
    query: PageParams,
    now: Now,
    settings: AppSettings,
) -> Response:
    """Bestsellers, new books, what is coming soon, staff picks."""
    known = recommendations.get_list(name)
    books = await recommendations.read_list(
        session, name=name, query=query, now=now, settings=settings
    )
    link = _link_builder(request)
    return render(
        request,
        "list.html",
        page=page,
        shown=known,
        lists=recommendations.LISTS,
        books=books,
        is_numbered=query.cursor is None,
        page_link=lambda cursor: link(cursor=cursor),
    )


@router.get("/isbn/{isbn}")
@open_to_all
async def book_by_isbn(request: Request, session: DbSession, isbn: str) -> Response:
    """Lead to the book with an ISBN, however it is written."""
    return _lead_to(await service.get_book_by_isbn(session, isbn=isbn), request)


def _lead_to(book: BookRead, request: Request) -> Response:
    """Redirect to a book's address for good.

    No cache keeps that: a title that changes and changes back would lead a browser in circles.
    """
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{book.url}{query}", 301, {"Cache-Control": "no-store"})


def _link_builder(request: Request) -> Callable[..., str]:
    """Return a function that gives this page's address with some parameters changed.

    It begins at the list's first page, if no cursor is among the changes.
    """

    def link(**changes: str | list[str] | None) -> str:
        kept = [
            (name, value)
            for name, value in request.query_params.multi_items()
            if value and name not in {*PLACES, *changes}
        ]
        changed = {name: value for name, value in changes.items() if value}
        parameters = urlencode([*kept, *changed.items()], doseq=True)
        return f"{request.url.path}?{parameters}" if parameters else request.url.path

    return link


def _toggle(query: BookQuery, link: Callable[..., str], facet: FacetName, value: FacetValue) -> str:
    """Return the address with one value of a filter more, or less."""
    chosen = {FacetName.FORMAT: query.format, FacetName.LANGUAGE: query.language}.get(facet)
    others = [item for item in chosen or () if item != value.value]
    return link(**{facet.value: others if value.is_selected else [*others, value.value]})


def _heading(query: BookQuery, genres: Sequence[FacetValue]) -> str:
    if query.q:
        return f"“{query.q}”"
    if query.author:
        return f"Books by {query.author}"
    return next((genre.label for genre in genres if genre.is_selected), "All books")


def _count_sentence(books: BookPage) -> str:
    if books.total == 1:
        return "One book"
    return (
        f"{books.total:,} books" if books.total_is_exact else f"More than {books.total - 1:,} books"
    )
