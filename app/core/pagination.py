"""Lists come in pages."""

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

T = TypeVar("T")

MAX_OFFSET = 10_000
"""How deep ``page`` and ``size`` may reach; beyond it an offset reads more than it returns."""


class PageQuery(BaseModel):
    """Which page is asked for; the first is 1."""

    page: Annotated[int, Field(ge=1, le=MAX_OFFSET)] = 1
    size: Annotated[int, Field(ge=1, le=100)] = 20

    @property
    def offset(self) -> int:
        """How many rows come before this page, at most ``MAX_OFFSET``."""
        return min((self.page - 1) * self.size, MAX_OFFSET)


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
