"""What readers think of works, for packages that put it into SQL of their own."""

from datetime import datetime

from app.core.keyset import AnySelect
from app.reviews import repository


def ratings(*, since: datetime, until: datetime) -> AnySelect:
    """Return a statement of the ratings that are public and were given between two moments.

    Both moments are inside. Its columns are ``reader`` (as ``app.orders.sales`` names accounts),
    ``work_id``, ``rating`` and ``rated_at``.
    """
    return repository.public_ratings(since=since, until=until)
