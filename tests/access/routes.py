"""Every endpoint of the application, and whom it says that it lets in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from fastapi.dependencies.models import Dependant
from starlette.routing import BaseRoute, Mount, Route

from app.audit.deps import get_trail
from app.cart.deps import get_customer, get_shopper
from app.core.deps import StaffFor, get_current_admin, get_current_user, get_user_if_any
from app.core.rights import Right
from app.main import app
from app.users.deps import get_signed_in_visitor
from app.users.two_step.deps import get_enrolling_user

ADMIN_PATHS = "/api/v1/admin/"
OF_THE_FRAMEWORK = {"/api/openapi.json", "/static"}
"""Routes that are no endpoints of ours, and open to all: what the API can do, and static files."""


class Door(StrEnum):
    """Who is let in, as far as an endpoint itself says."""

    ALL = "all"
    SHOPPER = "all, but no bad token"
    READER = "reader"
    VISITOR = "reader (page)"
    STAFF = "staff"
    ADMIN = "admin"


@dataclass(frozen=True, eq=False)
class Endpoint:
    """What a request can reach: a method of a path."""

    method: str
    path: str
    function: Callable[..., Any] | None
    dependant: Dependant | None
    status: int

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @cached_property
    def calls(self) -> set[Any]:
        return set(_calls(self.dependant)) if self.dependant else set()

    @property
    def right(self) -> Right | None:
        return next((call.right for call in self.calls if isinstance(call, StaffFor)), None)

    @property
    def is_marked_open(self) -> bool:
        return bool(getattr(self.function, "is_open_to_all", self.path in OF_THE_FRAMEWORK))

    @property
    def is_of_its_owner(self) -> bool:
        return bool(getattr(self.function, "is_of_its_owner", False))

    @property
    def owners_staff(self) -> Right | None:
        right: Right | None = getattr(self.function, "owners_staff", None)
        return right

    @property
    def records_acts(self) -> bool:
        return get_trail in self.calls

    @property
    def guard(self) -> Door | None:
        """The strictest of what the endpoint depends on."""
        if get_current_admin in self.calls:
            return Door.ADMIN
        if self.right is not None:
            return Door.STAFF
        if self.calls & {get_current_user, get_enrolling_user, get_customer}:
            return Door.READER
        if self.calls & {get_shopper, get_user_if_any}:
            return Door.SHOPPER
        return Door.VISITOR if get_signed_in_visitor in self.calls else None

    @property
    def door(self) -> Door:
        return self.guard or Door.ALL

    @property
    def is_unsafe(self) -> bool:
        return self.method not in {"GET", "HEAD"}

    @property
    def policy(self) -> str:
        """The policy in words."""
        words = f"staff: {self.right}" if self.door is Door.STAFF else str(self.door)
        if self.is_of_its_owner:
            words += ", its owner" + (f" or {self.owners_staff}" if self.owners_staff else "")
        return words


def _calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for needed in dependant.dependencies:
        yield from _calls(needed)


def _flat(routes: list[BaseRoute]) -> Iterator[Any]:
    """Return routes as they answer, those of included routers under the address they have there."""
    for route in routes:
        if hasattr(route, "effective_candidates"):
            yield from _flat(route.effective_candidates())
        else:
            yield route


def endpoints() -> list[Endpoint]:
    """Return everything that a request can reach, HEAD apart: it is answered as GET."""
    found = []
    for route in _flat(app.routes):
        if isinstance(route, Mount):
            found.append(Endpoint("GET", route.path, None, None, 200))
            continue
        dependant = None if isinstance(route, Route) else route.dependant
        status = getattr(route, "status_code", None) or 200
        found += [
            Endpoint(method, route.path, route.endpoint, dependant, status)
            for method in sorted(route.methods - {"HEAD"})
        ]
    return sorted(found, key=lambda endpoint: (endpoint.path, endpoint.method))


ENDPOINTS = endpoints()
