"""What admins ask and are told about the audit."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from app.core.pagination import ListQuery
from app.core.schemas import EmptyAsNone, Id, ReadModel, Text


def _as_utc(moment: datetime) -> datetime:
    """Return the moment; one without a zone, or a day alone, is meant in UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


Moment = Annotated[
    Annotated[datetime, AfterValidator(_as_utc)] | None,
    EmptyAsNone,
]
Word = Annotated[Annotated[Text, Field(max_length=254)] | None, EmptyAsNone]


class AuditFilter(BaseModel):
    """Which acts are asked for; without any filter, all."""

    model_config = ConfigDict(populate_by_name=True)

    actor: Annotated[Word, Field(description="The e-mail address as it was then.")] = None
    actor_id: Annotated[Id | None, EmptyAsNone] = None
    action: Annotated[Word, Field(examples=["book.update"])] = None
    thing: Annotated[Word, Field(examples=["book"])] = None
    thing_id: Annotated[Word, Field(examples=["42"])] = None
    since: Annotated[Moment, Field(alias="from", description="The first moment.")] = None
    until: Annotated[Moment, Field(alias="to", description="The first moment after.")] = None


class AuditQuery(AuditFilter, ListQuery):
    """Which acts, and which part of the list of them."""


class AuditRead(ReadModel):
    """One act of the staff."""

    id: int
    created_at: Annotated[datetime, Field(description="When its transaction began.")]
    actor_id: Annotated[int | None, Field(description="Null for the command line.")]
    actor: Annotated[
        str, Field(description="The e-mail address as it was then, or the command line's user.")
    ]
    action: Annotated[str, Field(examples=["book.update"])]
    thing: Annotated[str, Field(examples=["book"])]
    thing_id: Annotated[str | None, Field(examples=["42"])]
    before: Annotated[dict[str, JsonValue] | None, Field(description="Of what differs.")]
    after: Annotated[dict[str, JsonValue] | None, Field(description="Of what differs.")]
    client: Annotated[str | None, Field(description="The address that it came from.")]
    user_agent: str | None

    @classmethod
    def columns(cls) -> list[str]:
        """Return the names of the columns of a table of acts."""
        return list(cls.model_fields)

    def cells(self) -> list[Any]:
        """Return an act as a row of such a table."""
        facts = self.model_dump(mode="json")
        return [_in_a_cell(facts[name]) for name in self.columns()]


def _in_a_cell(value: JsonValue) -> JsonValue:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
