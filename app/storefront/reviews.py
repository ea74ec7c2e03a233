"""Pages on which readers write reviews, and change and delete their own."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from app.audit.service import Actor
from app.books.service import get_book
from app.core.clock import Now
from app.core.csrf import CsrfProtected
from app.core.deps import AppSettings, DbSession
from app.core.exceptions import AppError
from app.core.pagination import MAX_CURSOR, ListQuery
from app.core.rights import of_its_owner
from app.core.schemas import Id
from app.reviews import service
from app.reviews.errors import ReviewNotFoundError
from app.reviews.schemas import ReviewCreate, ReviewUpdate
from app.storefront.books import show_book
from app.storefront.context import Page
from app.storefront.forms import Form, read_form, undone_if_refused
from app.storefront.templating import render
from app.users.deps import SignedInVisitor

router = APIRouter(dependencies=[CsrfProtected])

MINE = "/account/reviews"
PER_PAGE = 20


@router.post("/books/{book_id}/reviews")
async def write_review(
    request: Request,
    session: DbSession,
    page: Page,
    visitor: SignedInVisitor,
    settings: AppSettings,
    book_id: Annotated[Id, Path()],
) -> Response:
    """Write a review, and lead back to the book."""
    form: Form[ReviewCreate] = await read_form(request, ReviewCreate)
    status = 422
    if form.data is not None:
        try:
            async with undone_if_refused(session):
                await service.write_review(
                    session,
                    user_id=visitor.id,
                    book_id=book_id,
                    review=form.data,
                    settings=settings,
                )
        except AppError as error:
            form.refuse(error)
            status = error.status
        else:
            found = await get_book(session, book_id=book_id)
            return RedirectResponse(f"{found.url}#reviews", 303)
    found = await get_book(session, book_id=book_id)
    return await show_book(request, session, page, settings, found, review_form=form, status=status)


@router.get(MINE)
async def list_reviews(
    request: Request,
    session: DbSession,
    page: Page,
    visitor: SignedInVisitor,
    cursor: Annotated[str | None, Query(max_length=MAX_CURSOR)] = None,
) -> Response:
    """What the reader wrote, public or not."""
    found = await service.list_own(
        session, user_id=visitor.id, query=ListQuery(limit=PER_PAGE, cursor=cursor)
    )
    return render(
        request, "account_reviews.html", page=page, reviews=found.rows, older=found.next_cursor
    )


@router.get("/account/reviews/{review_id}")
@of_its_owner()
async def review_page(
    request: Request,
    session: DbSession,
    page: Page,
    visitor: SignedInVisitor,
    review_id: Annotated[Id, Path()],
) -> Response:
    """The form with one review."""
    review = await service.get_own(session, review_id=review_id, user_id=visitor.id)
    typed = {"rating": str(review.rating), "text": review.text or ""}
    return render(request, "account_review.html", page=page, review=review, form=Form(typed=typed))


@router.post("/account/reviews/{review_id}")
@of_its_owner()
async def change_review(
    request: Request,
    session: DbSession,
    page: Page,
    visitor: SignedInVisitor,
    settings: AppSettings,
    review_id: Annotated[Id, Path()],
) -> Response:
    """Change the review; a text that is left empty is taken away."""
    review = await service.get_own(session, review_id=review_id, user_id=visitor.id)
    form: Form[ReviewCreate] = await read_form(request, ReviewCreate)
    if form.data is None:
        return render(
            request, "account_review.html", status=422, page=page, review=review, form=form
        )
    change = ReviewUpdate(rating=form.data.rating, text=form.data.text)
    await service.change_review(
        session, reader=visitor, review_id=review_id, change=change, settings=settings
    )
    return RedirectResponse(MINE, 303)


@router.post("/account/reviews/{review_id}/remove")
@of_its_owner()
async def remove_review(
    session: DbSession, visitor: SignedInVisitor, review_id: Annotated[Id, Path()], now: Now
) -> Response:
    """Delete the review; one that is gone already is gone from the list."""
    try:
        async with undone_if_refused(session):
            await service.get_own(session, review_id=review_id, user_id=visitor.id)
            await service.delete_review(
                session,
                reader=visitor,
                actor=Actor(name=visitor.email, account_id=visitor.id),
                review_id=review_id,
                now=now,
            )
    except ReviewNotFoundError:
        pass
    return RedirectResponse(MINE, 303)
