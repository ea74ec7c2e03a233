"""CSV as the trade sends it: gzipped or not, in several encodings, with several delimiters.

Everything is streamed and bounded: memory does not grow with the file, with a line that never
ends or with a quotation mark that is never closed. What cannot be read costs its own row.
"""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO, cast

from app.books.importers.errors import ImportFileError

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
DELIMITERS = ",;\t"
QUOTED = re.compile(r'"[^"]*"')
UNDECODABLE = re.compile("[\udc80-\udcff]+")
"""Bytes that are not UTF-8, as Python's ``surrogateescape`` marks them."""

MAX_LINE_CHARACTERS = 1_000_000
DAMAGED_GZIP = (EOFError, gzip.BadGzipFile, zlib.error)
MAX_UNPACKED_RATIO = 500
FREELY_UNPACKED_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of a row; ``line`` is where it begins in the file, counted from 1."""

    line: int
    cells: list[str]
    is_recoded: bool = False
    """Whether some of it was not UTF-8 and was read as Windows-1252."""


@dataclass(frozen=True, slots=True)
class BrokenRecord:
    """A row that cannot be told into cells, and why."""

    line: int
    reason: str
    ends_file: bool = False
    """Whether nothing after it can be read."""


class CountingReader(io.RawIOBase):
    """Passes on what a binary stream holds, and knows how many bytes that were."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.bytes_read = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill the buffer, which only the end of the stream leaves partly empty."""
        chunk = self._stream.read(len(buffer))
        buffer[: len(chunk)] = chunk
        self.bytes_read += len(chunk)
        return len(chunk)


class UnpackingReader(io.RawIOBase):
    """Unpacks gzip, up to far more than honest files hold.

    Reading raises one of ``DAMAGED_GZIP`` where it is damaged, and where it holds still more.
    """

    def __init__(self, packed: CountingReader, buffered: BinaryIO) -> None:
        self._packed = packed
        self._stream = gzip.GzipFile(fileobj=buffered)
        self._bytes_unpacked = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill some of the buffer, nothing of it at the end."""
        size = self._stream.readinto(buffer)
        self._bytes_unpacked += size
        if (
            self._bytes_unpacked > FREELY_UNPACKED_BYTES
            and self._bytes_unpacked > MAX_UNPACKED_RATIO * self._packed.bytes_read
        ):
            raise gzip.BadGzipFile(f"unpacks to more than {MAX_UNPACKED_RATIO} times its size")
        return size


def read_records(raw: io.RawIOBase) -> Iterator[Record | BrokenRecord]:
    """Yield the header and then every row that is not blank.

    Raises:
        ImportFileError: there is no header to be read. Later faults are broken records.
    """
    try:
        lines = _Lines(_open_text(raw))
        header = next((line for line in lines if line.strip()), None)
    except DAMAGED_GZIP:
        raise ImportFileError("The compressed file is damaged.") from None
    if header is None:
        raise ImportFileError("The file is empty.")
    yield from _read(lines, header)


def _open_text(raw: io.RawIOBase) -> io.TextIOWrapper:
    """Unpack what is gzipped; believe a byte order mark, else expect UTF-8."""
    packed = CountingReader(cast(BinaryIO, raw))
    stream = io.BufferedReader(cast(io.RawIOBase, packed))
    if stream.peek(2).startswith(GZIP_MAGIC):
        stream = io.BufferedReader(UnpackingReader(packed, cast(BinaryIO, stream)))
    start = stream.peek(4)
    if start.startswith(ZIP_MAGIC):
        raise ImportFileError("This is a spreadsheet or a ZIP file. Please save it as CSV first.")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return io.TextIOWrapper(stream, encoding="utf-16", errors="replace", newline="")
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")


class _Lines:
    """Lines of bounded length that remember what had to be done to them."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.number = 0
        self.forget()

    def forget(self) -> None:
        """Begin a new record."""
        self.is_too_long = False
        self.is_recoded = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_LINE_CHARACTERS)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == MAX_LINE_CHARACTERS:
            self.is_too_long = True
            self._skip_rest(line)
            return "\n"
        if not line.isascii() and UNDECODABLE.search(line):
            self.is_recoded = True
            return UNDECODABLE.sub(as_windows_1252, line)
        return line

    def _skip_rest(self, line: str) -> None:
        while line and not line.endswith(("\n", "\r")):
            line = self._text.readline(MAX_LINE_CHARACTERS)


def as_windows_1252(match: re.Match[str]) -> str:
    """Return what bytes mean that ``surrogateescape`` has marked as no UTF-8."""
    return match[0].encode("utf-8", "surrogateescape").decode("cp1252", "replace")


def _read(lines: _Lines, header: str) -> Iterator[Record | BrokenRecord]:
    outside_quotes = QUOTED.sub("", header)
    delimiter = max(DELIMITERS, key=outside_quotes.count)
    reader = csv.reader(chain([header], lines), delimiter=delimiter)
    line = lines.number
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield BrokenRecord(
                line,
                f"Lines {line} to {lines.number} are one row with a cell of more than "
                f"{csv.field_size_limit():,} characters: is a quotation mark not closed?",
            )
        except DAMAGED_GZIP:
            yield BrokenRecord(
                lines.number + 1, "From here on the compressed file is damaged.", ends_file=True
            )
            return
        else:
            if lines.is_too_long:
                yield BrokenRecord(
                    line, f"The line has more than {MAX_LINE_CHARACTERS:,} characters."
                )
            elif any(cell.strip() for cell in cells):
                yield Record(line, cells, lines.is_recoded)
        lines.forget()
        line = lines.number + 1
