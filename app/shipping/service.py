"""What is offered to a buyer, and what is in a parcel."""

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.measures import Measures
from app.core.config import get_settings
from app.shipping import repository
from app.shipping.errors import MethodNotOfferedError
from app.shipping.offers import Parcel, ShippingOption, offer


def pack(
    *,
    quantities: Mapping[int, int],
    values: Mapping[int, Decimal],
    measures: Mapping[int, Measures],
    country: str | None,
) -> Parcel:
    """Return the parcel that copies of books, by id, make, each worth so much after discounts.

    ``values`` is what all copies of a book cost together. A book of unknown weight weighs
    ``DEFAULT_WEIGHT_G``; downloads weigh nothing and are worth nothing here.
    """
    shipped = [book_id for book_id in quantities if not measures[book_id].is_download]
    default = get_settings().default_weight_g
    return Parcel(
        weight_grams=sum(
            quantities[book_id]
            * (default if (known := measures[book_id].weight_g) is None else known)
            for book_id in shipped
        ),
        value=sum((values[book_id] for book_id in shipped), Decimal("0.00")),
        country=country,
        all_digital=not shipped,
    )


async def list_options(session: AsyncSession, *, parcel: Parcel) -> list[ShippingOption]:
    """Return the ways to the buyer that are offered for a parcel, in staff's order."""
    methods = await repository.list_methods_to(session, country=parcel.country)
    offered = (offer(method, parcel) for method in methods)
    return [option for option in offered if option is not None]


async def find_option(session: AsyncSession, *, method_id: int, parcel: Parcel) -> ShippingOption:
    """Return the option that a buyer chose, at the price that it has for the parcel now.

    Raises:
        MethodNotOfferedError: it is not offered for this parcel, or not any more.
    """
    for option in await list_options(session, parcel=parcel):
        if option.method_id == method_id:
            return option
    raise MethodNotOfferedError(field="shipping_method_id")


async def is_set_up(session: AsyncSession) -> bool:
    """Tell whether staff said how orders come to their buyers."""
    return await repository.has_active_method(session)
