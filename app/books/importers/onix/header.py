"""What precedes the records: the root's attributes and the header."""

import re
from dataclasses import dataclass

from lxml import etree

from app.books.importers.onix.codes import BLOCKS
from app.books.importers.onix.elements import Groups, children, first, leaves
from app.books.importers.onix.parser import new_parser
from app.books.importers.onix.product import OnixHeader
from app.books.importers.onix.values import language_code, moment
from app.books.importers.report import Repair

ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]{0,63}:)?onixmessage(?=[\s/>])([^<>]*)>", re.IGNORECASE)
RELEASE = re.compile(rb"""\brelease\s*=\s*["']\s*([\d.]{1,8})""")
NAMESPACE_RELEASE = re.compile(rb"""editeur\.org/onix/(\d\.\d)/""")
PREFIX_DECLARATION = re.compile(rb"""\bxmlns:[A-Za-z_][\w.-]{0,63}\s*=\s*(?:"[^"<]*"|'[^'<]*')""")
HEADER = re.compile(rb"<(?:[A-Za-z_][\w.-]{0,63}:)?header(?=[\s/>])", re.IGNORECASE)
HEADER_END = re.compile(rb"</(?:[A-Za-z_][\w.-]{0,63}:)?header\s*>", re.IGNORECASE)
NEWEST, OLDER, OLD = "3.1", "3.0", "2.1"
BLOCK_TAG = re.compile(
    rb"<(?:[A-Za-z_][\w.-]{0,63}:)?(?:" + "|".join(BLOCKS).encode() + rb")[\s/>]", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Prolog:
    """What is before the first record; ``namespaces`` declares its prefixes."""

    has_root: bool
    namespaces: bytes
    header: OnixHeader


def read_prolog(prolog: bytes, first_record: bytes) -> Prolog:
    """Read what there is of a header, however damaged, in UTF-8.

    The release is what the root says, else its namespace, else what the first record looks like.
    """
    root = ROOT.search(prolog)
    namespaces = b" ".join(dict.fromkeys(PREFIX_DECLARATION.findall(prolog)))
    header = _read_header(
        _header_element(prolog, root.end() if root else 0, namespaces),
        _release(root[1] if root else b"", prolog, first_record),
    )
    return Prolog(root is not None, namespaces, header)


def _release(attributes: bytes, prolog: bytes, first_record: bytes) -> str:
    said = RELEASE.search(attributes) or NAMESPACE_RELEASE.search(attributes or prolog)
    release = said[1].decode("ascii") if said else ""
    if release.startswith(NEWEST):
        return NEWEST
    if release.startswith("3") or (not release and BLOCK_TAG.search(first_record)):
        return OLDER
    return OLD


def _header_element(prolog: bytes, root_end: int, namespaces: bytes) -> Groups:
    """Return the header's children; old messages have them without a header around."""
    begin, end = HEADER.search(prolog, root_end), HEADER_END.search(prolog, root_end)
    if begin:
        header = prolog[begin.start() : end.end() if end else len(prolog)]
    else:
        header = b"<Header>" + prolog[root_end:] + b"</Header>"
    wrapped = b"<records " + namespaces + b">" + header + b"</records>"
    root = etree.fromstring(wrapped, new_parser(recover=True))
    return children(root[0]) if len(root) else {}


def _read_header(groups: Groups, release: str) -> OnixHeader:
    repairs: list[Repair] = []

    def text(*names: str) -> str:
        return first(groups, *names, repairs=repairs)

    senders = (leaves(element, repairs)["SenderName"] for element in groups.get("Sender", ()))
    language = text("DefaultLanguageOfText")
    return OnixHeader(
        release=release,
        sender=next(filter(None, senders), "") or text("FromCompany", "FromPerson"),
        sent_at=moment(text("SentDateTime", "SentDate")),
        message_number=text("MessageNumber"),
        message_note=text("MessageNote"),
        default_language=language_code(language) if language else "",
        default_price_type=text("DefaultPriceType", "DefaultPriceTypeCode"),
        default_currency=text("DefaultCurrencyCode").upper(),
        default_length_unit=text("DefaultLinearUnit"),
        default_weight_unit=text("DefaultWeightUnit"),
    )
