"""ONIX for Books: a stream of bytes, plain or gzipped, becomes a header and products.

Nothing is fetched, no file but the stream is read, and memory does not grow with the message.
"""

import re
from collections import Counter, deque
from collections.abc import Iterator
from itertools import chain, islice
from typing import BinaryIO

from app.books.importers.errors import ImportFileError
from app.books.importers.onix.characters import to_utf8
from app.books.importers.onix.header import read_prolog
from app.books.importers.onix.parser import BrokenXmlError, RecordParser
from app.books.importers.onix.product import BrokenProduct, OnixHeader, OnixProduct
from app.books.importers.onix.record import read_record
from app.books.importers.onix.source import Source
from app.books.importers.onix.split import Gap, Record, Splitter, Torn
from app.books.importers.report import Repair, RepairKind

REFERENCE = re.compile(
    rb"<(?:[A-Za-z_][\w.-]{0,63}:)?(?:RecordReference|a001)(?:\s[^<>]{0,200})?>\s*([^<]{1,200})",
    re.IGNORECASE,
)
SERIES_RECORD = re.compile(rb"<(?:main|sub)seriesrecord[\s>]", re.IGNORECASE)
NO_BEGINNING = "The record has an end tag but no start tag."
NO_TAGS = "Between two records there is a record without start and end tag."
NAMELESS = "The record says neither a reference nor an identifier of the product."


class OnixMessage:
    """A message: ``header`` at once, and its products by iterating, once.

    ``repairs`` counts the repairs made so far, those of the products included.
    """

    header: OnixHeader

    def __init__(self, stream: BinaryIO) -> None:
        """Read up to the first record.

        Raises:
            ImportFileError: this is no ONIX message.
        """
        self._source = Source(stream)
        self._repairs: Counter[RepairKind] = Counter()
        pieces = iter(Splitter(self._source))
        prolog = next(pieces)
        second = next(pieces, None)
        first_record = second.data if isinstance(second, Record | Torn) else b""
        read = read_prolog(self._decoded(prolog.data, []), first_record)
        if not read.has_root and not first_record:
            raise ImportFileError("This is no ONIX message: it has neither its root nor a product.")
        self.header = read.header
        self._parser = RecordParser(read.namespaces)
        self._telling = filter(_tells, chain([prolog], [second] if second else [], pieces))

    def __iter__(self) -> Iterator[OnixProduct | BrokenProduct]:
        for piece in self._telling:
            if isinstance(piece, Record):
                yield self._read(piece)
            elif isinstance(piece, Torn):
                yield self._broken(piece, piece.reason)
            else:
                yield self._broken(piece, NO_BEGINNING if piece.has_end_tag else NO_TAGS)

    def skip(self, count: int) -> None:
        """Go past so many records without understanding them, before iterating over the rest."""
        deque(islice(self._telling, count), maxlen=0)

    @property
    def repairs(self) -> Counter[RepairKind]:
        """How often what was repaired."""
        return self._source.repairs + self._repairs

    def _read(self, record: Record) -> OnixProduct | BrokenProduct:
        repairs: list[Repair] = []
        try:
            element = self._parser.parse(self._decoded(record.data, repairs), line=record.line)
        except BrokenXmlError as error:
            return self._broken(record, str(error))
        product = read_record(element, line=record.line, header=self.header, repairs=repairs)
        if not product.record_reference and not product.identifiers:
            return self._broken(record, NAMELESS)
        self._repairs.update(repair.kind for repair in repairs)
        return product

    def _decoded(self, data: bytes, repairs: list[Repair]) -> bytes:
        return to_utf8(data, encoding=self._source.encoding, repairs=repairs)

    def _broken(self, piece: Gap | Record | Torn, reason: str) -> BrokenProduct:
        blank = len(piece.data) - len(piece.data.lstrip())
        line = piece.line + piece.data.count(b"\n", 0, blank)
        found = REFERENCE.search(piece.data)
        reference = self._decoded(found[1], []).decode() if found else ""
        return BrokenProduct(line, " ".join(reference.split()), reason)


def _tells(piece: Gap | Record | Torn) -> bool:
    """Tell whether there is a product in a piece, or what was to be one."""
    if isinstance(piece, Record | Torn) or piece.has_end_tag:
        return True
    return bool(REFERENCE.search(piece.data)) and not SERIES_RECORD.search(piece.data)


def read_message(stream: BinaryIO) -> OnixMessage:
    """Return the message in a stream, which is read on while one iterates, and left open.

    Raises:
        ImportFileError: this is no ONIX message. Later faults are broken products.
        OSError: the stream cannot be read; also while iterating.
    """
    return OnixMessage(stream)
