"""What an import did, for people and as a CSV file."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from app.core.spreadsheets import SheetWriter

MAX_KEPT_REASONS = 100_000
"""So many refusals and notes are told one by one; further ones are only counted, for memory must
not grow."""

EXAMPLES_PER_KIND = 5

OWN_PRICE = "The price that was set in the shop stays; the file's would be {}."


class RepairKind(StrEnum):
    """What was done to rows beyond reading them."""

    ENCODING = "Text that was not UTF-8 was read as Windows-1252"
    WHITESPACE = "Superfluous spaces were removed"
    ENTITIES = "HTML entities were written out"
    ISBN_ZEROS = "An ISBN got back the zeros that it had lost"
    ISBN_ROUNDED = "A rounded ISBN was replaced by the other column's"
    ISBN_CHECK_DIGIT = "A wrong check digit was corrected: two columns agree on the rest"
    ISBN_NUMBER = "An ISBN written with decimals was made whole"
    ISBN_FOREIGN = "A number that is no ISBN was left out of the ISBN columns"
    ISBN_LOST = "An ISBN could not be recovered: the book goes without"
    SERIES = "Series and number were taken out of the title"
    AUTHORS = "Authors that share a cell were separated"
    YEAR_NUMBER = "A year written with decimals was made whole"
    YEAR_BEFORE_CHRIST = "A year before the common era became the work's first publication"
    DATE_CUT = "Of a date that can be read in two ways only the year was kept"
    LANGUAGE = "A language got its usual code"
    GENRE_CUT = "Of several genres the first was kept"
    COVER_PLACEHOLDER = "A picture that stands for a missing cover was left out"
    LEFT_OUT = "A value that could not be read was left out"
    ENCODING_DECLARED = "Text declared to be in another encoding was read as UTF-8"
    CHARACTERS = "Characters that XML forbids were left out"
    NUMBER = "A number that was not written as ONIX wants it was understood"
    DATE_WRONG = "Of a date that does not exist only the month or the year was kept"


@dataclass(frozen=True, slots=True)
class Repair:
    """One repair: what the file said and what the shop has now (empty for nothing)."""

    kind: RepairKind
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RepairExample:
    """A repair and the line on which it was made."""

    line: int
    repair: Repair


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was not imported: where it begins, which book it is about, and why not."""

    line: int
    reference: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """What a bookseller should know of a record that was imported."""

    line: int
    reference: str
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is; ``bytes_total`` is unknown for a pipe, and of a gzip file packed."""

    bytes_read: int
    bytes_total: int | None
    rows: int


@dataclass
class ImportReport:
    """The outcome of every row or record.

    It was taken (a new book), updated, unchanged, refused; or, of a feed, deleted (the book is no
    longer sold) or outdated (something newer had been taken before); or, of a file that only
    changes what the shop has, unknown.
    """

    rows: int = 0
    taken: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    outdated: int = 0
    unknown: int = 0
    refused_total: int = 0
    refused: list[Refusal] = field(default_factory=list)
    notes_total: int = 0
    notes: list[Note] = field(default_factory=list)
    repairs: Counter[RepairKind] = field(default_factory=Counter)
    examples: dict[RepairKind, list[RepairExample]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    """What each column of the file was taken for."""

    unused_columns: tuple[str, ...] = ()
    is_cut_short: bool = False
    """Whether the file was damaged in such a way that its rest could not be read."""

    def refuse(self, refusal: Refusal) -> None:
        """Count a refused row, and keep the reason."""
        self.refused_total += 1
        if self._has_room():
            self.refused.append(refusal)

    def note(self, note: Note) -> None:
        """Count a note, and keep it."""
        self.notes_total += 1
        if self._has_room():
            self.notes.append(note)

    def _has_room(self) -> bool:
        return len(self.refused) + len(self.notes) < MAX_KEPT_REASONS

    def repaired(self, line: int, repair: Repair) -> None:
        """Count a repair, and keep the first few of its kind as examples."""
        self.repairs[repair.kind] += 1
        examples = self.examples.setdefault(repair.kind, [])
        if len(examples) < EXAMPLES_PER_KIND:
            examples.append(RepairExample(line, repair))


def write_csv(report: ImportReport, path: Path) -> None:
    """Write refusals, notes and examples of repairs to a file that is harmless in spreadsheets."""
    with path.open("w", newline="", encoding="utf-8-sig", errors="replace") as file:
        sheet = SheetWriter(file)
        sheet.write(["outcome", "line", "reference", "reason"])
        for row in _rows(report):
            sheet.write(row)


def write_feed_csv(reports: Mapping[str, ImportReport], path: Path) -> None:
    """Write the same for several files, by name, with the file in front."""
    with path.open("w", newline="", encoding="utf-8-sig", errors="replace") as file:
        sheet = SheetWriter(file)
        sheet.write(["file", "outcome", "line", "reference", "reason"])
        for name, report in reports.items():
            for row in _rows(report):
                sheet.write([name, *row])


def _rows(report: ImportReport) -> Iterator[tuple[str, int | None, str, str]]:
    for refusal in report.refused:
        yield "refused", refusal.line, refusal.reference, refusal.reason
    for note in report.notes:
        yield "noted", note.line, note.reference, note.text
    for kind, examples in report.examples.items():
        for example in examples:
            reason = f"{kind} (one of {report.repairs[kind]:,}): {example.repair.after}"
            yield "repaired", example.line, example.repair.before, reason
    left_out = report.refused_total + report.notes_total - len(report.refused) - len(report.notes)
    if left_out:
        yield "left out", None, "", f"{left_out:,} more refusals and notes were only counted."
