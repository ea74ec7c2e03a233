"""Who may do what: every endpoint, asked by everybody who may come.

``make matrix`` prints the table.
"""

import os
import re

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from tests.access.routes import ADMIN_PATHS, ENDPOINTS, Door, Endpoint
from tests.access.shop import (
    ADMIN,
    ANONYMOUS,
    DEACTIVATED,
    EXPIRED,
    READER,
    ROLES,
    STAFF,
    Shop,
)

YES = "yes"
SIGN_IN = "sign-in"
MISSING = "404"
REFUSALS = {
    "401": (401, "AUTH_TOKEN_INVALID"),
    "401 expired": (401, "AUTH_TOKEN_EXPIRED"),
    "403": (403, "AUTH_FORBIDDEN"),
    "403 closed": (403, "AUTH_ACCOUNT_DEACTIVATED"),
}
NAMES_NOBODYS = {
    "POST /api/v1/books/{book_id}/reviews": "a book, which all may review who have bought it",
    "POST /books/{book_id}/reviews": "likewise, on its page",
    "POST /account/connected/{provider}": "the way to a provider, which all may go",
    "POST /api/v1/auth/identities/{provider}": "likewise",
}
"""Paths that name what is nobody's own, and why all readers may."""

UNKNOWN = {ANONYMOUS: "401", EXPIRED: "401 expired", DEACTIVATED: "403 closed"}
"""Those whom the shop does not take for anybody, and what the API tells them."""


def expected(endpoint: Endpoint, role: str) -> str:
    """Return what the endpoint's policy has for somebody: let in, or one of the refusals."""
    if endpoint.door is Door.SHOPPER:
        return YES if role == ANONYMOUS else UNKNOWN.get(role, YES)
    if endpoint.door is not Door.ALL and role in UNKNOWN:
        return SIGN_IN if endpoint.door is Door.VISITOR else UNKNOWN[role]
    if endpoint.door is Door.ADMIN and role != ADMIN:
        return "403"
    if endpoint.door is Door.STAFF and role != ADMIN and STAFF.get(role) is not endpoint.right:
        return "403"
    if endpoint.is_of_its_owner and role != READER:
        sees_all = role == ADMIN or STAFF.get(role) is endpoint.owners_staff
        return YES if endpoint.owners_staff and sees_all else MISSING
    return YES


def test_every_endpoint_says_whom_it_lets_in() -> None:
    undeclared = [
        endpoint.name
        for endpoint in ENDPOINTS
        if (endpoint.guard is not None) == endpoint.is_marked_open
    ]
    assert undeclared == [], "depend on CurrentUser, CatalogueStaff, … or mark it @open_to_all"


def test_only_staff_get_into_the_back_office() -> None:
    back_office = [
        endpoint
        for endpoint in ENDPOINTS
        if endpoint.path.startswith(ADMIN_PATHS) or endpoint.records_acts
    ]
    assert len(back_office) > 30
    back_office = [endpoint for endpoint in back_office if endpoint.owners_staff is None]
    assert {endpoint.door for endpoint in back_office} == {Door.STAFF, Door.ADMIN}


def test_whatever_staff_change_is_written_down() -> None:
    silent = [
        endpoint.name
        for endpoint in ENDPOINTS
        if endpoint.is_unsafe
        and endpoint.door in {Door.STAFF, Door.ADMIN}
        and not endpoint.records_acts
    ]
    assert silent == [], "depend on app.audit.deps.AuditTrail and record the act"


def test_a_path_that_names_a_readers_own_says_so() -> None:
    undeclared = [
        endpoint.name
        for endpoint in ENDPOINTS
        if endpoint.door in {Door.READER, Door.VISITOR}
        and "{" in endpoint.path
        and not endpoint.is_of_its_owner
        and endpoint.name not in NAMES_NOBODYS
    ]
    assert undeclared == [], "mark it @of_its_owner, or tell in NAMES_NOBODYS why all readers may"


@pytest.fixture(scope="module")
def answered() -> dict[str, dict[Endpoint, str]]:
    """What each role was answered, for the table of all."""
    return {}


@pytest.mark.parametrize("role", ROLES)
async def test_every_endpoint_answers_everybody_as_it_says(
    shop: Shop,
    role: str,
    answered: dict[str, dict[Endpoint, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    cells: dict[Endpoint, str] = {}
    wrong: list[str] = []
    for endpoint in ENDPOINTS:
        wanted = expected(endpoint, role)
        faults = await ask(shop, endpoint, role, wanted)
        cells[endpoint] = "WRONG" if faults else wanted
        wrong += [f"{endpoint.name} as {role}: {fault}" for fault in faults]
    answered[role] = cells
    if "ACCESS_MATRIX" in os.environ and len(answered) == len(ROLES):
        with capsys.disabled():
            print_report(answered)
    assert wrong == []
    assert len(cells) == len(ENDPOINTS)
    assert await shop.is_as_filled()


async def ask(shop: Shop, endpoint: Endpoint, role: str, wanted: str) -> list[str]:
    """Ask as somebody; return what is not as it should be."""
    example = shop.example(endpoint)
    async with shop.asked(endpoint, role, is_prepared=wanted == YES) as response:
        status, code = response.status_code, None
        if response.headers.get("content-type") == "application/json" and status >= 400:
            code = response.json().get("code")
        faults = []
        if wanted == YES:
            signed_in = role not in UNKNOWN and example.signed_in_status
            right = signed_in or example.status or endpoint.status
            if status != right:
                faults.append(f"{status} instead of {right}: {response.text[:200]}")
            faults += await check_acts(shop, endpoint, role)
            return faults
        if wanted == SIGN_IN:
            here = response.headers.get("location", "")
            if (status, here.partition("?")[0]) != (303, "/sign-in"):
                faults.append(f"{status} {here} instead of the form for signing in")
        elif wanted == MISSING:
            if status != example.missing:
                faults.append(f"{status} instead of {example.missing}: {response.text[:200]}")
        elif (status, code) != REFUSALS[wanted]:
            faults.append(f"{status} {code} instead of {REFUSALS[wanted]}")
        if await shop.has_written():
            faults.append("refused, and yet something was written")
        return faults


async def check_acts(shop: Shop, endpoint: Endpoint, role: str) -> list[str]:
    """Return what is wrong with the audit of a request that was let in."""
    entries = (
        await shop.connection.execute(
            select(AuditEntry.actor_id, AuditEntry.actor, AuditEntry.action)
        )
    ).all()
    account = shop.visitors[role].account
    as_staff = endpoint.door in {Door.STAFF, Door.ADMIN} or (
        endpoint.records_acts and role != READER
    )
    if not (endpoint.is_unsafe and as_staff):
        return [f"wrote to the audit: {entries}"] if entries else []
    assert account is not None
    if [entry[:2] for entry in entries] != [(account.id, account.email)]:
        return [f"not one row of {account.email} in the audit: {entries}"]
    action = str(entries[0].action)
    return [] if re.fullmatch(r"[a-z_]+\.[a-z_]+", action) else [f"no action: {action}"]


def print_report(answered: dict[str, dict[Endpoint, str]]) -> None:
    """Print the table of endpoints and roles."""
    rows = {endpoint: [answered[role][endpoint] for role in ROLES] for endpoint in ENDPOINTS}
    short = [role.replace("staff: ", "") for role in ROLES]
    width = max(len(endpoint.name) for endpoint in rows)
    columns = [max(len(name), 11) for name in short]
    head = "  ".join(name.ljust(size) for name, size in zip(short, columns, strict=True))
    lines = [f"{'':{width}}  {head}  policy"]
    for endpoint, cells in rows.items():
        row = "  ".join(cell.ljust(size) for cell, size in zip(cells, columns, strict=True))
        lines.append(f"{endpoint.name:{width}}  {row}  {endpoint.policy}")
    count = sum(map(len, rows.values()))
    right = sum(cell != "WRONG" for cells in rows.values() for cell in cells)
    share = 100 * count // (len(ENDPOINTS) * len(ROLES))
    lines.append(
        f"{len(rows)} endpoints by {len(ROLES)} roles: {count} cells asked ({share} %), "
        f"{right} answered as declared"
    )
    print("\n" + "\n".join(lines))  # noqa: T201 (it is asked for)
