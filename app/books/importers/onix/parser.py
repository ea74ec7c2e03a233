"""The XML parser, with everything off that reaches outside a record or lets it grow."""

import re

from lxml import etree

from app.books.importers.onix.elements import Element

MAX_TAGS = 200_000
"""More than any record has; each costs a hundred times its bytes."""

MAX_SHOWN_CHARACTERS = 80
UNKNOWN_ENTITY = re.compile(r"Entity '([^']*)'")
MISMATCH = re.compile(r"mismatch: (\S+) line \d+ and (\S+),")
PREFIX = re.compile(r"prefix (\S+)")

AMPERSAND = 'An ampersand must be written as "&amp;"'
LESS_THAN = 'A "<" in a text must be written as "&lt;"'
NOT_CLOSED = "A tag is not closed"
NAMELESS = (("StartTag", LESS_THAN), ("EntityRef", AMPERSAND), ("attribute", NOT_CLOSED))
"""Words in what the library says of a name that is missing, and what that means."""

REASONS: dict[int, str] = {
    etree.ErrorTypes.ERR_ENTITYREF_SEMICOL_MISSING: AMPERSAND,
    etree.ErrorTypes.ERR_ENTITYREF_NO_NAME: AMPERSAND,
    etree.ErrorTypes.ERR_LT_IN_ATTRIBUTE: LESS_THAN,
    etree.ErrorTypes.ERR_ATTRIBUTE_REDEFINED: "A tag has the same attribute twice",
    etree.ErrorTypes.ERR_ATTRIBUTE_NOT_STARTED: "The value of an attribute has no quotation marks",
    etree.ErrorTypes.ERR_ATTRIBUTE_WITHOUT_VALUE: "An attribute has no value",
    etree.ErrorTypes.ERR_COMMENT_NOT_FINISHED: "A comment is not closed",
    etree.ErrorTypes.ERR_HYPHEN_IN_COMMENT: 'A comment has "--" in it',
    etree.ErrorTypes.ERR_CDATA_NOT_FINISHED: "A CDATA section is not closed",
    etree.ErrorTypes.ERR_MISPLACED_CDATA_END: '"]]>" stands in a text outside a CDATA section',
    etree.ErrorTypes.ERR_TAG_NOT_FINISHED: NOT_CLOSED,
    etree.ErrorTypes.ERR_GT_REQUIRED: NOT_CLOSED,
    etree.ErrorTypes.ERR_RESOURCE_LIMIT: "The record is nested too deeply or has too long a text",
}


class BrokenXmlError(Exception):
    """A record is not well-formed XML; the message is for who made it."""


class RecordParser:
    """Parses records one by one. ``namespaces`` are declarations that they may rely on."""

    def __init__(self, namespaces: bytes) -> None:
        self._parser = new_parser(recover=False)
        wrapper = b"<records " + namespaces + b">"
        self._before, self._after = b"", b""
        if namespaces and _is_well_formed(wrapper + b"</records>"):
            self._before, self._after = wrapper, b"</records>"

    def parse(self, data: bytes, *, line: int) -> Element:
        """Return the element of a record that is in UTF-8 and begins on a line.

        Raises:
            BrokenXmlError: it is no well-formed XML, or more than a record can be.
        """
        if data.count(b"<") > 2 * MAX_TAGS:
            raise BrokenXmlError(f"The record has more than {MAX_TAGS:,} elements.")
        try:
            root = etree.fromstring(self._before + data + self._after, self._parser)
        except etree.XMLSyntaxError as error:
            raise BrokenXmlError(_explained(error, line)) from None
        return root[0] if self._before else root


def new_parser(*, recover: bool) -> etree.XMLParser:
    """Return a parser that reads nothing but what it is given."""
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
        recover=recover,
    )


def _is_well_formed(data: bytes) -> bool:
    try:
        etree.fromstring(data, new_parser(recover=False))
    except etree.XMLSyntaxError:
        return False
    return True


def _explained(error: etree.XMLSyntaxError, line: int) -> str:
    """Say in the words of the trade what is wrong, and on which line of the file."""
    message = (error.msg or "").split(", line ")[0]
    where = f"Line {line + max(0, (error.lineno or 1) - 1)}: "
    reason = REASONS.get(error.code)
    if error.code == etree.ErrorTypes.ERR_NAME_REQUIRED:
        reason = next((reason for word, reason in NAMELESS if word in message), None)
    elif error.code == etree.ErrorTypes.ERR_UNDECLARED_ENTITY and (
        entity := UNKNOWN_ENTITY.search(message)
    ):
        reason = f'"&{entity[1][:MAX_SHOWN_CHARACTERS]};" is not known'
    elif error.code == etree.ErrorTypes.ERR_TAG_NAME_MISMATCH and (
        tags := MISMATCH.search(error.msg or "")
    ):
        opened, closed = (tag[:MAX_SHOWN_CHARACTERS] for tag in tags.groups())
        reason = f"<{opened}> is not closed before </{closed}>"
    elif error.code == etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE and (
        prefix := PREFIX.search(message)
    ):
        reason = f'The prefix "{prefix[1][:MAX_SHOWN_CHARACTERS]}" is not declared'
    return f"{where}{reason or message[:MAX_SHOWN_CHARACTERS] or 'This is no well-formed XML'}."
