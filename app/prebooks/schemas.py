"""What clients send and are told about waiting for books."""

from datetime import datetime

from app.core.schemas import Id, ReadModel, WriteModel
from app.prebooks.models import PrebookStatus


class PrebookCreate(WriteModel):
    """A book to wait for."""

    book_id: Id


class PrebookRead(ReadModel):
    """A wish to be told when a book is back, and what became of it."""

    id: int
    book_id: int
    book_title: str
    book_author: str
    status: PrebookStatus
    created_at: datetime
    notified_at: datetime | None
    cancelled_at: datetime | None
