"""What a product is like: its languages, extent, size, subjects and readers."""

from collections.abc import Mapping
from decimal import Decimal

from app.books.importers.onix.elements import Groups, first, leaves, line, lines
from app.books.importers.onix.product import Extent, Language, Measures, OnixHeader, Subject
from app.books.importers.onix.values import language_code, number, whole
from app.books.importers.report import Repair

TEXT_LANGUAGE, ORIGINAL_LANGUAGE = "01", "02"

PAGES_UNIT = "03"
PAGE_EXTENTS = ("00", "11", "05", "10", "08", "07", "06")
"""Types of list 23 that count pages, what readers would call its pages first."""

DURATION_EXTENTS = ("09", "14", "16")
MINUTES_PER_UNIT = {"04": Decimal(60), "05": Decimal(1), "06": Decimal(1) / 60, "14": Decimal(60)}
"""Units of list 24 that are mere numbers."""

CLOCK_UNITS = {"15": 2, "16": 4}
"""Units of list 24 that are hours followed by so many digits of minutes and seconds."""

MAX_CLOCK_DIGITS = 9

MILLIMETRES = {"mm": Decimal(1), "cm": Decimal(10), "in": Decimal("25.4")}
GRAMS = {
    "gr": Decimal(1),
    "kg": Decimal(1000),
    "oz": Decimal("28.349523125"),
    "lb": Decimal("453.59237"),
}
TENTH = Decimal("0.1")
MEASURES = {
    "01": ("height_mm", MILLIMETRES),
    "02": ("width_mm", MILLIMETRES),
    "03": ("thickness_mm", MILLIMETRES),
    "08": ("weight_g", GRAMS),
}
"""Types of list 48."""

BARE_MEASURES = (("Height", "01"), ("Width", "02"), ("Thickness", "03"), ("Weight", "08"))
WEIGHT = "08"

BISAC, BIC = "10", "12"
BARE_SUBJECTS = (("BASICMainSubject", BISAC), ("BICMainSubject", BIC))
ONIX_AUDIENCE = "01"


def read_languages(
    groups: Groups, header: OnixHeader, repairs: list[Repair]
) -> tuple[Language, ...]:
    """Return the languages of a product, that of the text from the header if it has none."""
    all_leaves = (leaves(element, repairs) for element in groups.get("Language", ()))
    found = [
        Language(texts["LanguageRole"], language_code(texts["LanguageCode"]), texts["LanguageCode"])
        for texts in all_leaves
        if texts["LanguageCode"]
    ]
    for name, role in (("LanguageOfText", TEXT_LANGUAGE), ("OriginalLanguage", ORIGINAL_LANGUAGE)):
        found += [Language(role, language_code(raw), raw) for raw in lines(groups, name, repairs)]
    if header.default_language and not any(known.role == TEXT_LANGUAGE for known in found):
        found.append(Language(TEXT_LANGUAGE, header.default_language, ""))
    return tuple(found)


def read_extents(
    groups: Groups, repairs: list[Repair]
) -> tuple[tuple[Extent, ...], int | None, int | None]:
    """Return all extents as they were written, the pages and the minutes."""
    all_leaves = (leaves(element, repairs) for element in groups.get("Extent", ()))
    extents = tuple(
        Extent(texts["ExtentType"], texts["ExtentValue"], texts["ExtentUnit"])
        for texts in all_leaves
    )
    pages = whole(
        first(groups, "NumberOfPages", repairs=repairs), what="Number of pages", repairs=repairs
    )
    counted = [extent for extent in extents if extent.unit == PAGES_UNIT]
    for extent in _ranked(counted, PAGE_EXTENTS):
        pages = pages or whole(extent.value, what="Number of pages", repairs=repairs)
    minutes = None
    for extent in _ranked(extents, DURATION_EXTENTS):
        minutes = minutes or _minutes(extent, repairs)
    return extents, pages or None, minutes or None


def _ranked(extents: tuple[Extent, ...] | list[Extent], types: tuple[str, ...]) -> list[Extent]:
    wanted = [extent for extent in extents if extent.type in types]
    return sorted(wanted, key=lambda extent: types.index(extent.type))


def _minutes(extent: Extent, repairs: list[Repair]) -> int | None:
    """Return a duration in whole minutes, rounded."""
    digits = CLOCK_UNITS.get(extent.unit)
    if digits and extent.value.isdecimal() and len(extent.value) <= MAX_CLOCK_DIGITS:
        clock = extent.value.zfill(digits + 1)
        hours, rest = int(clock[:-digits]), clock[-digits:]
        seconds = int(rest[2:] or 0)
        return round(Decimal(hours * 3600 + int(rest[:2]) * 60 + seconds) / 60)
    factor = MINUTES_PER_UNIT.get(extent.unit)
    value = number(extent.value, what="Duration", repairs=repairs)
    return round(value * factor) if factor and value else None


def read_measures(groups: Groups, header: OnixHeader, repairs: list[Repair]) -> Measures:
    """Return size and weight, the first of each that is more than nothing."""
    found: dict[str, Decimal] = {}
    for element in groups.get("Measure", ()):
        texts = leaves(element, repairs)
        type_ = texts["MeasureType"] or texts["MeasureTypeCode"]
        _add_measure(found, type_, texts["Measurement"], texts["MeasureUnitCode"], repairs)
    for name, type_ in BARE_MEASURES:
        unit = header.default_weight_unit if type_ == WEIGHT else header.default_length_unit
        if text := first(groups, name, repairs=repairs):
            _add_measure(found, type_, text, unit, repairs)
    return Measures(**found)


def _add_measure(
    found: dict[str, Decimal], type_: str, text: str, unit: str, repairs: list[Repair]
) -> None:
    name, factors = MEASURES.get(type_, ("", _NO_FACTORS))
    factor = factors.get(unit.casefold())
    if not name or name in found:
        return
    value = number(text, what=f"Measure in {unit}", repairs=repairs)
    if value and factor:
        found[name] = value if factor == 1 else (value * factor).quantize(TENTH)


_NO_FACTORS: Mapping[str, Decimal] = {}


def read_subjects(groups: Groups, repairs: list[Repair]) -> tuple[Subject, ...]:
    """Return all subjects, the main ones of 2.1 first."""
    found = [
        Subject(scheme, code, "", is_main=True)
        for name, scheme in BARE_SUBJECTS
        if (code := first(groups, name, repairs=repairs))
    ]
    for element in groups.get("MainSubject", ()):
        texts = leaves(element, repairs)
        scheme = texts["MainSubjectSchemeIdentifier"]
        found.append(
            Subject(scheme, texts["SubjectCode"], texts["SubjectHeadingText"], is_main=True)
        )
    for element in groups.get("Subject", ()):
        texts = leaves(element, repairs)
        found.append(
            Subject(
                texts["SubjectSchemeIdentifier"],
                texts["SubjectCode"],
                texts["SubjectHeadingText"],
                is_main="MainSubject" in texts,
                scheme_name=texts["SubjectSchemeName"],
            )
        )
    return tuple(found)


def read_audiences(groups: Groups, repairs: list[Repair]) -> tuple[tuple[str, str], ...]:
    """Return whom a product is for: type (list 29) and code."""
    found = [(ONIX_AUDIENCE, line(element, repairs)) for element in groups.get("AudienceCode", ())]
    for element in groups.get("Audience", ()):
        texts = leaves(element, repairs)
        found.append((texts["AudienceCodeType"], texts["AudienceCodeValue"]))
    return tuple(pair for pair in found if pair[1])
