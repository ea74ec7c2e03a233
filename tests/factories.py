"""Rows that tests need, written as plainly as can be."""

from collections.abc import Collection
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from app.books.classification import BookClass
from app.books.codes import BookFormat
from app.books.measures import Measures
from app.books.models import Book, MovementKind, Stock, StockMovement, Work
from app.cart.schemas import MAX_TITLES
from app.core.config import get_settings
from app.core.market import Market
from app.core.rights import Right
from app.core.security import Role, encode_access_token
from app.db.session import session_scope
from app.registry import Base
from app.users.models import User

MARKET = Market(country="US", today=date(2026, 3, 1))
"""A country and a day to sell on."""

PLAIN_MEASURES = Measures(weight_g=None, format=BookFormat.PAPERBACK, is_download=False)
PLAIN_KIND = BookClass(
    genre_ids=frozenset(),
    publisher_ids=frozenset(),
    format=BookFormat.PAPERBACK,
    language=None,
    published_by=None,
)
"""What is known of a book of which nothing was said."""

_numbers = count(1)


async def make_book(
    session: AsyncSession,
    *,
    title: str = "The Left Hand of Darkness",
    author: str = "Ursula K. Le Guin",
    price: str = "12.99",
    copies: int = 5,
    isbn: str | None = None,
    description: str | None = None,
) -> Book:
    """Write a work with one book and so many copies of it, and commit."""
    work = Work(title=title, author=author, description=description)
    session.add(work)
    await session.flush()  # the book needs the work's id
    book = Book(work_id=work.id, price=Decimal(price), currency="USD", isbn=isbn)
    session.add(book)
    await session.flush()  # the stock needs the book's id
    session.add(Stock(book_id=book.id, received=copies, on_hand=copies))
    if copies:
        session.add(StockMovement(book_id=book.id, kind=MovementKind.RECEIVED, copies=copies))
    await session.commit()
    session.expunge_all()  # what a test holds must not change when the code under test rolls back
    return book


async def withdraw_book(session: AsyncSession, book: Book) -> None:
    """Take a book out of the catalogue, and commit."""
    await session.execute(
        update(Book).where(Book.id == book.id).values(deleted_at=datetime.now(UTC))
    )
    await session.commit()


async def fill_cart(session: AsyncSession, *, titles: int = MAX_TITLES) -> None:
    """Put new books, one copy of each, into the only basket until it has so many; commit."""
    await session.execute(
        text("""
            WITH new_works AS (
                INSERT INTO works (title, author)
                SELECT 'Volume ' || n, 'Many' FROM generate_series(
                    1, :titles - (SELECT count(*) FROM cart_items)
                ) AS n
                RETURNING id
            ), new_books AS (
                INSERT INTO books (work_id, price, currency)
                SELECT id, 1.00, 'USD' FROM new_works RETURNING id
            ), new_stock AS (
                INSERT INTO stock (book_id, received, on_hand) SELECT id, 5, 5 FROM new_books
            ), new_movements AS (
                INSERT INTO stock_movements (book_id, kind, copies)
                SELECT id, 'received', 5 FROM new_books
            )
            INSERT INTO cart_items (cart_id, book_id, quantity)
            SELECT carts.id, new_books.id, 1 FROM carts CROSS JOIN new_books
        """),
        {"titles": titles},
    )
    await session.commit()


async def make_user(
    session: AsyncSession,
    *,
    email: str | None = None,
    role: Role = Role.USER,
    rights: Collection[Right] = (),
    is_active: bool = True,
) -> User:
    """Write an account that has no password, and commit. One with rights is staff."""
    user = User(
        email=email or f"reader{next(_numbers)}@example.com",
        role=Role.STAFF if rights else role,
        rights=list(rights),
        is_active=is_active,
    )
    session.add(user)
    await session.commit()
    session.expunge_all()
    return user


def bearer(user: User) -> dict[str, str]:
    """Return the header that a signed-in program sends, as the account is now."""
    token = encode_access_token(
        user_id=user.id, role=user.role, now=datetime.now(UTC), settings=get_settings()
    )
    return {"Authorization": f"Bearer {token}"}


async def empty_every_table(engine: AsyncEngine) -> None:
    """Remove what tests committed for real: every row of ours, and the queue's jobs."""
    names = ", ".join(table.name for table in Base.metadata.sorted_tables)
    async with engine.begin() as connection:
        await connection.execute(text(f"TRUNCATE {names}, procrastinate_jobs CASCADE"))


async def terminate_backend(session: AsyncSession) -> None:
    """End the session's connection from the server's side, as a restart of the server does."""
    pid = await session.scalar(text("SELECT pg_backend_pid()"))
    async with session_scope() as other:
        await other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
