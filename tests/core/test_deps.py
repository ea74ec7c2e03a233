"""What endpoints depend on costs no thread."""

import inspect
from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.core.health import router as health_router
from app.registry import API_ROUTERS, PAGE_ROUTERS

ROUTES = [
    route
    for router in (health_router, *API_ROUTERS, *PAGE_ROUTERS)
    for route in router.routes
    if isinstance(route, APIRoute)
]


def calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for needed in dependant.dependencies:
        yield from calls(needed)


def is_asynchronous(call: object) -> bool:
    call = call if inspect.isroutine(call) else type(call).__call__
    return inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)


def test_nothing_that_a_request_needs_runs_in_a_thread() -> None:
    needed = {call for route in ROUTES for call in calls(route.dependant)}
    assert len(needed) > 40
    assert {call for call in needed if not is_asynchronous(call)} == set()
