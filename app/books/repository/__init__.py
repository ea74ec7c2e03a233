"""SQL for the catalogue, by topic; private to this package."""

from app.books.repository.books import (
    delete_book,
    find_book,
    find_book_id,
    insert_book,
    list_contributors_of_work,
    list_editions,
    list_offers,
    list_titles,
    lock_book,
    restore_book,
    update_book,
)
from app.books.repository.filters import (
    SEARCH_CONFIGURATION,
    BookFilter,
    among,
    indexed_words,
    matches,
)
from app.books.repository.genres import (
    GENRES_BY_NAME,
    find_genre_id,
    insert_genre,
    list_all_genres,
    list_genres,
)
from app.books.repository.lists import (
    book_order,
    count_books,
    list_books,
    list_ids,
    list_summaries,
    order_by,
)
from app.books.repository.naming import publisher_ids, set_authors, set_first_series
from app.books.repository.shelves import (
    ShelfSort,
    list_genre_shelves,
    list_shelf,
    works_by_best_edition,
)
from app.books.repository.stock import (
    copies_on_hand,
    list_copies_away,
    list_unbalanced_stock,
    move_copies,
    set_copies_on_hand,
)
from app.books.repository.subjects import list_subject_ids

__all__ = [
    "GENRES_BY_NAME",
    "SEARCH_CONFIGURATION",
    "BookFilter",
    "ShelfSort",
    "among",
    "book_order",
    "copies_on_hand",
    "count_books",
    "delete_book",
    "find_book",
    "find_book_id",
    "find_genre_id",
    "indexed_words",
    "insert_book",
    "insert_genre",
    "list_all_genres",
    "list_books",
    "list_contributors_of_work",
    "list_copies_away",
    "list_editions",
    "list_genre_shelves",
    "list_genres",
    "list_ids",
    "list_offers",
    "list_shelf",
    "list_subject_ids",
    "list_summaries",
    "list_titles",
    "list_unbalanced_stock",
    "lock_book",
    "matches",
    "move_copies",
    "order_by",
    "publisher_ids",
    "restore_book",
    "set_authors",
    "set_copies_on_hand",
    "set_first_series",
    "update_book",
    "works_by_best_edition",
]
