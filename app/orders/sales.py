"""What was sold, for packages that put it into SQL of their own."""

from datetime import datetime

from app.core.keyset import AnySelect
from app.orders import sales_repository


def purchases(*, since: datetime, until: datetime) -> AnySelect:
    """Return a statement of the lines of orders that were confirmed between two moments and paid.

    Both moments are inside. Its columns are ``reader``, ``work_id``, ``book_id``, ``is_sold`` (of
    the book, today), ``copies`` (net of those that came back or never left) and ``bought_at``. A
    line of which nothing was kept is left out, as are gift cards and orders that were called off.

    One ``reader`` is one account, with what guests ordered under its e-mail address, or else one
    address of guests; it is null where the buyer was forgotten.
    """
    return sales_repository.purchases(since=since, until=until)
