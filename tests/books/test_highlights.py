"""Where a text has the words that were searched for."""

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import search
from app.books.highlights import find_ranges, list_words


@pytest.mark.parametrize(
    ("text", "words", "parts"),
    [
        ("The Hobbit", ["hobbit"], ["Hobbit"]),
        ("The Hobbit", ["the", "hobb"], ["The", "Hobb"]),
        ("García Márquez", ["garcia", "marq"], ["García", "Márq"]),
        ("Garci\u0301a", ["garcia"], ["Garci\u0301a"]),
        ("Garci\u0301a", ["garc"], ["Garci\u0301a"]),
        ("J. R. R. Tolkien", ["jrr", "tolkien"], ["J. R. R", "Tolkien"]),
        ("Tolkien, J.R.R.", ["jrr"], ["J.R.R"]),
        ("Pride & Prejudice", ["and"], ["&"]),
        ("“Ender\u2019s” Game", ["enders"], ["Ender\u2019s"]),
        ("Straße", ["strasse"], ["Straße"]),
        ("<b>Catch-22</b>", ["22"], ["22"]),
        ("It", ["of", "them"], []),
        ("Дюна", ["дюн"], ["Дюн"]),
        ("", ["x"], []),
        ("Anything", [], []),
    ],
)
async def test_ranges(
    db_session: AsyncSession, text: str, words: list[str], parts: list[str]
) -> None:
    folded = await search.fold_texts(db_session, texts=list_words([text]))
    ranges = find_ranges(text, folded=folded, words=words)
    assert [text[start:end] for start, end in ranges] == parts
