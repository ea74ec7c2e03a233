import gzip
import io
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.books.importers.csv import (
    MAX_LINE_CHARACTERS,
    BrokenRecord,
    CountingReader,
    Record,
    read_records,
)
from app.books.importers.errors import ImportFileError

SPECTRUM = Path(__file__).parents[2].parent / "shared" / "data" / "text" / "csv_spectrum"
LOCATION = "location_coordinates"  # its expected telephone number is another one than the file's
SPECTRUM_NAMES = sorted(
    {path.stem.removeprefix("csvs__") for path in SPECTRUM.glob("csvs__*.csv")} - {LOCATION}
)


def read(content: bytes) -> list[Record | BrokenRecord]:
    return list(read_records(CountingReader(io.BytesIO(content))))


def cells(content: bytes) -> list[list[str]]:
    return [record.cells for record in read(content) if isinstance(record, Record)]


@pytest.mark.skipif(not SPECTRUM_NAMES, reason="the shared samples are not here")
@pytest.mark.parametrize("name", SPECTRUM_NAMES)
def test_csv_spectrum(name: str) -> None:
    header, *rows = cells((SPECTRUM / f"csvs__{name}.csv").read_bytes())
    expected = json.loads((SPECTRUM / f"json__{name}.json").read_text(encoding="utf-8"))
    if name.startswith("newlines"):  # the files have the line ends that their transport left them
        rows = [[cell.replace("\r\n", "\n") for cell in row] for row in rows]
        expected = [{k: v.replace("\r\n", "\n") for k, v in row.items()} for row in expected]
    assert [dict(zip(header, row, strict=True)) for row in rows] == expected


def test_quotation_marks_within_a_cell_are_kept() -> None:
    content = b"phone,place\n2095257564,37 36'37.8\"N 121 2'17.9\"W\n"
    assert cells(content)[1] == ["2095257564", "37 36'37.8\"N 121 2'17.9\"W"]


@pytest.mark.parametrize(
    ("encoding", "prefix"),
    [("utf-8", b""), ("utf-8-sig", b""), ("utf-16", b""), ("utf-16-be", b"\xfe\xff")],
)
def test_encodings_are_recognised(encoding: str, prefix: bytes) -> None:
    content = prefix + "title,author\nÉmile,Zola — Œuvres\n".encode(encoding)
    assert read(content) == [
        Record(1, ["title", "author"]),
        Record(2, ["Émile", "Zola — Œuvres"]),
    ]


def test_windows_1252_is_read_and_told() -> None:
    content = b"title,author\n" + "„Œuvre“,Zola\n".encode("cp1252") + "É,Z\n".encode()
    assert read(content)[1:] == [
        Record(2, ["„Œuvre“", "Zola"], is_recoded=True),
        Record(3, ["É", "Z"], is_recoded=False),
    ]


def test_a_line_may_mix_encodings() -> None:
    content = b"title,author\n" + "É".encode() + b"," + "É".encode("cp1252") + b"\n"
    assert cells(content)[1] == ["É", "É"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_are_recognised(delimiter: str) -> None:
    content = f'title{delimiter}"by, or; by\tany"\nA{delimiter}B\n'.encode()
    assert cells(content) == [["title", "by, or; by\tany"], ["A", "B"]]


def test_delimiters_within_quotation_marks_do_not_count() -> None:
    assert cells(b'"a,b,c";title\n1;2\n') == [["a,b,c", "title"], ["1", "2"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_line_numbers(end: str) -> None:
    content = end.join(["", "a,b", "", '"one', 'two",2', " , ", "3,4", ""]).encode()
    assert read(content) == [
        Record(2, ["a", "b"]),
        Record(4, [f"one{end}two", "2"]),
        Record(7, ["3", "4"]),
    ]


def test_gzip_is_unpacked_and_bytes_are_counted_packed() -> None:
    packed = gzip.compress(b"a,b\n1,2\n")
    reader = CountingReader(io.BytesIO(packed))
    assert list(read_records(reader)) == [Record(1, ["a", "b"]), Record(2, ["1", "2"])]
    assert reader.bytes_read == len(packed)


def test_a_damaged_gzip_file_is_read_as_far_as_it_goes() -> None:
    rows = "".join(f"{number},{number * 7919 % 1009}\n" for number in range(20_000))
    packed = gzip.compress(f"a,b\n{rows}".encode())
    *good, last = read(packed[: len(packed) // 2])
    assert all(isinstance(record, Record) for record in good)
    assert len(good) > 1_000
    damage = "From here on the compressed file is damaged."
    assert last == BrokenRecord(len(good) + 1, damage, ends_file=True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty."),
        (b"\n \r\n\n", "The file is empty."),
        (b"\x1f\x8b\x08", "The compressed file is damaged."),
        (
            b"PK\x03\x04 ...",
            "This is a spreadsheet or a ZIP file. Please save it as CSV first.",
        ),
    ],
)
def test_what_is_no_csv_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ImportFileError) as refused:
        read(content)
    assert refused.value.detail == reason


def test_an_overlong_line_costs_its_own_row() -> None:
    content = b"a,b\n" + b"x" * (2 * MAX_LINE_CHARACTERS) + b",y\n1,2\n"
    assert read(content) == [
        Record(1, ["a", "b"]),
        BrokenRecord(2, "The line has more than 1,000,000 characters."),
        Record(3, ["1", "2"]),
    ]


def test_a_quotation_mark_that_is_not_closed_does_not_swallow_the_file() -> None:
    rows = "".join(f"{number},{'y' * 90}\n" for number in range(3, 3_000))
    _, broken, first, *_ = read(f'a,b\n"open,1\n{rows}'.encode())
    assert isinstance(broken, BrokenRecord)
    assert broken.line == 2
    assert broken.reason.startswith("Lines 2 to ")
    assert broken.reason.endswith("is a quotation mark not closed?")
    assert isinstance(first, Record)
    assert first.cells[0] == str(first.line)


def test_memory_does_not_grow_with_the_file() -> None:
    bomb = gzip.compress(b"a,b\n" + b"\0" * 50_000_000 + b"\n" + b"1,2\n" * 500_000)
    tracemalloc.start()
    count = sum(1 for _ in read_records(CountingReader(io.BytesIO(bomb))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 500_002
    assert peak < 16_000_000


csv_like = st.lists(
    st.sampled_from([b'"', b",", b";", b"\t", b"\n", b"\r", b"\0", b"a", b"\xe9", b"\xff\xfe"])
)


@given(st.one_of(st.binary(max_size=400), csv_like.map(b"".join)), st.booleans())
def test_no_bytes_crash_the_parser(content: bytes, is_packed: bool) -> None:  # noqa: FBT001
    try:
        records = read(gzip.compress(content) if is_packed else content)
    except ImportFileError:
        return
    lines = [record.line for record in records]
    assert lines == sorted(set(lines))
    for record in records:
        if isinstance(record, Record):
            "\n".join(record.cells).encode()


@given(
    st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\ufeff\r\n"), min_size=1),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
    ),
    st.sampled_from([",", ";", "\t"]),
)
def test_what_was_written_as_csv_is_read_back(rows: list[list[str]], delimiter: str) -> None:
    quoted = [
        delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row)
        for row in [["a", "b", "c"], *rows]
    ]
    kept = [row for row in rows if any(cell.strip() for cell in row)]
    assert cells("\n".join(quoted).encode())[1:] == kept
