"""Lists come in pages."""

from typing import Annotated, Generic, Self, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field, model_validator

T = TypeVar("T")

MAX_OFFSET = 10_000
"""How deep ``page`` and ``size`` may reach; beyond it an offset reads more than it returns."""


class PageQuery(BaseModel):
    """Which page is asked for; the first is 1."""

    page: Annotated[int, Field(ge=1, le=MAX_OFFSET + 1)] = 1
    size: Annotated[int, Field(ge=1, le=100)] = 20

    @model_validator(mode="after")
    def _refuse_depth(self) -> Self:
        if self.offset > MAX_OFFSET:
            raise ValueError(f"page {self.page} is too deep: narrow the list down instead")
        return self

    @property
    def offset(self) -> int:
        """How many rows come before this page, at most ``MAX_OFFSET``."""
        return (self.page - 1) * self.size


PageParams = Annotated[PageQuery, Query()]


class Page(BaseModel, Generic[T]):
    """One page of a list. ``total`` counts all rows, over all pages."""

    items: list[T]
    total: int
    page: int
    size: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))
