"""A broken record is named, with its line and the reason, and no other is lost with it."""

import pytest

from app.books.importers.errors import ImportFileError
from app.books.importers.onix import split
from app.books.importers.onix.product import BrokenProduct, OnixProduct
from tests.books.onix.messages import IDENTIFIED, ROOT_21, ROOT_30, message, read, record


def outcome(content: str | bytes) -> list[str]:
    """Return the references of a message's records, those of broken ones with their reasons."""
    return [
        found.record_reference
        if isinstance(found, OnixProduct)
        else f"{found.line} {found.reference or '-'}: {found.reason}"
        for found in read(content)
    ]


def between(broken: str) -> list[str]:
    """Return what becomes of something between two good records, which begins on line 3."""
    first, last = record("first"), record("last")
    found = outcome(f"{ROOT_30}\n{first}\n{broken}\n{last}\n</ONIXMessage>")
    assert (found[0], found[-1]) == ("first", "last")
    return found[1:-1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("<A>Smith & Sons</A>", 'Line 3: An ampersand must be written as "&amp;".'),
        ("<A>\nSmith &Sons</A>", 'Line 4: An ampersand must be written as "&amp;".'),
        ("<A>&unheardof;</A>", 'Line 3: "&unheardof;" is not known.'),
        ("<A>1 < 2</A>", 'Line 3: A "<" in a text must be written as "&lt;".'),
        ("<A>\n\n<B></A>", "Line 5: <B> is not closed before </A>."),
        ("<A", "Line 3: A tag is not closed."),
        ("<A b='1' b='2'/>", "Line 3: A tag has the same attribute twice."),
        ("<A b=1/>", "Line 3: The value of an attribute has no quotation marks."),
        ("<A b/>", "Line 3: An attribute has no value."),
        ("<A b='<'/>", 'Line 3: A "<" in a text must be written as "&lt;".'),
        ("<A>]]></A>", 'Line 3: "]]>" stands in a text outside a CDATA section.'),
        ("<A><!-- a -- b --></A>", 'Line 3: A comment has "--" in it.'),
        ("<A><!-- a </A>", "Line 3: A comment is not closed."),
        ("<A><![CDATA[ a </A>", "Line 3: A CDATA section is not closed."),
        ("<x:A/>", 'Line 3: The prefix "x" is not declared.'),
        ("<1/>", 'Line 3: A "<" in a text must be written as "&lt;".'),
    ],
)
def test_a_fault_within_a_record(content: str, reason: str) -> None:
    assert between(record("bad", content)) == [f"3 bad: {reason}"]


def test_a_fault_before_the_reference_hides_it_not() -> None:
    broken = f"<Product><A>&</A>{IDENTIFIED}</Product>"
    assert between(broken) == ['3 r1: Line 3: An ampersand must be written as "&amp;".']


def test_a_reference_is_read_from_short_tags_and_in_any_encoding() -> None:
    content = "<ONIXmessage release='3.0'><product><a001>\xe9 1\n</a001>&</product></ONIXmessage>"
    assert outcome(content.encode("cp1252")) == [
        '1 é 1: Line 2: An ampersand must be written as "&amp;".'
    ]


def test_a_record_without_end_tag() -> None:
    unclosed = record("bad").removesuffix("</Product>")
    assert between(unclosed) == ["3 bad: The record has no end tag before the next record begins."]


def test_a_record_without_start_tag() -> None:
    headless = record("bad").removeprefix("<Product>")
    assert between(headless) == ["3 bad: The record has an end tag but no start tag."]


def test_a_record_without_either() -> None:
    naked = record("bad").removeprefix("<Product>").removesuffix("</Product>")
    assert between(naked) == [
        "3 bad: Between two records there is a record without start and end tag."
    ]


def test_a_file_that_ends_within_a_record() -> None:
    found = outcome(f"{ROOT_30}\n{record('first')}\n<Product>\n<RecordReference>bad</Record")
    assert found == ["first", "3 bad: The file ends within this record."]


def test_an_empty_record_says_nothing() -> None:
    reason = "The record says neither a reference nor an identifier of the product."
    assert between("<Product/>") == [f"3 -: {reason}"]
    assert between("<Product a='1' ></Product\n>") == [f"3 -: {reason}"]


@pytest.mark.parametrize(
    "content",
    [
        "<!-- </Product> -->",
        "<!-- <Product> -->",
        "<![CDATA[</Product>]]>",
        "<![CDATA[<Product>]]>",
        "<A><![CDATA[]]></A><!-- </Product > --><B/>",
        "<?say </A>?>",
        "<RelatedProduct/>",
        "<ProductForm>BC</ProductForm>",
        "<A>Product</A>",
        "<A>product> Product/</A>",
    ],
)
def test_tags_that_are_none(content: str) -> None:
    assert between(record("good", content)) == ["good"]


def test_records_in_comments_are_none() -> None:
    pair = record("old") + record("older")
    assert between(f"<!-- {pair} -->") == []
    assert between(f"<![CDATA[{record('old')}]]>") == []


@pytest.mark.parametrize("opening", ["<!--", "<![CDATA["])
def test_what_is_not_closed_in_one_record_swallows_no_other(opening: str) -> None:
    closing = split.REGIONS[opening.encode()].decode()
    broken = record("bad", f"<A>{opening} text</A>")
    good = record("good", f"<A>{opening} text {closing}</A>")
    (reason, *rest) = between(f"{broken}\n{good}\n{good}")
    assert reason.startswith("3 bad: Line 3: ")
    assert rest == ["good", "good"]


@pytest.mark.parametrize("opening", ["<!--", "<![CDATA["])
def test_what_is_not_closed_at_all_swallows_nothing(opening: str) -> None:
    (reason,) = between(record("bad", f"<A>{opening} text</A>"))
    assert reason.startswith("3 bad: Line 3: ")
    assert between(f"{opening} text") == []


@pytest.mark.parametrize("opening", ["<!--", "<![CDATA["])
def test_what_another_record_seems_to_close_swallows_nothing(opening: str) -> None:
    end = split.REGIONS[opening.encode()].decode()
    closing = record("closing", f"<A b='{end}'/>")
    (reason, *rest) = between(record("bad", f"<A>{opening} text</A>") + record("good") + closing)
    assert reason.startswith("3 bad: Line 3: ")
    assert rest == ["good", "closing"]


def test_a_comment_between_records_that_is_closed_by_another() -> None:
    assert between(f"<!-- one\n{record('good')}\n<!-- two -->") == ["good"]


def test_prefixes_in_any_case_and_records_without_a_message() -> None:
    prefixed = (
        '<o:ONIXMESSAGE xmlns:o="http://ns.editeur.org/onix/3.0/reference" release="3.0">'
        "<o:Product><o:RecordReference>r</o:RecordReference></o:Product>"
        "<o:Product><o:RecordReference>b</o:RecordReference><p:A/></o:Product></o:ONIXMESSAGE>"
    )
    assert outcome(prefixed) == ["r", '1 b: Line 1: The prefix "p" is not declared.']
    assert message(prefixed).header.release == "3.0"
    assert outcome(record("alone")) == ["alone"]
    assert outcome(f"<envelope><body>{ROOT_30}{record('in')}</ONIXMessage></body></envelope>") == [
        "in"
    ]


def test_prefixes_that_are_declared_wrongly_are_declared_not() -> None:
    content = f"<ONIXMessage xmlns:x='&' release='3.0'>{record('good')}</ONIXMessage>"
    assert outcome(content) == ["good"]


def test_a_broken_header_costs_no_record() -> None:
    content = (
        f"{ROOT_30}<Header><Sender><SenderName>A & B</SenderName></Sender><X></Header>"
        f"{record('good')}</ONIXMessage>"
    )
    assert outcome(content) == ["good"]
    assert message(content).header.sender == "A B"


def test_a_header_that_is_nested_too_deeply_says_nothing() -> None:
    header = f"<Header>{'<A>' * 3000}<SenderName>"
    content = f"{ROOT_30}{header}{record('good')}</ONIXMessage>"
    assert outcome(content) == ["good"]
    assert message(content).header.sender == ""


def test_an_unknown_entity_in_the_header_is_passed_over() -> None:
    header = "<Header>&bad;<Sender>&bad;<SenderName>A</SenderName></Sender></Header>"
    content = f"{ROOT_30}{header}{record('good')}</ONIXMessage>"
    assert outcome(content) == ["good"]
    assert message(content).header.sender == "A"


def test_series_records_of_2_1_are_passed_over() -> None:
    series = "<MainSeriesRecord><RecordReference>s</RecordReference></MainSeriesRecord>"
    assert outcome(f"{ROOT_21}{record('a')}{series}{record('b')}</ONIXMessage>") == ["a", "b"]


@pytest.mark.parametrize("size", [1, 7, 64])
def test_tags_may_stand_where_a_chunk_ends(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split, "CHUNK_BYTES", size)
    inner = "<A><!-- </Product> --></A><B><![CDATA[</Product>]]></B>"
    first = f"{'<!-- head -->' * 100}<Product\n><RecordReference>a</RecordReference></Product  \n>"
    content = f"{' ' * 1000}{ROOT_30}{first}{record('b', inner)}<!--{record('c')}-->{record('d')}"
    assert outcome(f"{content}</ONIXMessage>") == ["a", "b", "d"]


def test_a_record_may_end_wherever_a_chunk_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split, "CHUNK_BYTES", 1)
    first = record("a").replace("<Product>", f"<Product sourcename='{'x' * 90}'>")
    first = first.replace("</Product>", f"</Product{' ' * 90}>")
    for indent in range(900, 1100):  # the first chunk has 1,024 bytes at least
        assert outcome(f"{' ' * indent}{first}{record('b')}") == ["a", "b"]


def test_a_start_tag_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert between("<Product x='y'\n") == [
        "3 -: The record has no end tag before the next record begins."
    ]
    monkeypatch.setattr(split, "CHUNK_BYTES", 10)
    monkeypatch.setattr(split, "MAX_GAP_BYTES", 100)
    (broken,) = between(f"<Product x='{'y' * 1000}'></Product>")
    assert broken.startswith("3 -: ")


def test_a_record_that_is_too_large_is_refused_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split, "MAX_RECORD_BYTES", 10_000)
    monkeypatch.setattr(split, "CHUNK_BYTES", 1000)
    large = record("large", f"<A>{'x' * 50_000}</A>")
    just_too_large = record("larger", f"<A>{'x' * 9_950}</A>")
    assert between(large) == ["3 large: The record has more than 16 MiB."]
    assert between(just_too_large) == ["3 larger: The record has more than 16 MiB."]
    assert between(large.removesuffix("</Product>")) == [
        "3 large: The record has more than 16 MiB."
    ]


def test_a_comment_longer_than_any_record_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(split, "MAX_RECORD_BYTES", 1000)
    monkeypatch.setattr(split, "CHUNK_BYTES", 100)
    assert between(f"<!-- {'x' * 5000} {record('good')}") == ["good"]


def test_a_long_gap_is_kept_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split, "MAX_GAP_BYTES", 100)
    monkeypatch.setattr(split, "CHUNK_BYTES", 10)
    assert between("x" * 5000) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty."),
        (b"isbn,title\n", "This is no ONIX message: it has neither its root nor a product."),
        (b"PK\x03\x04...", "This is a ZIP file. Please unpack it first."),
    ],
)
def test_what_is_no_message(content: bytes, reason: str) -> None:
    with pytest.raises(ImportFileError, match=reason):
        message(content)


def test_a_message_without_products() -> None:
    assert read(f"{ROOT_30}<NoProduct/></ONIXMessage>") == []


def test_a_broken_product_tells_no_more_than_it_knows() -> None:
    assert read("<ONIXMessage><Product>&</Product>") == [
        BrokenProduct(1, "", 'Line 1: An ampersand must be written as "&amp;".')
    ]
