"""Bases and types of all Pydantic schemas."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

MAX_ID = 2**31 - 1
FORBIDDEN_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def refuse_control_characters(text: str) -> str:
    """Return the text, or refuse what PostgreSQL or UTF-8 cannot hold or no reader should see."""
    if FORBIDDEN_CHARACTERS.search(text):
        raise PydanticCustomError("unprintable", "Please leave out characters that nobody can see.")
    return text


def blank_to_none(value: Any) -> Any:
    """Treat a field that a form sent empty as one that was not sent."""
    return None if isinstance(value, str) and not value.strip() else value


Text = Annotated[str, AfterValidator(refuse_control_characters)]
"""Text from outside that can be stored: no NUL, no control characters, no lone surrogates."""

Id = Annotated[int, Field(ge=1, le=MAX_ID)]
"""A row's id; what does not fit the column is a malformed request, never a database error."""

Price = Annotated[Decimal, Field(gt=0, max_digits=10, decimal_places=2, allow_inf_nan=False)]
"""An amount above zero with at most two decimals."""

EmptyAsNone = BeforeValidator(blank_to_none)
"""Marks a form field that may be left empty."""


class WriteModel(BaseModel):
    """What a client sends. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class ReadModel(BaseModel):
    """What a client is told, read from rows or other schemas."""

    model_config = ConfigDict(from_attributes=True)
