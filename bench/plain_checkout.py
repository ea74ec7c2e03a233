"""What a checkout is measured against: as plain a one as can be, run by pgbench.

Ten statements over narrow tables of its own: begin, claim the basket, read the prices, write order,
lines, copies of one title and of the other, payment and event, commit. There is no web server, no
account, no offer, no tax and no ledger; the gateway is not asked, so that one commit is enough.
"""

import asyncpg

from bench.data import HOT_BOOK, Size
from bench.pgbench import Script

TABLES = """
DROP SCHEMA IF EXISTS plain CASCADE;
CREATE SCHEMA plain;
CREATE TABLE plain.books (id int PRIMARY KEY, price numeric(10, 2) NOT NULL);
CREATE TABLE plain.stock (
    book_id int PRIMARY KEY REFERENCES plain.books,
    on_hand int NOT NULL CHECK (on_hand >= 0),
    sold int NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE plain.cart_items (user_id int, book_id int, PRIMARY KEY (user_id, book_id));
CREATE TABLE plain.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id int NOT NULL,
    status text NOT NULL,
    total numeric(12, 2) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON plain.orders (user_id);
CREATE TABLE plain.order_lines (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES plain.orders,
    book_id int NOT NULL REFERENCES plain.books,
    unit_price numeric(10, 2) NOT NULL
);
CREATE INDEX ON plain.order_lines (order_id);
CREATE TABLE plain.payments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES plain.orders,
    amount numeric(12, 2) NOT NULL,
    status text NOT NULL
);
CREATE INDEX ON plain.payments (order_id);
CREATE TABLE plain.events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
"""

ROWS = """
INSERT INTO plain.books SELECT id, price FROM books;
INSERT INTO plain.stock (book_id, on_hand) SELECT book_id, on_hand FROM stock;
INSERT INTO plain.cart_items (user_id, book_id)
SELECT id, unnest(ARRAY[1 + id::bigint * 7919 % {books}, 1 + id::bigint * 7920 % {books}])
FROM users ON CONFLICT DO NOTHING;
"""

STATEMENTS = r"""
\set n :n + 1
\set turn :n * :clients + :client_id
\set user 1 + :turn % {users}
{books}
BEGIN;
DELETE FROM plain.cart_items WHERE user_id = :user RETURNING book_id;
SELECT id, price FROM plain.books WHERE id IN (:first, :second);
INSERT INTO plain.orders (user_id, status, total) VALUES (:user, 'confirmed', 20) RETURNING id \gset
INSERT INTO plain.order_lines (order_id, book_id, unit_price)
VALUES (:id, :first, 10), (:id, :second, 10);
UPDATE plain.stock SET on_hand = on_hand - 1, sold = sold + 1
WHERE book_id = :first AND on_hand >= 1;
UPDATE plain.stock SET on_hand = on_hand - 1, sold = sold + 1
WHERE book_id = :second AND on_hand >= 1;
INSERT INTO plain.payments (order_id, amount, status) VALUES (:id, 20, 'captured');
INSERT INTO plain.events (name, payload) VALUES ('confirmed', jsonb_build_object('id', :id::int));
COMMIT;
"""

TWO_TITLES = r"""
\set one 1 + (:user * 7919) % {books}
\set other 1 + (:user * 7919 + {half}) % {books}
\set first least(:one, :other)
\set second greatest(:one, :other)
"""

HOT_AND_ANOTHER = r"""
\set first {hot}
\set second {hot} + 1 + (:user * 7919) % ({books} - {hot})
"""

COUNT_ORDERS = "SELECT count(*) FROM plain.orders"


async def make_tables(database: asyncpg.Connection, size: Size) -> None:
    """Make the plain tables, anew, with as many books, copies and baskets as the shop has."""
    await database.execute(TABLES)
    await database.execute(ROWS.format(books=size.books))


def write_script(size: Size, *, one_hot_title: bool) -> Script:
    """Return the checkout of two titles, all of them as often, or one of them always the same."""
    titles = HOT_AND_ANOTHER if one_hot_title else TWO_TITLES
    books = titles.format(books=size.books, half=size.books // 2, hot=HOT_BOOK)
    return Script(STATEMENTS.format(users=size.users, books=books.strip()).strip())
