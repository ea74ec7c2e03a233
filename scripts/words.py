"""Write the sentences that templates say into the files of translations, `app/locales/*.po`.

Sentences that are new get an empty place, those that are gone leave. The tests fail for a place
that is empty.

    make words
"""

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

APP = Path(__file__).parents[1] / "app"
METHODS = [
    ("templates/**.html", "jinja2.ext:babel_extract"),
    ("templates/**.txt", "jinja2.ext:babel_extract"),
]
WIDTH = 100
HEADER = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plurals}\\n"

"""
"""Without who and when: the history of the file tells that, and lines that change alone clash."""


def extract() -> Catalog:
    """Return every sentence of the templates, with where it is said."""
    said = Catalog()
    for file, _line, message, _comments, _context in extract_from_dir(
        APP, method_map=METHODS, options_map={"**": {"newstyle_gettext": "true"}}
    ):
        said.add(message, locations=[(f"app/{file}", 0)], flags=flags_of(message))
    return said


def flags_of(message: str | tuple[str, ...]) -> set[str]:
    """Tell tools of translators what has places for values."""
    words = message if isinstance(message, str) else "".join(message)
    return {"python-format"} if "%(" in words else set()


def update(file: Path) -> bytes:
    """Return a file's content as it should be."""
    with file.open("rb") as source:
        catalog = read_po(source, locale=file.stem)
    catalog.update(extract(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    written = BytesIO()
    write_po(
        written, catalog, width=WIDTH, omit_header=True, sort_output=True, include_lineno=False
    )
    header = HEADER.format(language=file.stem, plurals=catalog.plural_forms)
    return header.encode() + written.getvalue()


if __name__ == "__main__":
    for po in sorted((APP / "locales").glob("*.po")):
        po.write_bytes(update(po))
