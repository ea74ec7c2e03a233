"""Forms: what was typed, and what is wrong with it, field by field."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Generic, TypeVar, get_args

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from app.core.exceptions import AppError

M = TypeVar("M", bound=BaseModel)

SECRET_FIELDS = frozenset(
    {"password", "current_password", "csrf_token", "code", "totp_code", "recovery_code"}
)
SENTENCES = {
    "missing": "Please fill this in.",
    "string_too_short": "Please enter at least {min_length} characters.",
    "string_too_long": "Please enter at most {max_length} characters.",
    "too_short": "Please enter at least {min_length} characters.",
    "too_long": "Please enter at most {max_length} characters.",
    "string_pattern_mismatch": "Please check how this is written.",
    "int_parsing": "Please enter a whole number.",
    "greater_than_equal": "Please enter at least {ge}.",
    "less_than_equal": "Please enter at most {le}.",
    "literal_error": "Please choose one of these.",
    "value_error": "{error}",
}
NOT_TAKEN = "Please enter something else here."
MARKED = "Please check the fields marked below."
PYDANTICS_OWN = frozenset[str](get_args(ErrorType))
"""Types of faults whose messages are for programmers; those of our own schemas are for readers."""


def sentence_for(problem: ErrorDetails) -> str:
    """Return what a reader is told of a fault."""
    kind = problem["type"]
    if kind in SENTENCES:
        return SENTENCES[kind].format(**problem.get("ctx", {}))
    return NOT_TAKEN if kind in PYDANTICS_OWN else problem["msg"]


@dataclass
class Form(Generic[M]):
    """A form as it was sent. ``data`` is there when every field was right.

    ``typed`` has what is shown again, which no secret is; ``fields`` names those secrets too.
    """

    typed: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    data: M | None = None
    message: str | None = None
    fields: frozenset[str] = frozenset()

    def refuse(self, error: AppError) -> None:
        """Show a rule's refusal beside the field that is to blame, else above the form."""
        if error.field is not None and error.field in self.fields | self.typed.keys():
            self.errors[error.field] = error.detail
        else:
            self.message = error.detail


@asynccontextmanager
async def undone_if_refused(session: AsyncSession) -> AsyncIterator[None]:
    """Undo what the block wrote when a rule refuses, and pass the refusal on.

    A page that shows a refusal is an ordinary answer, after which the request's transaction is
    committed. Whoever catches an ``AppError`` therefore calls its service in here.
    """
    try:
        yield
    except AppError:
        await session.rollback()
        raise


async def read_form(request: Request, model: type[M]) -> Form[M]:
    """Read a form and check it against a model; empty fields count as not sent."""
    sent = await request.form()
    values = {name: value for name, value in sent.items() if isinstance(value, str)}
    typed = {name: value for name, value in values.items() if name not in SECRET_FIELDS}
    form = Form[M](typed=typed, fields=frozenset(model.model_fields))
    wanted = {
        name: values[name].strip() if name not in SECRET_FIELDS else values[name]
        for name in model.model_fields
        if values.get(name, "").strip()
    }
    try:
        form.data = model.model_validate(wanted)
    except ValidationError as error:
        form.message = MARKED
        for problem in error.errors():
            if problem["loc"]:
                form.errors[str(problem["loc"][0])] = sentence_for(problem)
            else:  # no one field is to blame
                form.message = sentence_for(problem)
    return form


def ask_to_wait(response: Response, error: AppError) -> Response:
    """Say in the head of a refusal's page, for programs that send forms, that it is too early."""
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        response.status_code = error.status
        response.headers.update(error.headers)
    return response
