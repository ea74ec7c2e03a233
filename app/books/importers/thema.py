"""EDItEUR's list of Thema codes, as its JSON file has it, into the subjects."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.codes import SubjectScheme
from app.books.importers.errors import ImportFileError
from app.books.repository import subjects

MAX_BYTES = 64 * 2**20
"""Ten times the list in any language; more is no list of codes."""

GZIP = b"\x1f\x8b"
MAX_CODE = 40


@dataclass(frozen=True, kw_only=True)
class ThemaReport:
    """How many codes the list has, and of how many of them something new was learnt."""

    issue: str
    codes: int
    changed: int


async def import_thema(session: AsyncSession, content: bytes) -> ThemaReport:
    """Give subjects the headings and the tree of a Thema list, a JSON file, plain or gzip.

    Codes that the shop does not know yet are added. Those that are not in the list stay as they
    are. The same list again changes nothing.

    Raises:
        ImportFileError: it is no such list; nothing was written.
    """
    issue, codes = read_list(content)
    changed = await subjects.write_headings(
        session, scheme=SubjectScheme.THEMA, subjects=list(codes.values())
    )
    return ThemaReport(issue=issue, codes=len(codes), changed=changed)


def read_list(content: bytes) -> tuple[str, Mapping[str, Mapping[str, str | None]]]:
    """Return the issue of a list, and its codes with heading and parent.

    Raises:
        ImportFileError: it is no such list.
    """
    try:
        code_list = json.loads(_unpacked(content))["CodeList"]
        items = code_list["ThemaCodes"]["Code"]
        codes = dict(map(_read_code, items))
        issue = str(code_list["IssueNumber"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ImportFileError("This is no list of Thema codes in EDItEUR's JSON.") from None
    unknown = {code["parent_code"] for code in codes.values()} - codes.keys() - {None}
    if unknown:
        raise ImportFileError(f"The list is incomplete: it has no code {min(map(str, unknown))}.")
    return issue, codes


def _unpacked(content: bytes) -> bytes:
    if content.startswith(GZIP):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            content = unpacker.decompress(content, MAX_BYTES + 1)
        except zlib.error:
            raise ImportFileError("The compressed file is damaged.") from None
        if not unpacker.eof and len(content) <= MAX_BYTES:
            raise ImportFileError("The compressed file is damaged.")
    if len(content) > MAX_BYTES:
        raise ImportFileError("The file is too large for a list of Thema codes.")
    return content


def _read_code(item: Mapping[str, Any]) -> tuple[str, Mapping[str, str | None]]:
    """Read one code. Those of one digit are numbers in the file, and so are parents."""
    code, heading = str(item["CodeValue"]).strip(), str(item["CodeDescription"]).strip()
    parent = str(item["CodeParent"]).strip() or None
    if not code or not heading or len(code) > MAX_CODE or "\x00" in code + heading:
        raise ValueError("a code or its heading is missing")
    return code, {"code": code, "heading": heading, "parent_code": parent}
