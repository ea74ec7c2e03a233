"""Bases and types of all Pydantic schemas."""

import re
from decimal import Decimal
from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

MAX_ID = 2**31 - 1
FORBIDDEN_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
LINE_BREAKS = re.compile("[\t\n\r\x85\u2028\u2029]+")


def refuse_control_characters(text: str) -> str:
    """Return the text, or refuse what PostgreSQL or UTF-8 cannot hold or no reader should see."""
    if FORBIDDEN_CHARACTERS.search(text):
        raise PydanticCustomError("unprintable", "Please leave out characters that nobody can see.")
    return text


def blank_to_none(value: Any) -> Any:
    """Treat a field that a form sent empty as one that was not sent."""
    return None if isinstance(value, str) and not value.strip() else value


def join_lines(value: Any) -> Any:
    """Return a text with its lines one behind the other, a space between."""
    if not isinstance(value, str):
        return value
    return " ".join(line.strip() for line in LINE_BREAKS.split(value) if line.strip())


Text = Annotated[str, AfterValidator(refuse_control_characters)]
"""Text from outside that can be stored: no NUL, no control characters, no lone surrogates."""

OneLine = Annotated[Text, BeforeValidator(join_lines)]
"""Text that is shown as one line; one that came with line breaks is joined."""

Id = Annotated[int, Field(ge=1, le=MAX_ID)]
"""A row's id; what does not fit the column is a malformed request, never a database error."""

Price = Annotated[Decimal, Field(gt=0, max_digits=10, decimal_places=2, allow_inf_nan=False)]
"""An amount above zero with at most two decimals."""

EmptyAsNone = BeforeValidator(blank_to_none)
"""Marks a form field that may be left empty."""


class WriteModel(BaseModel):
    """What a client sends. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Python takes ``True`` for 1; who sends ``true`` for a quantity made a mistake."""
        if isinstance(value, bool) and not _takes_truth(cls, str(info.field_name)):
            raise PydanticCustomError("bool_not_taken", "This is not a yes or no.")
        return value


def _takes_truth(model: type[BaseModel], field: str) -> bool:
    annotation = model.model_fields[field].annotation
    return bool in {annotation, *get_args(annotation)}


class ReadModel(BaseModel):
    """What a client is told, read from rows or other schemas."""

    model_config = ConfigDict(from_attributes=True)
