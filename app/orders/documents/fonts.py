"""Letters for papers: of every font only those that a paper needs.

Noto Sans has Latin, Greek and Cyrillic, Noto Sans CJK Chinese, Japanese and Korean. Both come as
packages, in one file for all weights, of which a weight is made here, and of quadratic outlines,
the only ones that every reader of PDF takes. What else titles are written in, the operator's own
fonts have (``DOCUMENT_FONTS``).
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

from fontTools import subset
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable
from fontTools.varLib.instancer import instantiateVariableFont

LETTERS = Path(str(files("fontpkg_noto_sans"))) / "files" / "NotoSans[wdth,wght].ttf"
CJK_LETTERS = Path(str(files("manimgx_fonts_cjk"))) / "NotoSansCJK-VF.otf.ttc"

REGULAR = 400
BOLD = 700

GREATEST_ERROR = 1.0
"""How far an outline may be from the font's own, in thousandths of a letter's size."""

CUTS_KEPT = 32
"""So many cut fonts are kept, of some 20 KB each."""

UNUSED = {"GSUB", "GPOS", "GDEF", "BASE", "VORG", "vhea", "vmtx", "VVAR", "MVAR"}
"""Tables for what is not done here: joined letters, lines from top to bottom."""


def cut_fonts(text: str, *, more: Sequence[Path], folder: Path) -> list[tuple[Path, Path]]:
    """Write fonts with a text's letters into a folder; return the regular and bold file of each.

    The first has what every paper needs; those that follow have what those before them lack.

    Raises:
        OSError, TTLibError: one of the operator's own fonts cannot be read.
    """
    missing = set(text)
    cut = []
    for number, source in enumerate([LETTERS, CJK_LETTERS, *more]):
        known = missing & _letters_of(source)
        if number and not known:
            continue
        missing -= known
        pair = (folder / f"{number}-{REGULAR}.ttf", folder / f"{number}-{BOLD}.ttf")
        for target, content in zip(pair, _cut(source, frozenset(known)), strict=True):
            target.write_bytes(content)
        cut.append(pair)
    return cut


def _open(source: Path | BytesIO) -> TTFont:
    return TTFont(source, fontNumber=0, lazy=True, recalcTimestamp=False)


@lru_cache
def _letters_of(source: Path) -> frozenset[str]:
    with _open(source) as font:
        return frozenset(map(chr, font.getBestCmap()))


@lru_cache(maxsize=CUTS_KEPT)
def _cut(source: Path, letters: frozenset[str]) -> tuple[bytes, bytes]:
    """Return the letters of a font in regular and in bold; of one that has only one weight, in it.

    The last ones are kept: papers of a shop that sells in one language need the same letters again
    and again, and cutting them takes most of the time that a paper takes.
    """
    options = subset.Options()
    options.layout_features = []
    options.notdef_outline = True
    small = BytesIO()
    with _open(source) as font:
        for table in UNUSED & set(font.keys()):
            del font[table]
        cutter = subset.Subsetter(options)
        cutter.populate(text="".join(sorted(letters)))
        cutter.subset(font)
        font.save(small)
    return _in_weight(small.getvalue(), REGULAR), _in_weight(small.getvalue(), BOLD)


def _in_weight(small: bytes, weight: int) -> bytes:
    made = BytesIO()
    with _open(BytesIO(small)) as font:
        if "fvar" in font:
            usual = {axis.axisTag: axis.defaultValue for axis in font["fvar"].axes}
            instantiateVariableFont(font, usual | {"wght": weight}, inplace=True)
        if "glyf" not in font:
            _make_quadratic(font)
        font.save(made)
    return made.getvalue()


def _make_quadratic(font: TTFont) -> None:
    """Replace cubic outlines, which only some readers take in a font file, by quadratic ones."""
    order = font.getGlyphOrder()
    outlines = font.getGlyphSet()
    table = newTable("glyf")
    table.glyphOrder = order
    table.glyphs = dict(_quadratic(outlines, order))
    for name in ("CFF ", "CFF2"):
        if name in font:
            del font[name]
    font["loca"] = newTable("loca")
    font["glyf"] = table
    for name in order:
        width, _ = font["hmtx"][name]
        font["hmtx"][name] = (width, getattr(table.glyphs[name], "xMin", 0))
    limits = font["maxp"]
    limits.tableVersion = 0x00010000
    for field in (
        *("maxZones", "maxTwilightPoints", "maxStorage", "maxFunctionDefs", "maxInstructionDefs"),
        *("maxStackElements", "maxSizeOfInstructions", "maxComponentElements"),
        *("maxPoints", "maxContours", "maxCompositePoints", "maxCompositeContours"),
        "maxComponentDepth",
    ):
        setattr(limits, field, 1 if field == "maxZones" else 0)
    font["post"].formatType = 3.0
    font.sfntVersion = "\000\001\000\000"


def _quadratic(outlines: Any, order: Iterable[str]) -> Iterator[tuple[str, Any]]:
    for name in order:
        pen = TTGlyphPen(None)
        outlines[name].draw(Cu2QuPen(pen, GREATEST_ERROR, reverse_direction=True))
        glyph = pen.glyph()
        glyph.recalcBounds(None)
        yield name, glyph
