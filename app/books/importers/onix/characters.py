"""The characters of one record: what encoding it is in, and which of them XML has names for."""

import re
from html.entities import html5

from app.books.importers.csv import UNDECODABLE, as_windows_1252
from app.books.importers.report import Repair, RepairKind

SINGLE_BYTE = {"iso8859-1", "cp1252"}
LOOSE_REFERENCE = re.compile(
    rb"&(?!(?:amp|lt|gt|quot|apos|#(?:9|1[03]|3[2-9]|[4-9]\d|1[016-9]\d|12[0-7]|[2-9]\d\d|[1-9]\d{3}));)"
)
"""A reference that is not plainly one of those that XML knows and allows."""

REFERENCE = re.compile(r"&(#[0-9]{1,9}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});")
CDATA, CDATA_END = "<![CDATA[", "]]>"
XML_ENTITIES = {"amp", "lt", "gt", "quot", "apos"}
ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
NON_CHARACTERS = re.compile("[\ufffe\uffff]")
C1_CONTROLS = range(0x80, 0xA0)
FORBIDDEN_CODES = {*range(0x20)} - {0x09, 0x0A, 0x0D} | {*range(0xD800, 0xE000)} | {0xFFFE, 0xFFFF}
HIGHEST_CODE = 0x10FFFF
EXAMPLE_CHARACTERS = 20


def to_utf8(data: bytes, *, encoding: str, repairs: list[Repair]) -> bytes:
    """Return a record in UTF-8, its entities written out that HTML knows and XML does not.

    ``encoding`` is what the file declares (Python's name), empty for nothing. Text that is valid
    UTF-8 is UTF-8 whatever was declared; other bytes are Windows-1252, which has all of Latin-1
    and letters where that has control characters.
    """
    if not data.isascii():
        data = _recode(data, encoding, repairs)
    if LOOSE_REFERENCE.search(data):
        text = data.decode()
        written_out = _write_out(text)
        if written_out != text:
            repairs.append(_example(RepairKind.ENTITIES, text, written_out))
        return written_out.encode()
    return data


def _recode(data: bytes, encoding: str, repairs: list[Repair]) -> bytes:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        damaged = data.decode(errors="surrogateescape")
        if encoding in SINGLE_BYTE:
            text = data.decode("cp1252", "replace")
            is_repaired = encoding == "iso8859-1" and any(code in data for code in C1_CONTROLS)
        else:
            text = UNDECODABLE.sub(as_windows_1252, damaged)
            is_repaired = True
        if is_repaired:
            misread = data.decode("latin-1" if encoding in SINGLE_BYTE else "utf-8", "replace")
            repairs.append(_example(RepairKind.ENCODING, misread, text))
    else:
        if encoding in SINGLE_BYTE:
            misread = data.decode("latin-1")
            repairs.append(_example(RepairKind.ENCODING_DECLARED, misread, text))
    allowed = NON_CHARACTERS.sub("", text)
    if allowed != text:
        repairs.append(_example(RepairKind.CHARACTERS, text, allowed))
    return allowed.encode()


def _write_out(text: str) -> str:
    """Replace the references outside CDATA that XML does not know or does not allow."""
    pieces = []
    position = 0
    while (begin := text.find(CDATA, position)) >= 0:
        end = text.find(CDATA_END, begin)
        if end < 0:
            break
        pieces += [REFERENCE.sub(_meaning, text[position:begin]), text[begin:end]]
        position = end
    pieces.append(REFERENCE.sub(_meaning, text[position:]))
    return "".join(pieces)


def _meaning(match: re.Match[str]) -> str:
    name = match[1]
    if name.startswith("#"):
        is_hexadecimal = name[1] in "xX"
        code = int(name[1 + is_hexadecimal :], 16 if is_hexadecimal else 10)
        if code in C1_CONTROLS:
            return bytes([code]).decode("cp1252", "replace")
        return "" if code in FORBIDDEN_CODES or code > HIGHEST_CODE else f"&#{code};"
    if name in XML_ENTITIES:
        return match[0]
    meaning = html5.get(f"{name};")
    return match[0] if meaning is None else meaning.translate(ESCAPED)


def _example(kind: RepairKind, before: str, after: str) -> Repair:
    """Return a repair that shows the surroundings of the first difference."""
    first = next(
        (i for i, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), 0
    )
    begin = max(0, first - EXAMPLE_CHARACTERS)
    end = first + EXAMPLE_CHARACTERS
    return Repair(kind, before[begin:end].strip(), after[begin:end].strip())
