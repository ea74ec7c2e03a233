"""Imports as the API and the command line tell of them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, computed_field

from app.books.models import ImportKind, ImportStatus
from app.books.schemas import MAX_QUANTITY
from app.core.pagination import PageQuery
from app.core.schemas import Price, ReadModel, Text, WriteModel

MAX_NAME_CHARACTERS = 200
MAX_MAPPINGS = 100

Mapping = Annotated[Text, Field(max_length=300)]


def refuse_half(mapping: str) -> str:
    """Return the words, which must say both whose column and what it holds."""
    if not all(mapping.rpartition("=")[::2]):
        raise ValueError("say which column is what, as in 'Their title=title'")
    return mapping


class ImportRequest(WriteModel):
    """What is sent beside a file, in the address."""

    kind: Annotated[
        ImportKind | None,
        Field(description="What the file holds; found out from its beginning if not said."),
    ] = None
    file_name: Annotated[
        Text,
        Field(
            max_length=MAX_NAME_CHARACTERS,
            description="What people call the file; a form's part has a name of its own.",
        ),
    ] = ""
    default_price: Annotated[
        Price | None, Field(description="CSV: the price of new books whose row has none.")
    ] = None
    default_stock: Annotated[
        int,
        Field(
            ge=0,
            le=MAX_QUANTITY,
            description="CSV: copies of new books whose row says nothing of them.",
        ),
    ] = 0
    mapping: Annotated[
        list[Annotated[Mapping, AfterValidator(refuse_half)]],
        Field(
            default_factory=list,
            max_length=MAX_MAPPINGS,
            description="CSV: which column is what, as `Their title=title`. Repeatable.",
        ),
    ]

    def options(self) -> dict[str, Any]:
        """Return what is kept of it with the import."""
        return self.model_dump(
            mode="json", include={"default_price", "default_stock", "mapping"}, exclude_none=True
        )


class RepairExampleRead(BaseModel):
    """A repair: what the file said, and what the shop has now."""

    line: int
    before: str
    after: str


class RepairRead(BaseModel):
    """What was done to records beyond reading them, how often, and a few examples."""

    kind: str
    count: int
    examples: list[RepairExampleRead]


class ImportRead(ReadModel):
    """An import: where it stands, and what became of its records so far.

    Every record is counted once as taken, updated, unchanged, deleted, outdated (something newer
    was known) or refused. Those `noted` were taken, and the report says what to know of them.
    """

    id: int
    kind: ImportKind
    status: ImportStatus
    file_name: str
    requested_by: str
    reason: Annotated[str | None, Field(description="Why it failed.")]
    is_cancelling: bool
    records: int
    taken: int
    updated: int
    unchanged: int
    deleted: int
    outdated: int
    refused: int
    noted: int
    left_out: Annotated[int, Field(description="Records that the report has no room for.")]
    bytes_read: int
    bytes_total: Annotated[int | None, Field(description="Unknown for what is read from a pipe.")]
    repairs: list[RepairRead]
    unused_columns: list[str]
    created_at: datetime
    started_at: datetime | None
    updated_at: datetime | None
    finished_at: datetime | None
    version: Annotated[int, Field(description="Grows with every change.")]

    resumed_at: Annotated[datetime | None, Field(exclude=True)]
    resumed_records: Annotated[int, Field(exclude=True)]
    resumed_bytes: Annotated[int, Field(exclude=True)]

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.finished_at is not None

    @computed_field(description="Records a second since it was begun or taken up again.")  # type: ignore[prop-decorator]
    @property
    def records_per_second(self) -> float | None:
        """How fast it goes."""
        seconds = self._seconds
        return round((self.records - self.resumed_records) / seconds, 1) if seconds else None

    @computed_field(description="About how many seconds are left, at the speed so far.")  # type: ignore[prop-decorator]
    @property
    def seconds_left(self) -> float | None:
        """How long it will still take."""
        seconds, done = self._seconds, self.bytes_read - self.resumed_bytes
        if self.is_over or self.bytes_total is None or not seconds or done <= 0:
            return None
        return round((self.bytes_total - self.bytes_read) * seconds / done, 1)

    @property
    def _seconds(self) -> float:
        if self.resumed_at is None or self.updated_at is None:
            return 0.0
        return max(0.0, (self.updated_at - self.resumed_at).total_seconds())


class EntryQuery(PageQuery):
    """Which part of a report is asked for."""

    outcome: Annotated[
        str | None,
        Field(pattern="^(taken|updated|unchanged|deleted|outdated|refused)$"),
    ] = None
    with_reason: Annotated[
        bool, Field(description="Only what was refused, or what there is to know of.")
    ] = False


class EntryRead(ReadModel):
    """What became of a record; `record` counts from 1, `line` is where it begins in the file."""

    record: int
    line: int
    reference: str
    outcome: str
    reason: str | None

    @classmethod
    def columns(cls) -> list[str]:
        """Return the header of a report as a table."""
        return list(cls.model_fields)

    def cells(self) -> list[object]:
        """Return the entry as a row of the table."""
        return [self.record, self.line, self.reference, self.outcome, self.reason]
