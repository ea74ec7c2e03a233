"""A cover for a book that has none: drawn from its title and author, always the same way."""

import hashlib
from dataclasses import dataclass
from html import escape
from textwrap import wrap

WIDTH, HEIGHT = 300, 450
TITLE_LINES = 6
LARGE, MEDIUM, SMALL = 34, 28, 22
SHORT_TITLE, LONG_TITLE = 18, 45
SPARSE = 40
"""Of 256: how many squares of the checked binding are left out."""


@dataclass(frozen=True)
class Palette:
    """Cloth, ornament and lettering of a binding."""

    cloth: str
    ornament: str
    lettering: str


PALETTES = (
    Palette("#5b1a23", "#8d3d3f", "#f3e6cf"),
    Palette("#1f3a34", "#3f6a5c", "#efe8d2"),
    Palette("#22304d", "#47608f", "#f0e9d8"),
    Palette("#d9c7a0", "#b59d6b", "#34281a"),
    Palette("#7a4a1e", "#a8733b", "#f8ecd6"),
    Palette("#38343f", "#67606f", "#efe6dd"),
    Palette("#b9543a", "#d98564", "#fff3e2"),
    Palette("#e6dccb", "#c56a4b", "#3a2a22"),
    Palette("#40593b", "#7b9468", "#f4efdb"),
    Palette("#c9a227", "#e2c565", "#2d2410"),
)


def draw_cover(*, title: str, author: str) -> str:
    """Return the cover as an SVG element, three by two, without styles or scripts.

    The picture depends on title and author alone, so that a book looks the same everywhere.
    """
    seed = _seed(title, author)
    palette = palette_of(title, author)
    ornament = ORNAMENTS[seed[1] % len(ORNAMENTS)](palette, seed)
    label = escape(f"{title}, {author}", quote=True)
    return (
        f'<svg class="cover" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{palette.cloth}"/>'
        f"{ornament}"
        f'<rect width="10" height="{HEIGHT}" fill="#000" fill-opacity=".18"/>'
        f'<rect x="10" width="2" height="{HEIGHT}" fill="#fff" fill-opacity=".12"/>'
        f"{_lettering(title, author, palette)}"
        "</svg>"
    )


def palette_of(title: str, author: str) -> Palette:
    """Return the colours that the cover of this book is drawn in."""
    return PALETTES[_seed(title, author)[0] % len(PALETTES)]


def _seed(title: str, author: str) -> bytes:
    return hashlib.sha256(f"{title}\n{author}".encode("utf-8", "replace")).digest()


def _lettering(title: str, author: str, palette: Palette) -> str:
    size = LARGE if len(title) <= SHORT_TITLE else MEDIUM if len(title) <= LONG_TITLE else SMALL
    lines = wrap(title, width=int(430 / size), max_lines=TITLE_LINES, placeholder="…")
    top = 120 if size == LARGE else 96
    spans = "".join(
        f'<tspan x="156" y="{top + index * round(size * 1.22)}">{escape(line)}</tspan>'
        for index, line in enumerate(lines)
    )
    names = wrap(author, width=24, max_lines=2, placeholder="…")
    name_spans = "".join(
        f'<tspan x="156" y="{HEIGHT - 44 + (index - len(names) + 1) * 20}">{escape(name)}</tspan>'
        for index, name in enumerate(names)
    )
    return (
        f'<g fill="{palette.lettering}" text-anchor="middle" font-family="Georgia, serif">'
        f'<text font-size="{size}">{spans}</text>'
        f'<text font-size="15" letter-spacing="1">{name_spans}</text></g>'
    )


def _frame(palette: Palette, _seed: bytes) -> str:
    return (
        f'<g fill="none" stroke="{palette.ornament}">'
        '<rect x="28" y="20" width="256" height="410" stroke-width="2"/>'
        '<rect x="34" y="26" width="244" height="398"/></g>'
    )


def _sun(palette: Palette, seed: bytes) -> str:
    return (
        f'<circle cx="{96 + seed[2] % 120}" cy="{286 + seed[3] % 30}" r="{64 + seed[4] % 22}" '
        f'fill="{palette.ornament}"/>'
    )


def _bands(palette: Palette, seed: bytes) -> str:
    heights = {y: 3 + seed[index] % 9 for index, y in enumerate((40, 56, 352, 368), start=2)}
    bands = "".join(
        f'<rect x="12" y="{y}" width="288" height="{height}"/>' for y, height in heights.items()
    )
    return f'<g fill="{palette.ornament}">{bands}</g>'


def _hills(palette: Palette, seed: bytes) -> str:
    first, second = 250 + seed[2] % 60, 290 + seed[3] % 50
    return (
        f'<path d="M12 {first}Q90 {first - 70} 170 {first}T300 {first - 10}V450H12Z" '
        f'fill="{palette.ornament}" fill-opacity=".55"/>'
        f'<path d="M12 {second}Q120 {second - 60} 210 {second}T300 {second + 6}V450H12Z" '
        f'fill="{palette.ornament}"/>'
    )


def _leaves(palette: Palette, seed: bytes) -> str:
    sides = [1 if (index + seed[2]) % 2 else -1 for index in range(6)]
    leaves = "".join(
        f'<path d="M156 {268 + index * 20}q{34 * side} -26 {60 * side} -4q0 22 {-60 * side} 4Z"/>'
        for index, side in enumerate(sides)
    )
    return (
        f'<g fill="{palette.ornament}">{leaves}<rect x="155" y="256" width="2" height="136"/></g>'
    )


def _checks(palette: Palette, seed: bytes) -> str:
    squares = "".join(
        f'<rect x="{36 + column * 24}" y="{268 + row * 24}" width="24" height="24"/>'
        for row in range(4)
        for column in range(10)
        if (row + column + seed[2]) % 2 and seed[(row * 10 + column) % 32] > SPARSE
    )
    return f'<g fill="{palette.ornament}">{squares}</g>'


ORNAMENTS = (_frame, _sun, _bands, _hills, _leaves, _checks)
