"""What the trade's codes mean here."""

import pytest

from app.books.codes import ONIX_ROLES, BookFormat, ContributorRole, format_of
from app.db.base import ENUM_LENGTH


@pytest.mark.parametrize(
    ("form", "details", "book_format"),
    [
        ("BB", (), BookFormat.HARDBACK),
        ("BC", (), BookFormat.PAPERBACK),
        ("BC", ("B104",), BookFormat.PAPERBACK),
        ("BC", ("B104", "B101"), BookFormat.MASS_MARKET),
        ("BG", (), BookFormat.HARDBACK),
        ("AJ", (), BookFormat.AUDIOBOOK),
        ("ED", ("E101",), BookFormat.EBOOK),
        ("ED", ("A103",), BookFormat.AUDIOBOOK),
        ("SC", (), BookFormat.BOX_SET),
        ("PC", (), BookFormat.CALENDAR),
        ("PR", (), BookFormat.STATIONERY),
        ("ZE", (), BookFormat.GAME),
        ("ZK", (), BookFormat.MERCHANDISE),
        ("00", (), BookFormat.OTHER),
        ("", (), BookFormat.OTHER),
    ],
)
def test_formats(form: str, details: tuple[str, ...], book_format: BookFormat) -> None:
    assert format_of(form, details) is book_format


def test_every_role_has_one_code() -> None:
    assert sorted(ONIX_ROLES.values()) == sorted(ContributorRole)


def test_every_value_fits_its_column() -> None:
    longest = max(len(value) for kind in (ContributorRole, BookFormat) for value in kind)
    assert longest <= ENUM_LENGTH
