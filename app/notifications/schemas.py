"""What readers and staff are told of messages."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.pagination import ListQuery
from app.core.schemas import EmptyAsNone, ReadModel, Text, WriteModel
from app.core.translation import Language

Word = Annotated[Annotated[Text, Field(max_length=254)] | None, EmptyAsNone]


class MailState(StrEnum):
    """Whether a message was handed over."""

    WAITING = "waiting"
    SENT = "sent"


class MessageRead(ReadModel):
    """A message, as far as it is still known. The token of a link is in none."""

    created_at: datetime
    sent_at: datetime | None
    template: str
    subject: str
    body_text: str


class MailFilter(BaseModel):
    """Which messages are asked for; without any filter, all."""

    recipient: Annotated[Word, Field(description="The whole address.")] = None
    template: Annotated[Word, Field(examples=["order_shipped"])] = None
    state: Annotated[MailState | None, EmptyAsNone] = None


class MailQuery(MailFilter, ListQuery):
    """Which messages, and which part of the list of them."""


class MailRead(ReadModel):
    """A message, as the log shows it. One that was sent long ago has no subject any more."""

    id: int
    event_id: Annotated[UUID, Field(description="What it is about; once for each recipient.")]
    recipient: str
    template: str
    message_id: Annotated[str, Field(description="What mail servers know it by, ever the same.")]
    subject: str
    created_at: datetime
    sent_at: Annotated[datetime | None, Field(description="Null while it waits.")]


class MailDetail(MailRead):
    """A message with its words. `[token]` stands where a link's token or a card's code will be."""

    body_text: str
    body_html: str


class MailTemplates(ReadModel):
    """What the shop writes, by the names that previews are asked for by."""

    templates: list[str]


class MailPreview(ReadModel):
    """A message as it would be with values that are made up."""

    template: str
    language: str
    subject: str
    body_text: str
    body_html: Annotated[str, Field(description="A whole document; the logo is within.")]


class StopLinkUse(WriteModel):
    """The token of a link that ends mails."""

    token: Annotated[str, Field(max_length=600)]


class PreviewQuery(BaseModel):
    """Of which language."""

    language: Annotated[Language | None, EmptyAsNone] = None
