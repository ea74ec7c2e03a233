"""Reviews in sequences that nobody thought of: works' ratings are always those of the rows."""

from collections import Counter
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.audit.service import Actor
from app.books import works
from app.books.models import Book, Work
from app.core.clock import utc_now
from app.core.config import Moderation, Reviewers, get_settings
from app.core.deps import Principal
from app.core.security import Role
from app.reviews import service
from app.reviews.invariants import find_breaches
from app.reviews.models import Review, ReviewStatus
from app.reviews.schemas import ReviewCreate, ReviewUpdate
from tests.factories import make_book, make_user
from tests.machines import DatabaseMachine, drive

RUNS = 8
STAFF = Actor(name="staff@example.com")

readers = st.integers(0, 2)
books = st.integers(0, 3)
stars = st.integers(1, 5)
picked = st.integers(0, 99)


class ReviewsMachine(DatabaseMachine):
    """Three readers, four editions of two works, and staff who change their minds."""

    @initialize()
    def open_the_shop(self) -> None:
        self.run(self._open())

    async def _open(self) -> None:
        self.readers = [(await make_user(self.session)).id for _ in range(3)]
        made = [await make_book(self.session) for _ in range(4)]
        self.books = [book.id for book in made]
        for book, first in ((made[1], made[0]), (made[3], made[2])):
            await self.session.execute(
                update(Book).where(Book.id == book.id).values(work_id=first.work_id)
            )
        self.is_open = True

    def principal(self, reader: int) -> Principal:
        user_id = self.readers[reader]
        return Principal(id=user_id, email="a@example.com", display_name="", role=Role.USER)

    def review_id(self, pick: int) -> int:
        ids = self.run(self._ids())
        return ids[pick % len(ids)] if ids else 999_999

    async def _ids(self) -> list[int]:
        return list(await self.session.scalars(select(Review.id).order_by(Review.id)))

    @rule(reader=readers, book=books, rating=stars, moderation=st.sampled_from(Moderation))
    def write(self, reader: int, book: int, rating: int, moderation: Moderation) -> None:
        settings = get_settings().model_copy(
            update={"reviews_from": Reviewers.READERS, "review_moderation": moderation}
        )
        self.answer(
            service.write_review(
                self.session,
                user_id=self.readers[reader],
                book_id=self.books[book],
                review=ReviewCreate(rating=rating),
                settings=settings,
            )
        )

    @rule(reader=readers, pick=picked, rating=stars, moderation=st.sampled_from(Moderation))
    def edit(self, reader: int, pick: int, rating: int, moderation: Moderation) -> None:
        self.answer(
            service.change_review(
                self.session,
                reader=self.principal(reader),
                review_id=self.review_id(pick),
                change=ReviewUpdate(rating=rating),
                settings=get_settings().model_copy(update={"review_moderation": moderation}),
            )
        )

    @rule(reader=readers, pick=picked)
    def delete(self, reader: int, pick: int) -> None:
        self.answer(
            service.delete_review(
                self.session,
                reader=self.principal(reader),
                actor=STAFF,
                review_id=self.review_id(pick),
                now=utc_now(),
            )
        )

    @rule(picks=st.lists(picked, min_size=1, max_size=4), reason=st.sampled_from(["Rude.", None]))
    def moderate(self, picks: list[int], reason: str | None) -> None:
        self.run(
            service.moderate(
                self.session,
                actor=STAFF,
                review_ids={self.review_id(pick) for pick in picks},
                reason=reason,
            )
        )

    @rule(picks=st.lists(picked, min_size=1, max_size=4))
    def delete_many(self, picks: list[int]) -> None:
        ids = {self.review_id(pick) for pick in picks}
        self.run(service.delete_reviews(self.session, actor=STAFF, review_ids=ids, now=utc_now()))

    @rule(book=books)
    def split(self, book: int) -> None:
        work_id = self.run(self._work_of(book))
        self.answer(works.split_work(self.session, work_id=work_id, book_ids=[self.books[book]]))

    @rule(book=books, other=books)
    def merge(self, book: int, other: int) -> None:
        work_id, other_id = self.run(self._work_of(book)), self.run(self._work_of(other))
        self.answer(works.merge_works(self.session, work_id=work_id, other_ids=[other_id]))

    @rule(reader=readers)
    def forget(self, reader: int) -> None:
        self.run(service.forget_reviewer(self.session, user_id=self.readers[reader]))

    async def _work_of(self, book: int) -> int:
        statement = select(Book.work_id).where(Book.id == self.books[book])
        return (await self.session.scalars(statement)).one()

    @invariant()
    def ratings_are_those_of_the_rows(self) -> None:
        self.run(self._compare())

    async def _compare(self) -> None:
        if not hasattr(self, "is_open"):
            return
        assert await find_breaches(self.session) == []
        public: dict[int, Counter[int]] = {}
        for review in await self.session.scalars(select(Review)):
            if review.deleted_at is None and review.status is ReviewStatus.PUBLISHED:
                public.setdefault(review.work_id, Counter())[review.rating] += 1
        for work in await self.session.scalars(
            select(Work).execution_options(populate_existing=True)
        ):
            counts = public.get(work.id, Counter())
            number, total = counts.total(), sum(star * many for star, many in counts.items())
            average = (
                (Decimal(total) / number).quantize(Decimal("0.1"), ROUND_HALF_UP)
                if number
                else None
            )
            assert work.rating_histogram == [counts[star] for star in range(1, 6)]
            assert (work.rating_count, work.rating_sum) == (number, total)
            assert work.average_rating == average


def test_ratings_are_in_step_whatever_happens(test_engine: AsyncEngine) -> None:
    drive(ReviewsMachine, test_engine, runs=RUNS)
