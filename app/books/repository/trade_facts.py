"""SQL for what a book's availability depends on, as one column of whatever lists books."""

from sqlalchemy import Label, func, select
from sqlalchemy.dialects.postgresql import JSONB

from app.books.models import Book, SalesRight, Stock

_RIGHTS = (
    select(
        func.jsonb_agg(
            func.jsonb_build_object(
                "type_code",
                SalesRight.type_code,
                "countries",
                SalesRight.countries,
                "excluded_countries",
                SalesRight.excluded_countries,
            )
        )
    )
    .where(SalesRight.book_id == Book.id)
    .correlate(Book)
    .scalar_subquery()
)

SALES_RIGHTS: Label[list[dict[str, object]] | None] = _RIGHTS.label("sales_rights")
"""A book's sales rights as ``availability.SalesRule`` reads them; null where nothing is said."""

AVAILABILITY: Label[dict[str, object]] = func.jsonb_build_object(
    "on_hand",
    Stock.on_hand,
    "availability_code",
    Book.availability_code,
    "publishing_status",
    Book.publishing_status,
    "order_time_days",
    Book.order_time_days,
    "on_sale_date",
    Book.on_sale_date,
    "takes_preorders",
    Book.takes_preorders,
    "publish_date",
    Book.publish_date,
    "publish_date_precision",
    Book.publish_date_precision,
    "sales_rights",
    _RIGHTS,
    type_=JSONB,
).label("availability")
"""What ``availability.TradeFacts`` reads, of a book and its stock."""
