"""A message cut into its records, so that a fault in one is no fault in any other.

Records are found by their tags alone, outside comments and CDATA, with a buffer that no file makes
grow beyond the largest record allowed. All offsets count from the beginning of the piece at hand.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.books.importers.onix.source import DamagedSourceError, Source

CHUNK_BYTES = 256 * 1024
MAX_RECORD_BYTES = 16 * 1024 * 1024
MAX_GAP_BYTES = 1024 * 1024
MAX_TAG_BYTES = 80
"""More than a record's tag has before its name ends, prefix included."""

KEPT_OF_TORN_BYTES = 4096
TOO_LARGE = f"The record has more than {MAX_RECORD_BYTES // 1024 // 1024} MiB."

PREFIX = rb"(?:[A-Za-z_][\w.-]{0,63}:)?"
MARKUP = re.compile(
    rb"<!--|<!\[CDATA\[|<!(?P<doctype>(?i:DOCTYPE))|<(?P<slash>/?)"
    + PREFIX
    + rb"[Pp]roduct(?=[\s/>])"
)
BOUNDARY = re.compile(rb"roduct(?=[\s/>])")
TAG_BEGINNING = re.compile(rb"<(/?)" + PREFIX + rb"[Pp]\Z")
START_TAG = re.compile(rb"<" + PREFIX + rb"[Pp]roduct(?=[\s/>])")
END_TAG = re.compile(rb"</" + PREFIX + rb"[Pp]roduct\s*>")
BLANK = re.compile(rb"\s*")
TAG_REST = re.compile(rb"[^<>]*>")
REGIONS = {b"<!--": b"-->", b"<![CDATA[": b"]]>"}
"""How the stretches begin and end in which tags are no tags."""

DOCTYPE_PART = re.compile(rb"""[\[\]>"']|<!--""")
DOCTYPE_PART_ENDS = {b'"': b'"', b"'": b"'", b"<!--": b"-->"}


@dataclass(frozen=True, slots=True)
class Gap:
    """What stands outside records, without comments; of a long one the beginning.

    ``has_end_tag`` tells that an end tag follows it that no start tag belongs to.
    """

    line: int
    data: bytes
    has_end_tag: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A record from the first byte of its start tag to the last of its end tag."""

    line: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Torn:
    """What is no whole record: the beginning of it, and why."""

    line: int
    data: bytes
    reason: str


class Splitter:
    """Iterates over the pieces of a message, the first of which is always a gap."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._buffer = b""
        self._start = 0
        self._line = 1
        self._name_end = 0
        self._damage = ""
        self._has_doctype = False
        self._is_prolog = True
        self._is_skipping = False

    def __iter__(self) -> Iterator[Gap | Record | Torn]:
        while True:
            yield from self._gaps()
            if self._start == len(self._buffer):
                break
            yield self._record()
        if self._damage:
            yield Torn(self._line, b"", self._damage)

    def _fill(self) -> bool:
        """Read more behind the piece at hand, twice as much as it is; tell whether there was."""
        pending = self._buffer[self._start :]
        try:
            chunk = b"" if self._damage else self._source.read(max(CHUNK_BYTES, len(pending)))
        except DamagedSourceError as error:
            self._damage, chunk = str(error), b""
        self._buffer, self._start = pending + chunk, 0
        return bool(chunk)

    def _size(self) -> int:
        return len(self._buffer) - self._start

    def _find(self, token: bytes, begin: int, end: int | None = None) -> int:
        """Return where the token is between two offsets, else -1."""
        stop = len(self._buffer) if end is None else self._start + end
        found = self._buffer.find(token, self._start + begin, stop)
        return found if found < 0 else found - self._start

    def _take(self, size: int) -> bytes:
        """Return so many bytes and go past them."""
        data = self._buffer[self._start : self._start + size]
        self._start += size
        self._line += data.count(b"\n")
        return data

    def _gaps(self) -> Iterator[Gap]:
        """Go on to the next record or to the end."""
        line, kept, offset = self._line, bytearray(), 0
        while True:
            markup = MARKUP.search(self._buffer, self._start + offset)
            if markup is None:
                seen = max(offset, self._size() - MAX_TAG_BYTES)
                _keep(kept, self._take(seen))
                offset = 0
                if self._fill():
                    continue
                _keep(kept, self._take(self._size()))
                break
            found, after = markup.start() - self._start, markup.end() - self._start
            if markup["slash"]:
                _keep(kept, self._take(after))
                if not self._is_skipping:
                    yield Gap(line, bytes(kept), has_end_tag=True)
                self._is_prolog = False
                line, kept, offset, self._is_skipping = self._line, bytearray(), 0, False
            elif markup["slash"] is not None:
                _keep(kept, self._take(found))
                self._name_end = after - found
                break
            else:
                end = self._doctype_end(after) if markup["doctype"] else self._region_end(found)
                if end is None:
                    offset = after
                else:
                    _keep(kept, self._take(found))
                    self._take(end - found)
                    offset = 0
        if self._is_prolog or (not self._is_skipping and kept.strip()):
            yield Gap(line, bytes(kept))
        self._is_prolog = self._is_skipping = False

    def _region_end(self, begin: int) -> int | None:
        """Return where a comment or CDATA ends, or None if it is not closed.

        One that seems to hold another of its kind is not, nor one that is longer than any record.
        """
        at = self._start + begin
        token = next(token for token in REGIONS if self._buffer.startswith(token, at))
        end_token, begin = REGIONS[token], begin + len(token)
        searched = begin
        while True:
            nested = self._find(token, searched)
            end = self._find(end_token, searched, None if nested < 0 else nested)
            if end >= 0:
                return end + len(end_token)
            searched = max(searched, self._size() - len(token))
            if nested >= 0 or self._size() - begin > MAX_RECORD_BYTES or not self._fill():
                return None

    def _doctype_end(self, begin: int) -> int | None:
        """Return where the document type declaration ends; None if it does not, or is a second."""
        if self._has_doctype:
            return None
        self._has_doctype = True
        while self._size() < MAX_GAP_BYTES and self._fill():
            pass
        depth, offset = 0, begin
        while part := DOCTYPE_PART.search(self._buffer, self._start + offset):
            offset = part.end() - self._start
            if part[0] == b">" and depth == 0:
                return offset
            depth += (part[0] == b"[") - (part[0] == b"]")
            if part[0] in DOCTYPE_PART_ENDS and (depth == 0 or part[0] == b"<!--"):
                end_token = DOCTYPE_PART_ENDS[part[0]]
                end = self._find(end_token, offset)
                if end < 0:
                    return None
                offset = end + len(end_token)
        return None

    def _record(self) -> Record | Torn:
        """Take the record that begins here."""
        line = self._line
        offset = self._start_tag_end()
        if self._buffer.endswith(b"/>", self._start, self._start + offset):
            return Record(line, self._take(offset))
        outside = offset
        while True:
            boundary = BOUNDARY.search(self._buffer, self._start + offset)
            if boundary is None:
                if self._size() > MAX_RECORD_BYTES:
                    return self._too_large(line)
                offset = max(offset, self._size() - MAX_TAG_BYTES)
                if not self._fill():
                    reason = "The file ends within this record."
                    return Torn(line, self._take(self._size()), reason)
                continue
            offset = boundary.end() - self._start
            window = max(self._start, boundary.start() - MAX_TAG_BYTES)
            tag = TAG_BEGINNING.search(self._buffer[window : boundary.start()])
            if tag is None:
                continue
            found = window + tag.start() - self._start
            outside = self._go_outside(outside, found)
            if outside > found:
                offset = max(offset, outside)
            elif tag[1]:
                data = self._take(self._end_tag_end(offset))
                if len(data) > MAX_RECORD_BYTES:
                    return Torn(line, data[:KEPT_OF_TORN_BYTES], TOO_LARGE)
                return Record(line, data)
            else:
                reason = "The record has no end tag before the next record begins."
                return Torn(line, self._take(found), reason)

    def _start_tag_end(self) -> int:
        """Return where the start tag ends, or at least its name."""
        while True:
            rest = TAG_REST.match(self._buffer, self._start + self._name_end)
            if rest is not None:
                return rest.end() - self._start
            is_cut = self._find(b"<", self._name_end) < 0 and self._size() <= MAX_GAP_BYTES
            if not is_cut or not self._fill():
                return self._name_end

    def _end_tag_end(self, offset: int) -> int:
        """Return where the end tag closes whose name ends here."""
        while True:
            blank = BLANK.match(self._buffer, self._start + offset)
            end = blank.end() - self._start if blank else offset
            if end < self._size() or end > MAX_RECORD_BYTES or not self._fill():
                return end + 1 if self._buffer.startswith(b">", self._start + end) else offset

    def _go_outside(self, outside: int, tag: int) -> int:
        """Return the end of the last comment or CDATA that begins before a tag.

        ``outside`` is known not to be within one. A stretch that holds both an end tag and the
        next start tag of a record was not closed in time: it is taken for none.
        """
        while True:
            begin = self._find(b"<!", outside, tag)
            if begin < 0:
                return outside
            at = self._start + begin
            token = next((token for token in REGIONS if self._buffer.startswith(token, at)), b"<!")
            outside = begin + len(token)
            end = self._region_end(begin) if token in REGIONS else None
            if end is not None and not self._has_boundary(begin, end):
                outside = end
            if outside > tag:
                return outside

    def _has_boundary(self, begin: int, end: int) -> bool:
        stop = self._start + end
        end_tag = END_TAG.search(self._buffer, self._start + begin, stop)
        return end_tag is not None and bool(START_TAG.search(self._buffer, end_tag.end(), stop))

    def _too_large(self, line: int) -> Torn:
        """Give up a record; what is left of it is no gap."""
        self._is_skipping = True
        beginning = self._buffer[self._start : self._start + KEPT_OF_TORN_BYTES]
        self._take(self._size() - MAX_TAG_BYTES)
        return Torn(line, beginning, TOO_LARGE)


def _keep(kept: bytearray, data: bytes) -> None:
    kept += data[: max(0, MAX_GAP_BYTES - len(kept))]
