"""Texts and pictures about a product."""

from collections.abc import Sequence
from typing import NamedTuple

from app.books.importers.onix.codes import FRONT_COVERS, PUBLIC_AUDIENCES, TEXT_TYPES
from app.books.importers.onix.elements import (
    Element,
    Groups,
    block,
    children,
    first,
    leaves,
    lines,
)
from app.books.importers.onix.product import Resource, Text
from app.books.importers.onix.values import left_out, whole
from app.books.importers.report import Repair

SHORT, LONG, CONTENTS = "02", "03", "04"
LONG_TEXTS = (LONG, "05", "27", "30")
"""Types of list 153 that can serve as the description: else cover copy, else the abstract."""

MARKUP_FORMATS = {"02", "03", "05", "html", "xhtml", "xml"}
"""Formats of list 34 that have tags."""

BARE_TEXTS = (("MainDescription", "01"), ("Annotation", "02"))
"""The elements of 2.1 that each hold a text of a type (list 33)."""

MAIN_DESCRIPTION = "01"
FRONT_COVER, IMAGE = "01", "03"
HEIGHT, WIDTH = "02", "03"
WEB_LINKS = ("http://", "https://")
URL_LINK = "01"
"""Type of link (list 40, 2.1)."""


class Texts(NamedTuple):
    """All texts, and those that a shop window has a place for."""

    all: tuple[Text, ...]
    short: str
    long: str
    contents: str


def read_texts(groups: Groups, repairs: list[Repair]) -> Texts:
    """Return the texts of a product in plain words."""
    found = [_text(element, "TextType", repairs) for element in groups.get("TextContent", ())]
    found += [_text(element, "TextTypeCode", repairs) for element in groups.get("OtherText", ())]
    for name, raw_type in BARE_TEXTS:
        for element in groups.get(name, ()):
            found.append(Text(TEXT_TYPES[raw_type], raw_type, "", _plain(element, "")))
    texts = tuple(text for text in found if text.text)
    public = [text for text in texts if text.audience in PUBLIC_AUDIENCES]
    return Texts(
        all=texts,
        short=_chosen(public, (SHORT,)),
        long=_chosen(public, LONG_TEXTS),
        contents=_chosen(public, (CONTENTS,)),
    )


def _chosen(texts: Sequence[Text], types: tuple[str, ...]) -> str:
    """Return the first text of the first type; of 2.1 the main one before the long one."""
    for type_ in types:
        fitting = [text for text in texts if text.type == type_]
        if fitting:
            return min(fitting, key=lambda text: text.raw_type != MAIN_DESCRIPTION).text
    return ""


def _text(element: Element, type_name: str, repairs: list[Repair]) -> Text:
    groups = children(element)
    raw_type = first(groups, type_name, repairs=repairs)
    audiences = lines(groups, "ContentAudience", repairs) or ("",)
    public = (audience for audience in audiences if audience in PUBLIC_AUDIENCES)
    texts = groups.get("Text", ())
    return Text(
        type=raw_type if type_name == "TextType" else TEXT_TYPES.get(raw_type, ""),
        raw_type=raw_type,
        audience=next(public, audiences[0]),
        text=_plain(texts[0], first(groups, "TextFormat", repairs=repairs)) if texts else "",
        author=first(groups, "TextAuthor", "TextSourceCorporate", repairs=repairs),
        source=first(groups, "SourceTitle", "TextSourceTitle", repairs=repairs),
    )


def _plain(element: Element, text_format: str) -> str:
    written = element.get("textformat") or text_format
    return block(element, is_markup=written.casefold() in MARKUP_FORMATS)


def read_resources(
    groups: Groups, repairs: list[Repair]
) -> tuple[tuple[Resource, ...], tuple[str, ...]]:
    """Return all files about a product, and the links to its front cover, the best first."""
    resources, covers = [], []
    for element in groups.get("SupportingResource", ()):
        resource, ranked = _supporting(children(element), repairs)
        resources.append(resource)
        covers += ranked
    for element in groups.get("MediaFile", ()):
        texts = leaves(element, repairs)
        kind, link = texts["MediaFileTypeCode"], texts["MediaFileLink"]
        resources.append(Resource(kind, "", "", (link,) if link else ()))
        if kind in FRONT_COVERS and texts["MediaFileLinkTypeCode"] in {"", URL_LINK}:
            covers.append((FRONT_COVERS[kind], link))
    if first(groups, "CoverImageLinkTypeCode", repairs=repairs) in {"", URL_LINK}:
        covers.append((1, first(groups, "CoverImageLink", repairs=repairs)))
    ranked = sorted(covers, key=lambda cover: cover[0])
    usable = []
    for link in dict.fromkeys(link for _, link in ranked if link):
        if link.lower().startswith(WEB_LINKS):
            usable.append(link)
        else:
            left_out(repairs, "Cover image", link)
    return tuple(resources), tuple(usable)


def _supporting(groups: Groups, repairs: list[Repair]) -> tuple[Resource, list[tuple[int, str]]]:
    """Return a resource and, of a front cover, its links with what to rank them by."""
    kind = first(groups, "ResourceContentType", repairs=repairs)
    mode = first(groups, "ResourceMode", repairs=repairs)
    audiences = lines(groups, "ContentAudience", repairs) or ("",)
    public = [audience for audience in audiences if audience in PUBLIC_AUDIENCES]
    ranked = []
    for element in groups.get("ResourceVersion", ()):
        version = children(element)
        area = _pixels(version, repairs)
        ranked += [(-area, link) for link in lines(version, "ResourceLink", repairs)]
    resource = Resource(kind, mode, (public or audiences)[0], tuple(link for _, link in ranked))
    is_cover = kind == FRONT_COVER and mode in {"", IMAGE} and public
    return resource, ranked if is_cover else []


def _pixels(version: Groups, repairs: list[Repair]) -> int:
    """Return how many pixels a picture has, as far as it is known; a side alone counts squared."""
    sides = {}
    for element in version.get("ResourceVersionFeature", ()):
        texts = leaves(element, repairs)
        kind = texts["ResourceVersionFeatureType"]
        if kind in {HEIGHT, WIDTH}:
            sides[kind] = whole(texts["FeatureValue"], what="Pixels", repairs=repairs) or 0
    height, width = sides.get(HEIGHT, 0), sides.get(WIDTH, 0)
    return (height or width) * (width or height)
