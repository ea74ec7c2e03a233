import pytest

from app.books.importers.columns import BookField, plan_columns
from app.books.importers.errors import ImportFileError


def test_the_trades_names_are_known() -> None:
    headers = ["EAN", "Book Title", "Author(s)", "RRP", "Qty.", "Pub Date", "Shelf-Mark"]
    plan = plan_columns(headers, {"author(s)": "authors"})
    assert plan.positions == {
        BookField.ISBN13: 0,
        BookField.TITLE: 1,
        BookField.AUTHORS: 2,
        BookField.PRICE: 3,
        BookField.STOCK: 4,
        BookField.PUBLISHED: 5,
    }
    assert plan.unused == ("Shelf-Mark",)
    assert plan.meanings["Qty."] == "stock"
    assert plan.header_of(BookField.PRICE) == "RRP"
    assert plan.header_of(BookField.PAGES) == "pages"


def test_every_field_is_known_by_its_own_name() -> None:
    headers = [field.value for field in BookField]
    assert plan_columns(headers, {}).positions == {
        field: index for index, field in enumerate(BookField)
    }


def test_of_two_columns_for_one_field_the_first_counts() -> None:
    plan = plan_columns(["isbn", "price", "RRP"], {})
    assert plan.positions[BookField.PRICE] == 1
    assert plan.unused == ("RRP",)


def test_a_mapping_counts_more_than_names() -> None:
    plan = plan_columns(["isbn", "price", "Our Price"], {"our price": "price"})
    assert plan.positions[BookField.PRICE] == 2
    assert plan.unused == ("price",)


def test_a_mapped_column_is_nothing_else() -> None:
    plan = plan_columns(["isbn", "price"], {"price": "stock"})
    assert plan.positions == {BookField.STOCK: 1, BookField.ISBN: 0}


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ({"Nowhere": "title"}, 'The file has no column "Nowhere". Its columns are: isbn, x.'),
        ({"x": "colour"}, '"colour" is nothing that a book has here. Choose from: isbn, isbn13, '),
    ],
)
def test_a_mapping_that_means_nothing_is_refused(mapping: dict[str, str], reason: str) -> None:
    with pytest.raises(ImportFileError) as refused:
        plan_columns(["isbn", "x"], mapping)
    assert refused.value.detail.startswith(reason)


@pytest.mark.parametrize("headers", [["title"], ["author", "price"], ["a", "b"], ["", ""]])
def test_a_file_must_say_which_book_a_row_is_about(headers: list[str]) -> None:
    with pytest.raises(ImportFileError) as refused:
        plan_columns(headers, {})
    assert refused.value.detail.startswith("The file needs a column with ISBNs, or one with titles")


def test_blank_and_missing_cells_say_nothing() -> None:
    plan = plan_columns(["isbn", "title", "price"], {})
    assert plan.pick(["1", " "]) == {BookField.ISBN: "1"}
