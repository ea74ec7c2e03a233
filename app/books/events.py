"""What happens to books that others want to hear of."""

from dataclasses import dataclass

from app.jobs.outbox import Event


@dataclass(frozen=True)
class BookRestocked(Event):
    """A book that had no copy on hand has some again."""

    book_id: int
