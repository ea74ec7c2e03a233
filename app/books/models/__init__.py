"""The tables of the catalogue."""

from app.books.codes import BookFormat, ContributorRole, DatePrecision, SubjectScheme
from app.books.models.books import Book, Publisher
from app.books.models.feeds import FeedRecord, Price, SalesRight
from app.books.models.imports import (
    Import,
    ImportBatch,
    ImportEntry,
    ImportKind,
    ImportStatus,
)
from app.books.models.search import SearchWord
from app.books.models.stock import MovementKind, Stock, StockMovement
from app.books.models.works import (
    Contribution,
    Contributor,
    Genre,
    MergedWork,
    Series,
    SeriesMembership,
    StaffPick,
    Subject,
    Work,
    WorkAlias,
    WorkIdentifier,
    WorkSubject,
)

__all__ = [
    "Book",
    "BookFormat",
    "Contribution",
    "Contributor",
    "ContributorRole",
    "DatePrecision",
    "FeedRecord",
    "Genre",
    "Import",
    "ImportBatch",
    "ImportEntry",
    "ImportKind",
    "ImportStatus",
    "MergedWork",
    "MovementKind",
    "Price",
    "Publisher",
    "SalesRight",
    "SearchWord",
    "Series",
    "SeriesMembership",
    "StaffPick",
    "Stock",
    "StockMovement",
    "Subject",
    "SubjectScheme",
    "Work",
    "WorkAlias",
    "WorkIdentifier",
    "WorkSubject",
]
