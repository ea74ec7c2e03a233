"""What clients send and are told about identities elsewhere."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.core.schemas import ReadModel, Text, WriteModel
from app.integrations.oauth.provider import ProviderName

MAX_ID_TOKEN_CHARACTERS = 8192


class GoogleIdToken(WriteModel):
    """An ID token that a program got from Google for this shop."""

    id_token: Annotated[Text, Field(max_length=MAX_ID_TOKEN_CHARACTERS, repr=False)]


class IdentityRead(ReadModel):
    """An identity that opens the account, with its address there at the time."""

    provider: ProviderName
    email: str | None
    created_at: datetime


class ConnectedRead(ReadModel):
    """What opens the account: at most one identity of each provider."""

    identities: list[IdentityRead]


class Departure(ReadModel):
    """Where to send the browser."""

    authorization_url: str = Field(repr=False)
