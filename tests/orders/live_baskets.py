"""Baskets for tests that buy over real sockets, written past the application."""

import asyncpg

ADD_STOCK = """
    WITH stocked AS (
        INSERT INTO stock (book_id, received, on_hand) VALUES ($1, $2, $2)
        RETURNING book_id, received
    )
    INSERT INTO stock_movements (book_id, kind, copies)
    SELECT book_id, 'received', received FROM stocked
"""
"""Puts so many copies of a new book on the shelf, and into the ledger."""


async def fill_baskets(connection: asyncpg.Connection, *, buyers: int, copies: int) -> list[int]:
    """Write one book with so many copies and put it into a basket of each new buyer's own.

    Returns the buyers' ids.
    """
    work_id = await connection.fetchval(
        "INSERT INTO works (title, author) VALUES ('The Only Copy', 'A. Writer') RETURNING id"
    )
    book_id = await connection.fetchval(
        "INSERT INTO books (work_id, price, currency) VALUES ($1, 12.99, 'USD') RETURNING id",
        work_id,
    )
    await connection.execute(ADD_STOCK, book_id, copies)
    rows = await connection.fetch(
        "INSERT INTO users (email) SELECT 'buyer' || n || '@example.com' "
        "FROM generate_series(1, $1) AS n RETURNING id",
        buyers,
    )
    ids = [int(row["id"]) for row in rows]
    await connection.execute("INSERT INTO carts (user_id) SELECT unnest($1::int[])", ids)
    await connection.execute(
        "INSERT INTO cart_items (cart_id, book_id, quantity) SELECT id, $1, 1 FROM carts", book_id
    )
    return ids
