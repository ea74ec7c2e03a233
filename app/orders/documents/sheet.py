"""A sheet of A4 in the house's type: headings, blocks, tables, sums."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from babel.dates import format_date
from fpdf import FPDF
from fpdf.enums import Align, TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

from app.orders.documents.fonts import cut_fonts

MARGIN = 20
WIDTH = 210 - 2 * MARGIN
BODY = 9.5
SMALL = 8
TITLE = 20
LINE = 4.8
INK = (28, 25, 23)
QUIET = (110, 104, 98)
RULE = (205, 198, 190)

FAMILY = "letters"
ALWAYS = (
    "".join(map(chr, range(32, 127))) + "\N{EN DASH}\N{MINUS SIGN}\N{NO-BREAK SPACE}\N{EURO SIGN}"
)


class Page(FPDF):
    """A4 with the seller's line and the page's number at the foot."""

    foot = ""

    def footer(self) -> None:
        """Draw the foot of a page."""
        self.set_y(-16)
        self.set_font(FAMILY, size=SMALL)
        self.set_text_color(*QUIET)
        self.cell(WIDTH - 20, LINE, self.foot)
        self.cell(20, LINE, f"{self.page_no()} / {{nb}}", align=Align.R)


class Sheet:
    """Draws one document from top to bottom."""

    def __init__(self, page: Page, *, locale: str) -> None:
        self._page = page
        self._locale = locale

    def day(self, day: date) -> str:
        """Return a day as people of the locale write it."""
        return format_date(day, format="long", locale=self._locale)

    def head(self, *, title: str, seller: str, lines: Sequence[str]) -> None:
        """Draw who sends it on the left and what it is on the right."""
        page = self._page
        top = page.get_y()
        self._text(seller, size=12, bold=True, width=100)
        for line in lines:
            self._text(line, size=SMALL, colour=QUIET, width=100)
        bottom = page.get_y()
        page.set_xy(MARGIN + 100, top)
        page.set_font(FAMILY, "B", TITLE)
        page.set_text_color(*INK)
        page.cell(WIDTH - 100, 9, title, align=Align.R)
        page.set_xy(MARGIN, max(bottom, top + 10) + 12)

    def columns(self, address: Sequence[str], facts: Sequence[tuple[str, str]]) -> None:
        """Draw an address, and beside it facts with their names."""
        page = self._page
        top = page.get_y()
        for line in address:
            self._text(line, width=90)
        bottom = page.get_y()
        page.set_y(top)
        for name, value in facts:
            page.set_x(MARGIN + 95)
            page.set_font(FAMILY, size=BODY)
            page.set_text_color(*QUIET)
            page.cell(32, LINE, name)
            page.set_text_color(*INK)
            page.multi_cell(
                WIDTH - 127, LINE, value, align=Align.R, new_x=XPos.LMARGIN, new_y=YPos.NEXT
            )
        page.set_y(max(bottom, page.get_y()) + 10)

    def table(
        self,
        heads: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        widths: Sequence[int],
        sides: Sequence[str],
    ) -> None:
        """Draw a table whose head stands on every page that it reaches."""
        page = self._page
        page.set_font(FAMILY, size=BODY)
        page.set_text_color(*INK)
        page.set_draw_color(*RULE)
        with page.table(
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            col_widths=tuple(widths),
            text_align=tuple(sides),
            headings_style=FontFace(color=QUIET, size_pt=SMALL),
            line_height=LINE,
            padding=(1.4, 1.5),
            width=WIDTH,
            align="LEFT",
        ) as table:
            for cells in (heads, *rows):
                row = table.row()
                for cell in cells:
                    row.cell(cell)
        page.ln(4)

    def sums(self, rows: Sequence[tuple[str, str]], *, last_is_total: bool = True) -> None:
        """Draw names and amounts at the right, the last one as the sum of all."""
        page = self._page
        for number, (name, amount) in enumerate(rows, start=1):
            is_total = last_is_total and number == len(rows)
            page.set_x(MARGIN + 90)
            page.set_font(FAMILY, "B" if is_total else "", 11 if is_total else BODY)
            page.set_text_color(*INK)
            height = 8 if is_total else LINE + 0.8
            page.cell(WIDTH - 90 - 35, height, name)
            page.cell(35, height, amount, align=Align.R, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        page.ln(5)

    def note(self, text: str) -> None:
        """Draw a sentence in small letters."""
        self._text(text, size=SMALL, colour=QUIET, width=WIDTH)

    def _text(
        self,
        text: str,
        *,
        width: float,
        size: float = BODY,
        bold: bool = False,
        colour: tuple[int, int, int] = INK,
    ) -> None:
        page = self._page
        page.set_font(FAMILY, "B" if bold else "", size)
        page.set_text_color(*colour)
        page.multi_cell(width, size * 0.5, text, align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


class Draw:
    """Makes a file of what is drawn on a sheet.

    ``texts`` is everything that will stand there, whose letters are taken along. What no font has
    is drawn as an empty box.
    """

    def __init__(
        self,
        *,
        title: str,
        author: str,
        made_at: datetime,
        foot: str,
        texts: Collection[str],
        locale: str,
        more_fonts: Sequence[Path],
    ) -> None:
        self._folder = TemporaryDirectory(prefix="bookstore-fonts-")
        letters = "".join({*ALWAYS, *"".join(texts), *title, *author, *foot})
        self._page = Page(format="A4")
        self._page.foot = foot
        self._page.set_title(title)
        self._page.set_author(author)
        self._page.set_creator(author)
        self._page.set_creation_date(made_at)
        self._page.set_lang(locale.replace("_", "-"))
        self._page.set_margin(MARGIN)
        self._page.set_auto_page_break(auto=True, margin=24)
        self._add_fonts(letters, more_fonts)
        self._page.add_page()
        self.sheet = Sheet(self._page, locale=locale)

    def finish(self) -> bytes:
        """Return the file; nothing can be drawn on it any more."""
        with self._folder:
            return bytes(self._page.output())

    def _add_fonts(self, letters: str, more_fonts: Sequence[Path]) -> None:
        folder = Path(self._folder.name)
        others = []
        for number, (regular, bold) in enumerate(
            cut_fonts(letters, more=more_fonts, folder=folder)
        ):
            family = f"{FAMILY}{number}" if number else FAMILY
            self._page.add_font(family, "", regular)
            self._page.add_font(family, "B", bold)
            others += [family] if number else []
        self._page.set_fallback_fonts(others)
