"""Encodings as declared and as they are, forbidden characters, entities, gzip and bombs."""

import codecs
import gzip
import io
import socket
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from app.books.importers.errors import ImportFileError
from app.books.importers.onix import parser, source
from app.books.importers.onix.product import BrokenProduct, OnixProduct
from app.books.importers.onix.reader import read_message
from app.books.importers.report import Repair, RepairKind
from tests.books.onix.messages import ROOT_21, ROOT_30, message, read, record

TITLE = "Œuvres d\N{RIGHT SINGLE QUOTATION MARK}Émile — 12 €"


def titled(title: str, *, encoding: str | None) -> str:
    declaration = f' encoding="{encoding}"' if encoding else ""
    title = f"<DistinctiveTitle>{title}</DistinctiveTitle>"
    return f'<?xml version="1.0"{declaration}?>\n{ROOT_21}{record("r", title)}</ONIXMessage>'


def title_and_repairs(content: bytes) -> tuple[str, Counter[RepairKind]]:
    found = message(content)
    (product,) = found
    assert isinstance(product, OnixProduct)
    return product.title, found.repairs


@pytest.mark.parametrize(
    ("declared", "real", "mark"),
    [
        ("UTF-8", "utf-8", b""),
        ("UTF-8", "utf-8", codecs.BOM_UTF8),
        (None, "utf-8", b""),
        ("unheard-of", "utf-8", b""),
        ("base64", "utf-8", b""),
        ("windows-1252", "cp1252", b""),
        ("UTF-16", "utf-16-le", codecs.BOM_UTF16_LE),
        ("UTF-16", "utf-16-be", codecs.BOM_UTF16_BE),
        ("UTF-16", "utf-16-le", b""),
        ("UTF-16", "utf-16-be", b""),
        ("UTF-8", "utf-16-le", codecs.BOM_UTF16_LE),
        ("UTF-32", "utf-32-le", codecs.BOM_UTF32_LE),
        ("UTF-32", "utf-32-be", codecs.BOM_UTF32_BE),
        ("windows-1258", "cp1258", b""),
    ],
)
def test_encodings(declared: str | None, real: str, mark: bytes) -> None:
    title = TITLE if real != "cp1258" else "Giá 12 ₫".replace("á", "á")
    content = mark + titled(title, encoding=declared).encode(real)
    assert title_and_repairs(content) == (title, Counter())


@pytest.mark.parametrize(
    ("declared", "real", "kind"),
    [
        ("UTF-8", "cp1252", RepairKind.ENCODING),
        (None, "cp1252", RepairKind.ENCODING),
        ("ISO-8859-1", "cp1252", RepairKind.ENCODING),
        ("us-ascii", "cp1252", RepairKind.ENCODING),
        ("ISO-8859-1", "utf-8", RepairKind.ENCODING_DECLARED),
        ("windows-1252", "utf-8", RepairKind.ENCODING_DECLARED),
        ("UTF-16", "utf-8", RepairKind.ENCODING_DECLARED),
    ],
)
def test_encodings_that_are_others_than_declared(
    declared: str | None, real: str, kind: RepairKind
) -> None:
    content = titled(TITLE, encoding=declared).encode(real)
    assert title_and_repairs(content) == (TITLE, Counter({kind: 1}))


def test_real_latin_1_needs_no_repair() -> None:
    content = titled("Émile", encoding="ISO-8859-1").encode("latin-1")
    assert title_and_repairs(content) == ("Émile", Counter())


def test_bytes_that_mean_nothing_are_seen_as_such() -> None:
    content = titled("a?b", encoding="UTF-8").encode().replace(b"?b", b"\x81b")
    assert title_and_repairs(content)[0] == "a\N{REPLACEMENT CHARACTER}b"


def test_each_record_may_be_in_another_encoding() -> None:
    accented = ROOT_30 + record("é") + "\n"
    content = accented.encode() + record("è").encode("cp1252") + b"</ONIXMessage>"
    assert [product.record_reference for product in _good(content)] == ["é", "è"]


def _good(content: bytes) -> list[OnixProduct]:
    return [product for product in read(content) if isinstance(product, OnixProduct)]


def test_a_repair_shows_what_was_there_and_what_is_now() -> None:
    (product,) = _good(titled(f"{'x' * 50} Émile {'y' * 50}", encoding=None).encode("cp1252"))
    before, after = (f"{'x' * 19} {letter}mile {'y' * 14}" for letter in "\ufffdÉ")
    assert product.repairs == (Repair(RepairKind.ENCODING, before, after),)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_forbidden_characters_are_left_out_and_counted(encoding: str) -> None:
    content = titled("a\0b\x01\x1fc\x0b", encoding=None).encode(encoding)
    assert title_and_repairs(content) == ("abc", Counter({RepairKind.CHARACTERS: 4}))


def test_forbidden_characters_within_tags_and_everywhere() -> None:
    content = "\0".join(titled("a", encoding=None)).encode("utf-8")
    content = content.replace(b"\0", b"\x02")
    assert title_and_repairs(content)[0] == "a"


def test_a_run_of_forbidden_characters_is_not_the_end() -> None:
    content = titled("a", encoding=None).encode() + b"\1" * 2_000_000 + record("late").encode()
    assert [product.record_reference for product in _good(content)] == ["r", "late"]


def test_non_characters_are_left_out() -> None:
    content = titled("a\ufffe\uffffb", encoding=None).encode()
    assert title_and_repairs(content) == ("ab", Counter({RepairKind.CHARACTERS: 1}))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("&eacute;&nbsp;&ndash;&euro;", "é \u2013€"),
        ("&amp;&lt;&gt;&quot;&apos;", "&<>\"'"),
        ("&AMP; &LT;", "& <"),
        ("&#233;&#xE9;&#XE9;", "ééé"),
        ("&#150;&#x96;&#128;", "\u2013\u2013€"),
        ("a&#0;&#1;&#x1F;&#xD800;&#xFFFE;&#x110000;b", "ab"),
        ("a&#129;b", "a\N{REPLACEMENT CHARACTER}b"),
        ("<![CDATA[&eacute;]]> &eacute;", "é é"),
        ("&amp;eacute;", "é"),
        ("&amp;amp;eacute;", "é"),
    ],
)
def test_entities(written: str, meant: str) -> None:
    doctype = '<!DOCTYPE ONIXMessage SYSTEM "http://editeur.example/onix.dtd">'
    for prolog in ("", doctype):
        content = titled(written, encoding=None).replace("?>", f"?>{prolog}")
        assert title_and_repairs(content.encode())[0] == meant


def test_cdata_that_is_not_closed_is_left_as_it_is() -> None:
    (broken,) = read(record("bad", "&eacute;<A><![CDATA[&eacute;</A>"))
    assert isinstance(broken, BrokenProduct)


class Untouchable:
    """Stands for all that a reader must not use."""

    def __call__(self, *_: object, **__: object) -> object:
        raise AssertionError


ENTITIES = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(12))
LAUGHS = f'<!DOCTYPE x [<!ENTITY e0 "ha">{ENTITIES}]>'
QUADRATIC = f'<!DOCTYPE x [<!ENTITY a "{"x" * 100_000}">]>'
EXTERNAL = (
    '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY % b SYSTEM "http://h/"> %b;]>'
)
NESTED = "<!DOCTYPE x [<!-- ]> <Product> ' --><!ELEMENT a ANY><!ATTLIST a b CDATA '>'>]>"


@pytest.mark.parametrize("doctype", [LAUGHS, QUADRATIC, EXTERNAL, NESTED])
def test_document_types_do_nothing(doctype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", Untouchable())
    inner = f"<A>{'&a;' * 100_000}&e12;</A>"
    content = f"<?xml version='1.0'?>{doctype}{ROOT_30}{record('bad', inner)}{record('good')}"
    found = read(f"{content}</ONIXMessage>")
    assert found[0] == BrokenProduct(1, "bad", 'Line 1: "&a;" is not known.')
    assert [product.record_reference for product in found[1:]] == ["good"]  # type: ignore[union-attr]


@pytest.mark.parametrize("doctype", ["<!DOCTYPE x [ ", "<!DOCTYPE x '", "<!DOCTYPE x [<!-- "])
def test_a_document_type_without_end_hides_nothing(doctype: str) -> None:
    content = f"{doctype}{ROOT_30}{record('good')}</ONIXMessage>"
    assert [product.record_reference for product in _good(content.encode())] == ["good"]


def test_a_second_document_type_is_none() -> None:
    doctypes = "<!DOCTYPE x><!DOCTYPE x ["
    content = f"{doctypes}{ROOT_30}{record('good')}</ONIXMessage>"
    assert [product.record_reference for product in _good(content.encode())] == ["good"]


def test_inclusions_and_instructions_do_nothing() -> None:
    inner = (
        '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd" parse="text"/>'
        '<?xml-stylesheet href="/etc/passwd"?>'
        "<DistinctiveTitle>a<?x y?><!-- c -->b</DistinctiveTitle>"
    )
    (product,) = _good(record("good", inner).encode())
    assert product == OnixProduct(
        line=1,
        record_reference="good",
        notification=product.notification,
        raw_notification="03",
        title="ab",
    )


def test_depth_and_number_of_elements_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = record("deep", "<A>" * 100_000 + "</A>" * 100_000)
    (broken, good) = read(deep + record("good"))
    reason = "Line 1: The record is nested too deeply or has too long a text."
    assert broken == BrokenProduct(1, "deep", reason)
    assert isinstance(good, OnixProduct)
    (broken,) = read(record("long", f"<A>{'x' * 10_500_000}</A>"))
    assert broken == BrokenProduct(1, "long", reason)
    monkeypatch.setattr(parser, "MAX_TAGS", 100)
    (broken, good) = read(record("many", "<A/>" * 201) + record("good", "<A/>" * 90))
    assert broken == BrokenProduct(1, "many", "The record has more than 100 elements.")
    assert isinstance(good, OnixProduct)


def test_gzip() -> None:
    packed = gzip.compress(titled(TITLE, encoding="UTF-16").encode("utf-16"))
    assert title_and_repairs(packed) == (TITLE, Counter())
    halves = titled(TITLE, encoding=None).encode()
    members = gzip.compress(halves[:50]) + gzip.compress(halves[50:])
    assert title_and_repairs(members)[0] == TITLE


def test_damaged_gzip() -> None:
    records = "".join(record(f"r{number}", f"<A>{number * 7919}</A>") for number in range(20_000))
    packed = gzip.compress(f"{ROOT_30}\n{records}</ONIXMessage>".encode())
    found = read(packed[: len(packed) // 2])
    *good, cut, damaged = found
    assert len(good) > 5_000
    assert isinstance(cut, BrokenProduct)
    assert cut.reason == "The file ends within this record."
    assert damaged == BrokenProduct(2, "", "From here on the compressed file is damaged.")
    with pytest.raises(ImportFileError, match=r"The compressed file is damaged\."):
        message(packed[:5])
    with pytest.raises(ImportFileError, match=r"The compressed file is damaged\."):
        message(packed[:2] + b"\0" + packed[3:])


class Endless(io.RawIOBase):
    """Yields a few bytes first and then a filling, as often as wanted."""

    def __init__(self, start: bytes, filling: bytes, times: int) -> None:
        self._chunks: Iterator[bytes] = iter([start, *[filling] * times])
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        self._rest = self._rest or next(self._chunks, b"")
        chunk, self._rest = self._rest[:size], self._rest[size:]
        return chunk


def endless(start: str, filling: bytes, times: int) -> BinaryIO:
    return Endless(start.encode(), filling, times)  # type: ignore[return-value]


def test_a_gzip_bomb_is_defused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "FREELY_UNPACKED_BYTES", 8 * 1024 * 1024)
    packer = zlib.compressobj(9, wbits=31)
    start = packer.compress(f"{ROOT_30}{record('good')}".encode())
    bomb = start + b"".join(packer.compress(b" " * 1024 * 1024) for _ in range(64))
    bomb += packer.flush()
    peak, found = _peak(lambda: list(read_message(io.BytesIO(bomb))))
    assert [type(one) for one in found] == [OnixProduct, BrokenProduct]
    assert found[1] == BrokenProduct(
        1, "", "The file unpacks to more than 500 times its size: the rest was not read."
    )
    assert peak < 8 * 1024 * 1024


def _peak(read_all: Callable[[], list[OnixProduct | BrokenProduct]]) -> tuple[int, list[object]]:
    """Return how much memory was needed at most, the packed bytes not counted, and the result."""
    tracemalloc.start()
    try:
        found: list[object] = [*read_all()]
        return tracemalloc.get_traced_memory()[1], found
    finally:
        tracemalloc.stop()


def _count(stream: BinaryIO) -> list[OnixProduct | BrokenProduct]:
    """Read a stream to its end, keeping the last."""
    last: list[OnixProduct | BrokenProduct] = []
    for product in read_message(stream):
        last = [product]
    return last


def test_memory_is_flat_for_any_number_of_records() -> None:
    filling = "".join(record(f"r{number}") for number in range(500)).encode()
    small, _ = _peak(lambda: _count(endless(ROOT_30, filling, 4)))
    large, _ = _peak(lambda: _count(endless(ROOT_30, filling, 12)))
    assert large < 1.2 * small
    assert large < 8 * 1024 * 1024


@pytest.mark.parametrize(
    "start",
    [ROOT_30, f"{ROOT_30}<!--", f"{ROOT_30}<![CDATA[", f"{ROOT_30}<Product><RecordReference>"],
)
def test_memory_is_bounded_whatever_has_no_end(start: str) -> None:
    peak, found = _peak(lambda: _count(endless(start, b"x" * 1_000_000, 100)))
    assert peak < 100 * 1024 * 1024
    assert all(isinstance(one, BrokenProduct) for one in found)


def test_only_the_stream_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "message.xml"
    path.write_bytes(titled("a", encoding=None).encode())
    with path.open("rb") as stream:
        monkeypatch.setattr(socket, "socket", Untouchable())
        monkeypatch.setattr("builtins.open", Untouchable())
        found = list(read_message(stream))
        assert not stream.closed
    assert len(found) == 1
