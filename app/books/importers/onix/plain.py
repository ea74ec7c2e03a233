"""Texts with markup of any kind, escaped once or twice or not at all, in plain words."""

import html
import re

TAG = re.compile(r"<(?P<slash>/?)(?:[A-Za-z][\w.-]*:)?(?P<name>[A-Za-z][A-Za-z0-9]*)\b[^<>]*>")
REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "caption",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
    ]
)
INLINE = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "img",
        "ins",
        "kbd",
        "mark",
        "o",
        "q",
        "rb",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "script",
        "small",
        "span",
        "strike",
        "strong",
        "style",
        "sub",
        "sup",
        "td",
        "th",
        "tt",
        "u",
        "var",
    ]
)
SPACED = frozenset({"td", "th", "img"})
NOT_TEXT = frozenset({"script", "style"})
MAX_LEVELS = 4
"""So often a text may have been escaped; what is left then stays as it is."""


def plain_text(text: str, *, is_markup: bool = False) -> str:
    """Return the words of a text, one line for each paragraph.

    Tags of HTML are recognised wherever they are, others only if it ``is_markup``. The ends of
    lines in a text with markup are mere spaces; blank lines separate paragraphs in any.
    """
    for _ in range(MAX_LEVELS):
        if "<" in text:
            text = _without_tags(_without_comments(text), is_markup=is_markup)
        unescaped = REFERENCE.sub(_unescape, text) if "&" in text else text
        if unescaped == text:
            break
        text = unescaped
    return "\n".join(line for line in (" ".join(part.split()) for part in text.split("\n")) if line)


def _unescape(match: re.Match[str]) -> str:
    return html.unescape(match[0])


def _without_comments(text: str) -> str:
    pieces = []
    position = 0
    while (begin := text.find("<!--", position)) >= 0 and (end := text.find("-->", begin)) >= 0:
        pieces.append(text[position:begin])
        position = end + 3
    return "".join([*pieces, text[position:]])


def _without_tags(text: str, *, is_markup: bool) -> str:
    pieces: list[str] = []
    position = 0
    found = False
    for tag in TAG.finditer(text):
        name = tag["name"].lower()
        if not (name in BLOCKS or name in INLINE or is_markup) or tag.start() < position:
            continue
        found = True
        pieces.append(_folded(text[position : tag.start()]))
        position = tag.end()
        if name in BLOCKS:
            pieces.append("\n")
        elif name in SPACED:
            pieces.append(" ")
        elif name in NOT_TEXT and not tag["slash"]:
            end = text.find("</", position)
            position = len(text) if end < 0 else end
    if not found:
        return text
    pieces.append(_folded(text[position:]))
    return "".join(pieces)


def _folded(text: str) -> str:
    """Return the text with blank lines as ends of lines, and ends of lines as spaces."""
    if "\n" not in text:
        return text
    lines = text.split("\n")
    inner = [line if line.strip() else "\n" for line in lines[1:-1]]
    return " ".join([lines[0], *inner, lines[-1]])
