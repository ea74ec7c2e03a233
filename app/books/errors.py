"""What can be wrong with a book, a genre or the stock."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

from app.core.exceptions import AppError


class BookNotFoundError(AppError):
    """No such book, or it is no longer sold."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "BOOK_NOT_FOUND"
    detail = "This book does not exist or is no longer sold."


class IsbnConflictError(AppError):
    """Another book has this ISBN."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "BOOK_ISBN_CONFLICT"
    detail = "Another book has this ISBN."


class InvalidIsbnError(AppError):
    """Not an ISBN: the wrong number of digits, or a check digit that does not fit."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "BOOK_ISBN_INVALID"
    detail = "This is not an ISBN: please check its digits."


class GenreNotFoundError(AppError):
    """A book was to be put on a shelf that the shop does not have."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "GENRE_NOT_FOUND"
    detail = "This genre does not exist."


class GenreConflictError(AppError):
    """The shop has a shelf of this name."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "GENRE_CONFLICT"
    detail = "A genre of this name exists already."


class WorkNotFoundError(AppError):
    """No such work, or none of its editions is sold; ``items`` says which of several."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "WORK_NOT_FOUND"
    detail = "This work does not exist."


class WorkMergedWithItselfError(AppError):
    """A work was to be merged into itself."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "WORK_MERGED_WITH_ITSELF"
    detail = "A work cannot be merged into itself."


class EditionNotOfWorkError(AppError):
    """A book was to be split off a work that it is no edition of; ``items`` says which."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "WORK_EDITION_FOREIGN"
    detail = "This book is no edition of that work."


class WorkWouldBeEmptyError(AppError):
    """All editions were to be split off a work."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "WORK_WOULD_BE_EMPTY"
    detail = "A work keeps at least one edition: name those that do not belong to it."


class StaffPickNotFoundError(AppError):
    """Nobody recommends this work."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "STAFF_PICK_NOT_FOUND"
    detail = "This work is no staff pick."


class ContributorNotFoundError(AppError):
    """Nobody of the catalogue has this id."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "CONTRIBUTOR_NOT_FOUND"
    detail = "There is no such contributor."


class PublisherNotFoundError(AppError):
    """No publisher and no imprint has this id."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "PUBLISHER_NOT_FOUND"
    detail = "There is no such publisher."


class SeriesNotFoundError(AppError):
    """No series has this id."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "SERIES_NOT_FOUND"
    detail = "There is no such series."


class SubjectNotFoundError(AppError):
    """Neither a list nor a feed has named such a code."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "SUBJECT_NOT_FOUND"
    detail = "There is no such subject."


class NameConflictError(AppError):
    """Another contributor, series or publisher has the name."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "NAME_CONFLICT"
    detail = "Another one has this name. If they are the same, merge them."


class NameMergedWithItselfError(AppError):
    """Somebody or something was to be merged into itself."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "NAME_MERGED_WITH_ITSELF"
    detail = "Nothing can be merged into itself."


class CoverNotFoundError(AppError):
    """No uploaded cover has this address."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "COVER_NOT_FOUND"
    detail = "There is no such cover."


class ImageTypeError(AppError):
    """The bytes are none of the kinds of picture that are taken, whatever their name says."""

    status: ClassVar[int] = 415
    code: ClassVar[str] = "IMAGE_TYPE_UNSUPPORTED"
    detail = "Please send a picture as JPEG, PNG, WebP, AVIF or GIF."


class ImageBrokenError(AppError):
    """The picture begins like one and cannot be read to its end."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "IMAGE_BROKEN"
    detail = "This picture is damaged or incomplete."


class ImageTooManyPixelsError(AppError):
    """The picture is so large that unpacking it would take too much memory."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "IMAGE_TOO_MANY_PIXELS"
    detail = "This picture has too many pixels."


class BookNotForthcomingError(AppError):
    """The book has no on-sale date, or is on sale already."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "BOOK_NOT_FORTHCOMING"
    detail = "Only a book whose on-sale date is still to come can be ordered in advance."


class BookEmbargoedError(AppError):
    """No copy may leave the shop yet; ``items`` says of which books, and from when on."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "BOOK_EMBARGOED"
    detail = "This book is not on sale yet."


class BookNotSoldInCountryError(AppError):
    """The publisher gave no right to sell it to ``country``; ``items`` says which books."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "BOOK_NOT_SOLD_IN_COUNTRY"
    detail = "This book may not be sold to that country."


@dataclass(frozen=True)
class Shortage:
    """A book of which fewer copies are on hand than were asked for."""

    book_id: int
    requested: int
    available: int


class InsufficientStockError(AppError):
    """Somebody was quicker; ``items`` says of every short book how many copies are left."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "BOOK_INSUFFICIENT_STOCK"
    detail = "There are not enough copies left."

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        super().__init__(extra={"items": [asdict(shortage) for shortage in shortages]})


class MissingCopiesError(AppError):
    """More copies were to be taken off the shelf than the ``available`` that are on it."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "STOCK_MISSING_COPIES"
    detail = "So many copies are not on the shelf."


class NotReservedError(RuntimeError):
    """Copies were to be released or sold that nobody had reserved: a fault of the caller."""


class NotSoldError(RuntimeError):
    """Copies were to be taken back that nobody had bought: a fault of the caller."""
