"""The bytes of a message: unpacked, in an encoding that can be searched, free of forbidden bytes.

What comes out is UTF-8 or one of the encodings that share its ASCII (``Source.encoding`` says what
the file declares); which of them a record really is in is decided record by record.
"""

import codecs
import gzip
import io
import re
import zlib
from collections import Counter
from typing import BinaryIO, Protocol, cast

from app.books.importers.csv import (
    DAMAGED_GZIP,
    FREELY_UNPACKED_BYTES,
    GZIP_MAGIC,
    MAX_UNPACKED_RATIO,
    ZIP_MAGIC,
    CountingReader,
)
from app.books.importers.errors import ImportFileError
from app.books.importers.report import RepairKind

DECLARED_ENCODING = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})""")
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
UNMARKED = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
WIDE = ("utf-16", "utf-32")
ASCII_FAMILY = {"utf-8", "iso8859-1", "cp1252", "ascii"}
"""Python's names of the encodings that are told apart record by record."""

FORBIDDEN = bytes({*range(0x20)} - {0x09, 0x0A, 0x0D})
"""The control characters that XML does not allow at all."""

START_BYTES = 1024


class _Decoder(Protocol):
    def decode(self, data: bytes, final: bool, /) -> str: ...  # noqa: FBT001 (the codecs')


class DamagedSourceError(Exception):
    """The rest of the file cannot be read; the message is a sentence for the bookseller."""


class Source:
    """Reads a message, plain or gzipped; ``repairs`` counts what was done to its characters."""

    def __init__(self, stream: BinaryIO) -> None:
        """Look at how the stream begins.

        Raises:
            ImportFileError: it is empty, an archive, or damaged from the first byte.
        """
        self.repairs: Counter[RepairKind] = Counter()
        self._packed = CountingReader(stream)
        buffered = io.BufferedReader(self._packed)
        self._is_gzip = buffered.peek(2).startswith(GZIP_MAGIC)
        if buffered.peek(4).startswith(ZIP_MAGIC):
            raise ImportFileError("This is a ZIP file. Please unpack it first.")
        self._stream = cast(
            io.BufferedReader, gzip.GzipFile(fileobj=buffered) if self._is_gzip else buffered
        )
        self._unpacked_bytes = 0
        self._decoder: _Decoder | None = None
        try:
            self._start = self._read(START_BYTES)
        except DamagedSourceError:
            raise ImportFileError("The compressed file is damaged.") from None
        if not self._start:
            raise ImportFileError("The file is empty.")
        self.encoding = self._recognise()

    def read(self, size: int) -> bytes:
        """Return about so many bytes, none at the end.

        Raises:
            DamagedSourceError: there is more, but it cannot be unpacked.
        """
        chunk, self._start = self._start, b""
        while True:
            chunk = chunk or self._read(size)
            is_end = not chunk
            if self._decoder is not None:
                chunk = self._decoder.decode(chunk, is_end).encode("utf-8", "replace")
            allowed = chunk.translate(None, FORBIDDEN)
            if len(allowed) != len(chunk):
                self.repairs[RepairKind.CHARACTERS] += len(chunk) - len(allowed)
            if allowed or is_end:
                return allowed
            chunk = b""

    def _read(self, size: int) -> bytes:
        try:
            chunk = self._stream.read1(size)  # of what is damaged, all that is not
        except (*DAMAGED_GZIP, zlib.error):
            raise DamagedSourceError("From here on the compressed file is damaged.") from None
        self._unpacked_bytes += len(chunk)
        if (
            self._is_gzip
            and self._unpacked_bytes > FREELY_UNPACKED_BYTES
            and self._unpacked_bytes > MAX_UNPACKED_RATIO * self._packed.bytes_read
        ):
            raise DamagedSourceError(
                f"The file unpacks to more than {MAX_UNPACKED_RATIO} times its size: "
                "the rest was not read."
            )
        return chunk

    def _recognise(self) -> str:
        """Believe a byte order mark, then zero bytes, then the declaration; drop the mark."""
        for mark, encoding in BYTE_ORDER_MARKS:
            if self._start.startswith(mark):
                self._start = self._start[len(mark) :]
                return self._decode_wide(encoding)
        for start, encoding in UNMARKED:
            if self._start.startswith(start):
                return self._decode_wide(encoding)
        declared = DECLARED_ENCODING.search(self._start)
        name = _python_name(declared[1].decode("ascii")) if declared else ""
        if name.startswith(WIDE):  # what was readable as ASCII so far is not in it
            self.repairs[RepairKind.ENCODING_DECLARED] += 1
            return "utf-8"
        if name and name not in ASCII_FAMILY:
            return self._decode_wide(name)
        return name

    def _decode_wide(self, encoding: str) -> str:
        if encoding != "utf-8":
            self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        return "utf-8"


def _python_name(declared: str) -> str:
    """Return Python's name of a text encoding, empty for one that it does not know."""
    try:
        info = codecs.lookup(declared)
    except LookupError:
        return ""
    return info.name if info._is_text_encoding else ""  # noqa: SLF001 (nothing public tells it)
