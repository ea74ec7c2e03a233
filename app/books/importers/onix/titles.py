"""What a product is called, and the series that it belongs to."""

from collections.abc import Sequence

from app.books.importers.onix.elements import Element, Groups, Leaves, children, first, leaves
from app.books.importers.onix.product import Series
from app.books.importers.report import Repair

DISTINCTIVE_TITLE, UNDEFINED_TITLE = "01", "00"
PRODUCT_LEVEL = "01"
COLLECTION_LEVELS = ("02", "03", "06")
APOSTROPHES = ("'", "\N{RIGHT SINGLE QUOTATION MARK}")


def read_title(groups: Groups, repairs: list[Repair]) -> tuple[str, str]:
    """Return title and subtitle, either of which may be empty."""
    for name, read in (("TitleDetail", _of_detail), ("Title", _of_title)):
        for element in _by_preference(groups.get(name, ()), repairs):
            title, subtitle = read(element, repairs)
            if title:
                return title, subtitle
    bare = Leaves(
        (name, first(groups, name, repairs=repairs))
        for name in ("TitlePrefix", "TitleWithoutPrefix")
    )
    title = first(groups, "DistinctiveTitle", repairs=repairs) or _joined(bare)
    return title, first(groups, "Subtitle", repairs=repairs)


def _by_preference(elements: Sequence[Element], repairs: list[Repair]) -> list[Element]:
    """Return titles with the distinctive one first, then the undefined; others as they come."""
    if len(elements) < 2:  # noqa: PLR2004 (nothing to choose)
        return list(elements)
    order = {DISTINCTIVE_TITLE: 0, UNDEFINED_TITLE: 1}
    types = [first(children(element), "TitleType", repairs=repairs) for element in elements]
    ranked = sorted(range(len(elements)), key=lambda index: order.get(types[index], 2))
    return [elements[index] for index in ranked]


def _of_title(element: Element, repairs: list[Repair]) -> tuple[str, str]:
    texts = leaves(element, repairs)
    return _joined(texts), texts["Subtitle"]


def _of_detail(element: Element, repairs: list[Repair]) -> tuple[str, str]:
    """Read the title of the product's own level; without one, that of the collection and a part."""
    detail = children(element)
    levels = [leaves(level, repairs) for level in detail.get("TitleElement", ())]
    own = next((texts for texts in levels if texts["TitleElementLevel"] == PRODUCT_LEVEL), None)
    if own is not None and (title := _joined(own)):
        return title, own["Subtitle"]
    names = [_joined(texts) for texts in levels]
    names += [texts["PartNumber"] for texts in levels if texts["PartNumber"]]
    title = " ".join(name for name in names if name)
    subtitle = own["Subtitle"] if own is not None else ""
    return title or first(detail, "TitleStatement", repairs=repairs), subtitle


def _joined(texts: Leaves) -> str:
    prefix, rest = texts["TitlePrefix"], texts["TitleWithoutPrefix"]
    if texts["TitleText"] or not prefix or not rest:
        return texts["TitleText"] or rest or prefix
    return prefix + rest if prefix.endswith(APOSTROPHES) else f"{prefix} {rest}"


def read_series(groups: Groups, repairs: list[Repair]) -> tuple[Series, ...]:
    """Return all memberships in series, each name once."""
    found: dict[str, Series] = {}
    for element in groups.get("Collection", ()):
        for series in _of_collection(children(element), repairs):
            found.setdefault(series.name, series)
    for element in groups.get("TitleDetail", ()):
        for name, number in _collection_levels(children(element), repairs):
            found.setdefault(name, Series(name, number))
    for element in groups.get("Series", ()):
        inner = children(element)
        name, _ = read_title(inner, repairs)
        name = first(inner, "TitleOfSeries", repairs=repairs) or name
        number = first(inner, "NumberWithinSeries", repairs=repairs)
        if name:
            found.setdefault(name, Series(name, number))
    return tuple(found.values())


def _of_collection(groups: Groups, repairs: list[Repair]) -> list[Series]:
    type_ = first(groups, "CollectionType", repairs=repairs)
    for detail in _by_preference(groups.get("TitleDetail", ()), repairs):
        named = _collection_levels(children(detail), repairs)
        if named:
            last_name, last_number = named[-1]
            named[-1] = (last_name, last_number or _sequence_number(groups, repairs))
            return [Series(name, number, type_) for name, number in named]
    return []


def _collection_levels(groups: Groups, repairs: list[Repair]) -> list[tuple[str, str]]:
    """Return names and numbers of the levels above the product.

    A part number at the product's own level is its number in the innermost of them.
    """
    levels = [leaves(element, repairs) for element in groups.get("TitleElement", ())]
    named = [
        (_joined(texts), texts["PartNumber"])
        for texts in levels
        if texts["TitleElementLevel"] in COLLECTION_LEVELS and _joined(texts)
    ]
    own = (texts["PartNumber"] for texts in levels if texts["TitleElementLevel"] == PRODUCT_LEVEL)
    if named and not named[-1][1]:
        named[-1] = (named[-1][0], next(own, ""))
    return named


def _sequence_number(groups: Groups, repairs: list[Repair]) -> str:
    for element in groups.get("CollectionSequence", ()):
        if number := leaves(element, repairs)["CollectionSequenceNumber"]:
            return number
    return ""
