"""The list of Thema codes becomes the subjects' headings and tree."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.codes import SubjectScheme
from app.books.importers import thema
from app.books.importers.errors import ImportFileError
from app.books.importers.thema import import_thema, read_list
from app.books.models import Subject
from tests.servers import run_command

LIST = Path(__file__).parents[3] / "shared" / "data" / "thema" / "thema_v1.6_en.json.gz"
CODES = (("F", "Fiction", ""), ("FB", "Fiction: general", "F"), (1, "Places", ""), ("1A", "X", 1))


def code_list(*codes: tuple[object, object, object], **more: Any) -> bytes:
    items = [
        {"CodeValue": code, "CodeDescription": heading, "CodeParent": parent, "CodeNotes": ""}
        for code, heading, parent in codes
    ]
    document = {"IssueNumber": 1.6, "ThemaCodes": {"Code": items}, **more}
    return json.dumps({"CodeList": document}).encode()


async def known(session: AsyncSession) -> set[tuple[str, str | None, str | None]]:
    rows = await session.execute(
        select(Subject.code, Subject.heading, Subject.parent_code).where(
            Subject.scheme == SubjectScheme.THEMA
        )
    )
    return {(row.code, row.heading, row.parent_code) for row in rows}


async def test_a_list_is_taken_once(db_session: AsyncSession) -> None:
    for scheme, code in ((SubjectScheme.THEMA, "FB"), (SubjectScheme.THEMA, "FBXQ")):
        await db_session.execute(insert(Subject).values(scheme=scheme, code=code))
    report = await import_thema(db_session, gzip.compress(code_list(*CODES)))
    assert (report.issue, report.codes, report.changed) == ("1.6", 4, 4)
    expected = {
        ("F", "Fiction", None),
        ("FB", "Fiction: general", "F"),
        ("FBXQ", None, None),
        ("1", "Places", None),
        ("1A", "X", "1"),
    }
    assert await known(db_session) == expected
    assert (await import_thema(db_session, code_list(*CODES))).changed == 0
    changed = code_list(*CODES[:1], ("FB", "Novels", "F"))
    assert (await import_thema(db_session, changed)).changed == 1
    assert await known(db_session) == expected - {("FB", "Fiction: general", "F")} | {
        ("FB", "Novels", "F")
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no list"),
        (b"[]", "no list"),
        (b"\xff", "no list"),
        (b"[" * 200_000, "no list"),
        (code_list(("F", "", "")), "no list"),
        (code_list(("F", "a\x00", "")), "no list"),
        (code_list(("F" * 41, "Fiction", "")), "no list"),
        (code_list(*CODES, ThemaCodes={"Code": 5}), "no list"),
        (code_list(("FB", "General", "F")), "no code F"),
        (gzip.compress(code_list(*CODES), mtime=0)[:-9], "damaged"),
        (b"\x1f\x8bnonsense", "damaged"),
        (gzip.compress(bytes(3_000), mtime=0), "too large"),
        (bytes(2_001), "too large"),
    ],
)
async def test_what_is_no_list_writes_nothing(
    db_session: AsyncSession, monkeypatch: pytest.MonkeyPatch, content: bytes, reason: str
) -> None:
    monkeypatch.setattr(thema, "MAX_BYTES", 2_000 if reason == "too large" else 500_000)
    with pytest.raises(ImportFileError, match=reason):
        await import_thema(db_session, content)
    assert await known(db_session) == set()


@pytest.mark.skipif(not LIST.exists(), reason="the list is EDItEUR's and not part of this project")
def test_the_whole_list_is_read() -> None:
    issue, codes = read_list(LIST.read_bytes())
    assert (issue, len(codes)) == ("1.6", 9_187)
    tops = sorted(code for code, item in codes.items() if item["parent_code"] is None)
    assert "".join(tops) == "123456ACDFGJKLMNPQRSTUVWXY"
    assert codes["1DDF-FR-V"]["parent_code"] == "1DDF-FR-XA"


async def test_the_command_says_what_it_learnt(live_database: str, tmp_path: Path) -> None:
    file = tmp_path / "thema.json"
    file.write_bytes(code_list(*CODES))
    told = await run_command("import", "thema", str(file), database_url=live_database)
    assert "Thema 1.6 has 4 codes: 4 were new or changed." in told
