from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.books.importers import repair
from app.books.importers.report import Repair, RepairKind
from app.books.models import BookFormat

HUNGER_GAMES = "9780439023481"


@pytest.mark.parametrize(
    ("cells", "isbn", "kinds"),
    [
        (["978-0-439-02348-1"], HUNGER_GAMES, []),
        (["439023483"], HUNGER_GAMES, [RepairKind.ISBN_ZEROS]),
        (
            ["439023483", "9.78043902348e+12"],
            HUNGER_GAMES,
            [RepairKind.ISBN_ZEROS, RepairKind.ISBN_ROUNDED],
        ),
        (["0439023483", "9.78E+12"], HUNGER_GAMES, [RepairKind.ISBN_ROUNDED]),
        (["0439023483", "9,78044E+12"], HUNGER_GAMES, [RepairKind.ISBN_ROUNDED]),
        (["9780439023481.0"], HUNGER_GAMES, [RepairKind.ISBN_NUMBER]),
        (["439023483.0", "439023483"], HUNGER_GAMES, [RepairKind.ISBN_ZEROS] * 2),
        (["0439023483", "25986247522.0"], HUNGER_GAMES, [RepairKind.ISBN_FOREIGN]),
        (["2.94001623192e+12"], None, [RepairKind.ISBN_FOREIGN]),
        (["5012345678900"], None, [RepairKind.ISBN_FOREIGN]),
        (["n/a"], None, [RepairKind.ISBN_FOREIGN]),
        (["9.78043902348e+12"], None, [RepairKind.ISBN_LOST]),
        (["439023484"], None, [RepairKind.ISBN_LOST]),
        (["0439023483", "9.78055381395e+12"], None, [RepairKind.ISBN_LOST]),
        (["0439023483", "9.78043902349e+12"], None, [RepairKind.ISBN_LOST]),
        (["9380658797", "97893806587.0"], None, [RepairKind.ISBN_LOST]),
        # 081297106X, its check digit replaced; the float has the same twelve digits
        (["812971060", "9.78081297106e+12"], "9780812971064", [RepairKind.ISBN_CHECK_DIGIT]),
        # the check digit of the ISBN-13 on the digits of the ISBN-10
        (["385535144", "9.78038553514e+12"], "9780385535144", [RepairKind.ISBN_CHECK_DIGIT]),
        (["0812971060", "9.78E+12"], None, [RepairKind.ISBN_LOST]),
    ],
)  # fmt: skip
def test_isbn_repairs(cells: list[str], isbn: str | None, kinds: list[RepairKind]) -> None:
    repairs: list[Repair] = []
    assert repair.find_isbn(cells, repairs) == isbn
    assert [done.kind for done in repairs] == kinds
    assert all(done.after == (isbn or "") for done in repairs)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["9780439023480"], "9780439023480 is no ISBN: its check digit is wrong"),
        (["0-439-02348-4"], "0-439-02348-4 is no ISBN: its check digit is wrong"),
        (
            ["0439023483", "9780812971064"],
            "these are ISBNs of different books: 9780439023481, 9780812971064",
        ),
    ],
)
def test_an_isbn_that_is_whole_and_wrong_is_refused(cells: list[str], reason: str) -> None:
    repairs: list[Repair] = []
    with pytest.raises(ValueError, match=reason):
        repair.find_isbn(cells, repairs)
    assert repairs == []


@given(st.integers(0, 999_999_999), st.integers(3, 12))
def test_a_damaged_isbn_is_found_again_or_lost_but_never_another(core: int, digits: int) -> None:
    isbn10 = f"{core:09}"
    check = -sum((10 - index) * int(digit) for index, digit in enumerate(isbn10)) % 11
    payload = f"978{isbn10}"
    odd, even = (sum(map(int, payload[start::2])) for start in (0, 1))
    isbn13 = f"{payload}{-(odd + 3 * even) % 10}"
    spreadsheet = f"{isbn10}{'X' if check == 10 else check}".lstrip("0")
    rounded = f"{Decimal(isbn13):.{digits - 1}e}"
    found = repair.find_isbn([spreadsheet, rounded], [])
    assert found == isbn13 if len(spreadsheet) >= 7 else found is None


@pytest.mark.parametrize(
    ("title", "parts"),
    [
        ("Mockingjay (The Hunger Games, #3)", ("Mockingjay", "The Hunger Games", "3")),
        ("The Twilight Saga (Twilight, #1-4)", ("The Twilight Saga", "Twilight", "1-4")),
        ("Collection (Twilight, #1-4 + 3.5)", ("Collection", "Twilight", "1-4 + 3.5")),
        ("Oedipus (The Theban Plays, #1–3)", ("Oedipus", "The Theban Plays", "1–3")),  # noqa: RUF001
        ("Four (Divergent, #0.5)", ("Four", "Divergent", "0.5")),
        ("Emma (Austen #1)", ("Emma", "Austen", "1")),
        ("Exile (Day by Day,# 2)", ("Exile", "Day by Day", "2")),
        ("Ranma ½, Vol. 1 (Ranma ½ (US 2nd), #1)", ("Ranma ½, Vol. 1", "Ranma ½ (US 2nd)", "1")),
        ("Silence (9/11, #1)", ("Silence", "9/11", "1")),
    ],
)
def test_series_in_titles(title: str, parts: tuple[str, str, str]) -> None:
    repairs: list[Repair] = []
    assert repair.split_series(title, repairs) == parts
    assert repairs == [Repair(RepairKind.SERIES, title, " | ".join(parts))]


@pytest.mark.parametrize(
    "title",
    [
        "",
        ")",
        "Nickel and Dimed: On (Not) Getting By in America",
        "I Am America (And So Can You!)",
        "Edvard Munch (Basic Art)",
        "Batman: The Dark Knight Returns #1",
        "(Twilight, #1)",
        "Untitled (#1)",
        "The Fifth Dominion (Imajica Part #1/2)",
        "Raising Steam (Discworld, #40, Moist von Lipwig #3 )",
        "A Storm of Swords (A Song of Ice and Fire, #3: Part 2 of 2)",
        "Unbalanced Twilight, #1)",
        f"Long (Series, #{'1, ' * 20}1)",
    ],
)
def test_parentheses_that_are_no_series_stay(title: str) -> None:
    repairs: list[Repair] = []
    assert repair.split_series(title, repairs) == (title, None, None)
    assert repairs == []


@pytest.mark.parametrize(
    ("text", "by_comma", "names"),
    [
        ("J.K. Rowling, Mary GrandPré", True, ("J.K. Rowling", "Mary GrandPré")),
        ("Austen, Jane", False, ("Austen, Jane",)),
        ("Austen, Jane; Brontë, Emily", True, ("Austen, Jane", "Brontë, Emily")),
        ("Terry Pratchett|Neil Gaiman", False, ("Terry Pratchett", "Neil Gaiman")),
        ("Martin Luther King, Jr., Cornel West", True, ("Martin Luther King, Jr.", "Cornel West")),
        ("A, B, A", True, ("A", "B")),
        ("Simon &amp; Garfunkel", False, ("Simon & Garfunkel",)),
        ("  Betty   Smith ", True, ("Betty Smith",)),
    ],
)
def test_authors(text: str, by_comma: bool, names: tuple[str, ...]) -> None:  # noqa: FBT001
    repairs: list[Repair] = []
    assert repair.split_authors(text, by_comma=by_comma, repairs=repairs) == names
    assert (RepairKind.AUTHORS in [done.kind for done in repairs]) == (len(names) > 1)


def test_entities_and_spaces() -> None:
    repairs: list[Repair] = []
    assert repair.clean(" Q&amp;A:\n caf&#233; &copy R&D; ", repairs) == "Q&A: café &copy R&D;"
    assert [done.kind for done in repairs] == [RepairKind.ENTITIES, RepairKind.WHITESPACE]
    assert repair.clean("as it is", []) == "as it is"


@pytest.mark.parametrize(
    ("text", "year", "kinds"),
    [("2008", 2008, []), ("2008.0", 2008, [RepairKind.YEAR_NUMBER]), (" -1750 ", -1750, [])],
)
def test_years(text: str, year: int, kinds: list[RepairKind]) -> None:
    repairs: list[Repair] = []
    assert repair.read_year(text, repairs) == year
    assert [done.kind for done in repairs] == kinds


@pytest.mark.parametrize("text", ["0", "0.0", "12345", "2008.5", "c. 1850", "", "１９８４年"])
def test_what_is_no_year(text: str) -> None:
    with pytest.raises(ValueError, match="is no year"):
        repair.read_year(text, [])


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("2008-09-14", (date(2008, 9, 14), 2008)),
        ("2008-09-14T00:00:00", (date(2008, 9, 14), 2008)),
        ("20080914", (date(2008, 9, 14), 2008)),
        ("14.9.2008", (date(2008, 9, 14), 2008)),
        ("3.4.2008", (date(2008, 4, 3), 2008)),
        ("14/09/2008", (date(2008, 9, 14), 2008)),
        ("09/14/2008", (date(2008, 9, 14), 2008)),
        ("4/4/2008", (date(2008, 4, 4), 2008)),
        ("2008", (None, 2008)),
        ("2008.0", (None, 2008)),
        ("-750", (None, -750)),
    ],
)
def test_dates(text: str, published: tuple[date | None, int]) -> None:
    repairs: list[Repair] = []
    assert repair.read_published(text, repairs) == published
    assert RepairKind.DATE_CUT not in [done.kind for done in repairs]


@pytest.mark.parametrize("text", ["03/04/2008", "14 September 2008", "2008-13-14", "Fall 2008"])
def test_dates_that_say_only_a_year_for_sure(text: str) -> None:
    repairs: list[Repair] = []
    assert repair.read_published(text, repairs) == (None, 2008)
    assert repairs == [Repair(RepairKind.DATE_CUT, text, "2008")]


@pytest.mark.parametrize("text", ["soon", "2008 or 2009", "0000-00-00"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match="is no date"):
        repair.read_published(text, [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("en", "en"), ("eng", "en"), ("en-US", "en"), ("EN_gb", "en"), ("English", "en"),
        ("fre", "fr"), ("fra", "fr"), ("ger", "de"), ("ara", "ar"), ("fil", "fil"), ("mul", "mul"),
    ],
)  # fmt: skip
def test_languages(text: str, code: str) -> None:
    repairs: list[Repair] = []
    assert repair.read_language(text, repairs) == code
    assert repairs == ([] if text == code else [Repair(RepairKind.LANGUAGE, text, code)])


@pytest.mark.parametrize("text", ["xx", "Klingonese", "12", "\0"])
def test_what_is_no_language(text: str) -> None:
    with pytest.raises(ValueError, match="is no language"):
        repair.read_language(text, [])


@pytest.mark.parametrize(
    ("text", "book_format"),
    [
        ("Hardcover", BookFormat.HARDBACK),
        ("pbk", BookFormat.PAPERBACK),
        ("Mass-Market Paperback", BookFormat.MASS_MARKET),
        ("Kindle Edition", BookFormat.EBOOK),
        *((str(book_format), book_format) for book_format in BookFormat),
    ],
)
def test_formats(text: str, book_format: BookFormat) -> None:
    assert repair.read_format(text) is book_format


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("12.99", "12.99"), ("$12.99", "12.99"), ("12.99 USD", "12.99"), ("US$ 5", None),
        ("12,99", "12.99"), ("1,234.50", "1234.50"), ("1.234,50", "1234.50"), ("5", "5"),
        ("1 234.5", "1234.5"), ("1'234.50", "1234.50"), ("12.9900", "12.99"), ("0.999", "0.999"),
        ("£9.99", None), ("9.99 EUR", None), ("1,234", None), ("1,234,567", None), ("free", None),
        ("-1", None), ("1e5", None), ("", None), ("12.99.", None), ("٣", "3"),
    ],
)  # fmt: skip
def test_prices(text: str, price: str | None) -> None:
    if price is None:
        with pytest.raises(ValueError, match=r"is no price|two ways|not the shop's currency"):
            repair.read_price(text, currency="USD")
    else:
        assert repair.read_price(text, currency="USD") == Decimal(price)


@given(st.text(max_size=60))
def test_no_text_crashes_a_reader(text: str) -> None:
    repair.clean(text, [])
    repair.split_series(text, [])
    repair.split_authors(text, by_comma=True, repairs=[])
    for read in (
        repair.read_whole,
        repair.read_format,
        lambda value: repair.read_year(value, []),
        lambda value: repair.read_published(value, []),
        lambda value: repair.read_language(value, []),
        lambda value: repair.read_price(value, currency="EUR"),
        lambda value: repair.find_isbn([value, "9.78E+12"], []),
    ):
        with suppress(ValueError):
            read(text)
