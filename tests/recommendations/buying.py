"""Orders of many readers, written in a few statements."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)

BUY = text("""
    WITH placed AS (
        INSERT INTO orders (number, user_id, email, status, currency, total, idempotency_key,
                            request_hash, reserved_until, settle_after,
                            confirmed_at)
        SELECT gen_random_uuid()::text, CAST(:user_id AS integer), CAST(:email AS text), :status,
               'USD', 5, gen_random_uuid()::text, '', now(), now(), :at
        RETURNING id
    ), paid AS (
        INSERT INTO payments (order_id, gateway, reference, amount, currency, status)
        SELECT id, 'demo', gen_random_uuid()::text, 5, 'USD', :payment FROM placed
    )
    INSERT INTO order_lines (order_id, book_id, title, author, unit_price, quantity, sent, dropped,
                             returned, is_gift_card)
    SELECT placed.id, book_id, 'T', 'A', 5, CAST(:copies AS integer),
           :copies - CAST(:dropped AS integer), :dropped, :returned, CAST(:is_gift_card AS boolean)
    FROM placed CROSS JOIN unnest(CAST(:book_ids AS integer[])) AS book_id
""")


async def buy(
    session: AsyncSession,
    book_ids: Iterable[int],
    *,
    email: str | None,
    user_id: int | None = None,
    at: datetime = NOW - DAY,
    status: str = "confirmed",
    payment: str = "captured",
    copies: int = 1,
    dropped: int = 0,
    returned: int = 0,
    is_gift_card: bool = False,
) -> None:
    """Write an order of so many copies of each book."""
    await session.execute(
        BUY,
        {
            "book_ids": list(book_ids),
            "email": email,
            "user_id": user_id,
            "at": at,
            "status": status,
            "payment": payment,
            "copies": copies,
            "dropped": dropped,
            "returned": returned,
            "is_gift_card": is_gift_card,
        },
    )


async def make_books(session: AsyncSession, count: int, *, copies: int = 5) -> Sequence[int]:
    """Write works of one book each, of which there are copies; return the books' ids."""
    rows = await session.scalars(
        text("""
            WITH new_works AS (
                INSERT INTO works (title, author)
                SELECT 'Volume ' || n, 'Many' FROM generate_series(1, :count) AS n RETURNING id
            ), new_books AS (
                INSERT INTO books (work_id, price, currency) SELECT id, 5, 'USD' FROM new_works
                RETURNING id
            ), new_stock AS (
                INSERT INTO stock (book_id, received, on_hand)
                SELECT id, :copies, :copies FROM new_books
            )
            SELECT id FROM new_books ORDER BY id
        """),
        {"count": count, "copies": copies},
    )
    return rows.all()


async def add_edition(session: AsyncSession, book_id: int) -> int:
    """Write another edition of a book's work, and return its id."""
    edition = await session.scalar(
        text("""
            WITH edition AS (
                INSERT INTO books (work_id, price, currency)
                SELECT work_id, 9, 'USD' FROM books WHERE id = :book_id RETURNING id
            )
            INSERT INTO stock (book_id, received, on_hand) SELECT id, 5, 5 FROM edition
            RETURNING book_id
        """),
        {"book_id": book_id},
    )
    assert edition is not None
    return int(edition)
