"""What staff may do, area by area, and whom each endpoint lets in.

Whom an endpoint lets in is either what it depends on (``CurrentUser``, ``CatalogueStaff``,
``CurrentAdmin`` …) or said by a mark above it: ``@open_to_all``. An endpoint that has neither, or
both, is a defect that the tests find. One that a path or a mailed link's token makes somebody's own
says so too: ``@of_its_owner``.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Right(StrEnum):
    """An area of the shop. An admin has every right, a reader none."""

    CATALOGUE = "catalogue"
    ORDERS = "orders"
    CUSTOMERS = "customers"
    PROMOTIONS = "promotions"
    REVIEWS = "reviews"
    ANALYTICS = "analytics"
    SETTINGS = "settings"


def open_to_all(endpoint: F) -> F:
    """Mark an endpoint as one that everybody may call, signed in or not."""
    endpoint.is_open_to_all = True  # type: ignore[attr-defined]
    return endpoint


def of_its_owner(*, or_staff: Right | None = None) -> Callable[[F], F]:
    """Mark an endpoint that is asked for a reader's own thing: to other readers it is missing.

    It is named by the path, or by the token of a link that was mailed to its owner.

    ``or_staff`` is the right with which one sees everybody's.
    """

    def mark(endpoint: F) -> F:
        endpoint.is_of_its_owner = True  # type: ignore[attr-defined]
        endpoint.owners_staff = or_staff  # type: ignore[attr-defined]
        return endpoint

    return mark
