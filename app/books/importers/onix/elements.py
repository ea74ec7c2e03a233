"""Elements of a record by their reference names, and the text that they hold."""

import html
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from lxml import etree

from app.books.importers.onix.plain import plain_text
from app.books.importers.onix.tags import NAMES
from app.books.importers.report import Repair, RepairKind

Element: TypeAlias = etree._Element  # noqa: SLF001 (lxml's only name for it)
Groups: TypeAlias = Mapping[str, Sequence[Element]]
"""The children of an element by their names; names that are not there may be asked for by get."""


class Leaves(dict[str, str]):
    """The texts of an element's children by their names, the first of each; empty for others."""

    def __missing__(self, name: str) -> str:
        return ""


def children(element: Element) -> dict[str, list[Element]]:
    """Return the children that have a known name, in their order."""
    groups: dict[str, list[Element]] = {}
    for child in element:
        tag: Any = child.tag
        name = NAMES[tag]
        if name in groups:
            groups[name].append(child)
        elif name:
            groups[name] = [child]
    return groups


def leaves(element: Element, repairs: list[Repair]) -> Leaves:
    """Return one line of text for each kind of child."""
    texts = Leaves()
    for child in element:
        tag: Any = child.tag
        name = NAMES[tag]
        if name and name not in texts:
            text = child.text
            if text and text.isalnum() and not len(child):  # as mostly, a code
                texts[name] = text
            else:
                texts[name] = line(child, repairs)
    return texts


def first(groups: Groups, *names: str, repairs: list[Repair]) -> str:
    """Return the first text, of the names in their order, that is not empty."""
    for name in names:
        if name in groups:
            for element in groups[name]:
                if text := line(element, repairs):
                    return text
    return ""


def lines(groups: Groups, name: str, repairs: list[Repair]) -> tuple[str, ...]:
    """Return all texts of a name that are not empty."""
    if name not in groups:
        return ()
    texts = (line(element, repairs) for element in groups[name])
    return tuple(text for text in texts if text)


def line(element: Element, repairs: list[Repair]) -> str:
    """Return the text of an element on one line, without markup or entities."""
    text = "".join(element.itertext()) if len(element) else element.text
    if not text or text.isalnum():
        return text or ""
    text = text.strip()
    if "&" in text or "<" in text:
        plain = plain_text(text)
        if plain != text:
            repairs.append(Repair(RepairKind.ENTITIES, text, plain))
        text = plain
    return " ".join(text.split())


def block(element: Element, *, is_markup: bool) -> str:
    """Return a text of several paragraphs in plain words, be its markup elements or escaped."""
    if len(element):
        markup = "".join(etree.tostring(child, encoding="unicode") for child in element)
        return plain_text(html.escape(element.text or "", quote=False) + markup, is_markup=True)
    return plain_text(element.text or "", is_markup=is_markup)
