"""What clients ask and are told about people, series and publishers."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from app.books.schemas import Line, Prose
from app.core.schemas import Id, WriteModel

MAX_MERGED = 20


class ContributorUpdate(WriteModel):
    """Changes to a contributor: what is not sent stays, null clears what may be missing."""

    name: Annotated[Line, Field(examples=["Jane Austen"])] | None = None
    sort_name: Annotated[Line, Field(examples=["Austen, Jane"])] | None = None
    is_body: bool | None = None
    biography: Prose | None = None

    @model_validator(mode="after")
    def _refuse_null(self) -> Self:
        for name in ("name", "is_body"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} must not be null")
        return self


class SeriesUpdate(WriteModel):
    """A series' new title."""

    title: Line


class PublisherUpdate(WriteModel):
    """A publisher's new name."""

    name: Line


class NamesMerge(WriteModel):
    """Others that are the same."""

    ids: Annotated[
        list[Id],
        Field(min_length=1, max_length=MAX_MERGED, description="They go; their books stay."),
    ]
