"""Who made a product."""

from app.books.importers.onix.codes import UNNAMED_PERSONS
from app.books.importers.onix.elements import Element, Groups, block, children, first, lines
from app.books.importers.onix.identifiers import name_identifiers
from app.books.importers.onix.product import Contributor
from app.books.importers.onix.values import whole
from app.books.importers.report import Repair

NAME_PARTS = (
    "TitlesBeforeNames",
    "NamesBeforeKey",
    "PrefixToKey",
    "KeyNames",
    "NamesAfterKey",
    "SuffixToKey",
)


def read_contributors(groups: Groups, repairs: list[Repair]) -> tuple[Contributor, ...]:
    """Return all who have a name, or a reason to have none, in the order of their numbers."""
    people = [_contributor(element, repairs) for element in groups.get("Contributor", ())]
    named = [person for person in people if person is not None]
    if all(person.sequence is not None for person in named):
        named.sort(key=lambda person: person.sequence or 0)
    return tuple(named)


def _contributor(element: Element, repairs: list[Repair]) -> Contributor | None:
    groups = children(element)
    body = first(groups, "CorporateName", repairs=repairs)
    unnamed = first(groups, "UnnamedPersons", repairs=repairs)
    name, sort_name = _person(groups, repairs)
    if not name:
        name = body or UNNAMED_PERSONS.get(unnamed, "")
        sort_name = first(groups, "CorporateNameInverted", repairs=repairs) or name
    else:
        body = ""
    if not name:
        return None
    sequence = first(groups, "SequenceNumber", repairs=repairs)
    biographies = (block(note, is_markup=False) for note in groups.get("BiographicalNote", ()))
    return Contributor(
        sequence=whole(sequence, what="Sequence number", repairs=repairs),
        roles=lines(groups, "ContributorRole", repairs),
        name=name,
        sort_name=sort_name,
        is_body=bool(body),
        biography=next((text for text in biographies if text), ""),
        unnamed="" if body or name != UNNAMED_PERSONS.get(unnamed) else unnamed,
        identifiers=name_identifiers(groups, repairs),
    )


def _person(groups: Groups, repairs: list[Repair]) -> tuple[str, str]:
    """Return a person's name for display and for sorting, a missing one made of what there is."""
    parts = {name: text for name in NAME_PARTS if (text := first(groups, name, repairs=repairs))}
    inverted = first(groups, "PersonNameInverted", repairs=repairs)
    name = first(groups, "PersonName", repairs=repairs)
    if "KeyNames" in parts:
        name = name or (" ".join(parts.values()) if len(parts) > 1 else "")
        inverted = inverted or _inverted(parts)
    if not name:
        key, comma, rest = inverted.partition(", ")
        name = f"{rest} {key}" if comma and "," not in rest else inverted
    return name, inverted or name


def _inverted(parts: dict[str, str]) -> str:
    key = " ".join(
        parts[name] for name in ("KeyNames", "NamesAfterKey", "SuffixToKey") if name in parts
    )
    rest = " ".join(parts[name] for name in ("NamesBeforeKey", "PrefixToKey") if name in parts)
    return f"{key}, {rest}" if rest else key
