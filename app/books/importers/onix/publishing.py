"""Who publishes a product, since when, and where it may be sold."""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from app.books.importers.onix.codes import RIGHTS_REGIONS
from app.books.importers.onix.elements import (
    Element,
    Groups,
    Leaves,
    children,
    first,
    leaves,
    lines,
)
from app.books.importers.onix.product import PartialDate, Publisher, SalesRight, Territory
from app.books.importers.onix.values import partial_date
from app.books.importers.report import Repair

PUBLISHER = "01"
PUBLICATION, EMBARGO, FIRST_PUBLICATION, ORIGINAL_PUBLICATION = "01", "02", "11", "20"
"""Roles of dates (list 163)."""

NOT_FOR_SALE = "03"
MAX_REMEMBERED = 2_000
"""Longer lists of countries than there are must not stay in memory."""


class PublishingDates(NamedTuple):
    """What the publisher says of dates."""

    publication: PartialDate | None
    first_publication: PartialDate | None
    on_sale: PartialDate | None


def read_publishers(
    groups: Groups, repairs: list[Repair]
) -> tuple[tuple[Publisher, ...], str, str]:
    """Return all publishers, the name of the one that counts, and the imprint."""
    all_leaves = (leaves(element, repairs) for element in groups.get("Publisher", ()))
    publishers = [
        Publisher(texts["PublishingRole"], texts["PublisherName"])
        for texts in all_leaves
        if texts["PublisherName"]
    ]
    if bare := first(groups, "PublisherName", repairs=repairs):
        publishers.append(Publisher(PUBLISHER, bare))
    main = next((known for known in publishers if known.role == PUBLISHER), None)
    main = main or (publishers[0] if publishers else None)
    imprints = (leaves(element, repairs) for element in groups.get("Imprint", ()))
    named = (texts["ImprintName"] for texts in imprints if texts["ImprintName"])
    imprint = next(named, "") or first(groups, "ImprintName", repairs=repairs)
    return tuple(publishers), main.name if main else "", imprint


def read_publishing_dates(groups: Groups, repairs: list[Repair]) -> PublishingDates:
    """Return when a product was or will be published, was first published, and may be sold."""
    dates = read_dates(groups.get("PublishingDate", ()), "PublishingDateRole", repairs)
    publication = dates.get(PUBLICATION) or _bare(groups, "PublicationDate", repairs)
    first_publication = (
        dates.get(FIRST_PUBLICATION)
        or dates.get(ORIGINAL_PUBLICATION)
        or _bare(groups, "YearFirstPublished", repairs)
    )
    return PublishingDates(publication, first_publication, dates.get(EMBARGO))


def _bare(groups: Groups, name: str, repairs: list[Repair]) -> PartialDate | None:
    for element in groups.get(name, ()):
        text = "".join(element.itertext()).strip()
        return partial_date(text, element.get("dateformat") or "", what=name, repairs=repairs)
    return None


def read_dates(
    elements: Iterable[Element], role_name: str, repairs: list[Repair]
) -> dict[str, PartialDate]:
    """Return the first date that can be read of each role."""
    dates: dict[str, PartialDate] = {}
    for element in elements:
        groups = children(element)
        role = first(groups, role_name, repairs=repairs)
        form = first(groups, "DateFormat", repairs=repairs)
        for written in groups.get("Date", ())[:1]:
            text = "".join(written.itertext()).strip()
            form = written.get("dateformat") or form
            found = partial_date(text, form, what="Date", repairs=repairs)
            if found is not None:
                dates.setdefault(role, found)
    return dates


def read_sales_rights(groups: Groups, repairs: list[Repair]) -> tuple[tuple[SalesRight, ...], str]:
    """Return what may be sold where, and what holds for the rest of the world (list 46)."""
    rights = []
    for element in groups.get("SalesRights", ()):
        inner = children(element)
        type_ = first(inner, "SalesRightsType", repairs=repairs)
        rights.append(SalesRight(type_, _rights_territory(inner, repairs)))
    rights += [
        SalesRight(NOT_FOR_SALE, _rights_territory(children(element), repairs))
        for element in groups.get("NotForSale", ())
    ]
    return tuple(rights), first(groups, "ROWSalesRightsType", repairs=repairs)


def _rights_territory(groups: Groups, repairs: list[Repair]) -> Territory:
    composite = read_territory(groups, repairs)
    if composite is not None:
        return composite
    regions = _codes(*lines(groups, "RightsTerritory", repairs))
    named = _codes(*lines(groups, "RightsRegion", repairs))
    return Territory(
        countries_included=_codes(*lines(groups, "RightsCountry", repairs)),
        regions_included=regions | {RIGHTS_REGIONS.get(region, region) for region in named},
    )


def read_territory(groups: Groups, repairs: list[Repair]) -> Territory | None:
    """Return the territory composite of 3.x, if there is one."""
    for element in groups.get("Territory", ()):
        if len(element):
            return _of_composite(leaves(element, repairs))
    return None


def _of_composite(texts: Leaves) -> Territory:
    return Territory(
        _codes(texts["CountriesIncluded"]),
        _codes(texts["RegionsIncluded"]),
        _codes(texts["CountriesExcluded"]),
        _codes(texts["RegionsExcluded"]),
    )


def loose_territory(
    groups: Groups, *, countries: str, regions: str, excluded: str, repairs: list[Repair]
) -> Territory | None:
    """Return the territory that elements of 2.1 with these names say, if any does."""
    if groups.keys().isdisjoint((countries, regions, excluded, "TerritoryExcluded")):
        return None
    territory = Territory(
        countries_included=_codes(*lines(groups, countries, repairs)),
        regions_included=_codes(*lines(groups, regions, repairs)),
        countries_excluded=_codes(*lines(groups, excluded, repairs)),
        regions_excluded=_codes(*lines(groups, "TerritoryExcluded", repairs)),
    )
    return None if territory == Territory() else territory


def _codes(*texts: str) -> frozenset[str]:
    written = " ".join(texts)
    return _remembered_codes(written) if len(written) <= MAX_REMEMBERED else _split_codes(written)


@lru_cache(maxsize=1024)
def _remembered_codes(written: str) -> frozenset[str]:
    return _split_codes(written)


def _split_codes(written: str) -> frozenset[str]:
    return frozenset(written.upper().replace(",", " ").split())
