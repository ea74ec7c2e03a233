"""Countries in which the publisher's price of a new book binds the shop.

The law of the country to which a book goes decides, wherever the shop is. Where a law was not
clear to us, its row is stricter than it may have to be: who discounts too little breaks no law.
The table is a help and no legal advice; ``docs/promotions.md`` shows it and says how it is kept.

Gift cards are a way to pay and no discount, hence no matter of these laws.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from app.books.codes import BookFormat

MONTHS_IN_A_YEAR = 12
NOTHING = Decimal(0)

PRINTED = frozenset(
    {
        BookFormat.HARDBACK,
        BookFormat.PAPERBACK,
        BookFormat.MASS_MARKET,
        BookFormat.BOARD_BOOK,
        BookFormat.SPIRAL_BOUND,
        BookFormat.BOX_SET,
        BookFormat.OTHER,
    }
)
"""Books on paper. What a feed's code says nothing of may be one, hence is taken for one."""

EBOOKS = frozenset({BookFormat.EBOOK})
AUDIOBOOKS = frozenset({BookFormat.AUDIOBOOK})
MUSIC = frozenset({BookFormat.SHEET_MUSIC})
MAPS = frozenset({BookFormat.MAP})

NORWEGIAN = frozenset({"no", "nb", "nn", "se", "sma", "smj", "fkv", "rom", "rmg"})


class PricedBook(Protocol):
    """What a law asks of a book. ``published_by`` is the last day that may be its first."""

    @property
    def format(self) -> BookFormat:
        """What kind of thing it is."""

    @property
    def language(self) -> str | None:
        """The tag of its language, if known."""

    @property
    def published_by(self) -> date | None:
        """The last day that its date of publication, as far as it is known, may mean."""


@dataclass(frozen=True, kw_only=True)
class PriceLaw:
    """How a country binds prices.

    ``languages`` are those of the books that the law is about, or all. It binds for so many
    ``months`` after publication, or until the publisher lets go, which the shop is not told.
    Meanwhile ``allowed_percent`` may be taken off, some laws say only if the reader fetches the
    book (``only_if_collected``). ``forbids_free_delivery`` is of books that are sent.
    """

    name: str
    source: str
    covers: frozenset[BookFormat]
    languages: frozenset[str] | None = None
    months: int | None = None
    allowed_percent: Decimal = NOTHING
    only_if_collected: bool = False
    forbids_free_delivery: bool = False
    note: str = ""

    def binds(self, book: PricedBook, *, today: date) -> bool:
        """Tell whether the price of a book is bound; what is not known of it is taken as bound."""
        if book.format not in self.covers:
            return False
        if (
            self.languages is not None
            and book.language is not None
            and book.language.partition("-")[0].lower() not in self.languages
        ):
            return False
        if self.months is None or book.published_by is None:
            return True
        return _months_between(book.published_by, today) < self.months

    def allowance(self, book: PricedBook, *, is_collected: bool) -> Decimal:
        """Return how many percent of a bound book's price may be taken off."""
        if self.only_if_collected and not (is_collected and book.format in PRINTED):
            return NOTHING
        return self.allowed_percent


LAWS: Mapping[str, PriceLaw] = {
    "AR": PriceLaw(
        name="Ley 25.542 de Defensa de la Actividad Librera",
        source="Ley 25.542 (2001), arts. 1, 5, 6; infoleg.gob.ar",
        covers=PRINTED,
        note="10 % only at fairs and the like, which the shop is not.",
    ),
    "AT": PriceLaw(
        name="Buchpreisbindungsgesetz 2023",
        source="BPrBG 2023, §§ 2, 4, 7; parlament.gv.at, 1743 d.B. XXVII. GP",
        covers=PRINTED | EBOOKS | MUSIC,
        languages=frozenset({"de"}),
        note="5 % may be taken off and not announced, as coupons and offers are.",
    ),
    "BE": PriceLaw(
        name="Décret du 19 octobre 2017; Decreet van 23 december 2016",
        source="Moniteur belge 2017-11-07 and 2017-01-27",
        covers=PRINTED,
        languages=frozenset({"fr", "nl"}),
        months=24,
        note="Which community's decree binds depends on the seller's; the stricter of both.",
    ),
    "DE": PriceLaw(
        name="Buchpreisbindungsgesetz",
        source="BuchPrG, §§ 2, 3, 5, 7, 8; gesetze-im-internet.de/buchprg",
        covers=PRINTED | EBOOKS | MUSIC | MAPS,
        languages=frozenset({"de"}),
        note="Until the publisher ends it (§ 8). Coupons of a seller are discounts: BGH, I ZR "
        "83/14. Foreign books made for Germany above all are bound too, which no feed tells.",
    ),
    "ES": PriceLaw(
        name="Ley de la lectura, del libro y de las bibliotecas",
        source="Ley 10/2007, arts. 9 to 11; BOE-A-2007-12351",
        covers=PRINTED | EBOOKS,
        allowed_percent=Decimal(5),
        note="Between 95 and 100 % of the fixed price (art. 9.3).",
    ),
    "FR": PriceLaw(
        name="Loi Lang; loi n° 2011-590 (livre numérique); loi n° 2021-1901 (livraison)",
        source="Loi n° 81-766, art. 1; loi n° 2011-590, arts. 2, 3; arrêté du 4 avril 2023; "
        "legifrance.gouv.fr",
        covers=PRINTED | EBOOKS,
        allowed_percent=Decimal(5),
        only_if_collected=True,
        forbids_free_delivery=True,
        note="5 % only of a printed book that is fetched in a bookshop. Delivery of new books "
        "is never free: 3 € up to 35 € of books.",
    ),
    "GR": PriceLaw(
        name="Ενιαία τιμή βιβλίου",
        source="Law 2557/1997, art. 1, as amended",
        covers=PRINTED,
        languages=frozenset({"el", "grc"}),
        allowed_percent=Decimal(10),
        note="For two years, which begin anew with a reprint; the shop is not told of reprints.",
    ),
    "IT": PriceLaw(
        name="Legge per la promozione e il sostegno della lettura",
        source="Legge 13 febbraio 2020, n. 15, art. 8; normattiva.it",
        covers=PRINTED | EBOOKS,
        allowed_percent=Decimal(5),
        note="15 % of school books, and campaigns of publishers, are left out.",
    ),
    "JP": PriceLaw(
        name="再販売価格維持制度",
        source="Act No. 54 of 1947, art. 23 (4); jftc.go.jp",
        covers=PRINTED | MUSIC,
        languages=frozenset({"ja"}),
        note="The law allows contracts that bind; nearly all publishers have them.",
    ),
    "KR": PriceLaw(
        name="도서정가제",
        source="Publishing Industry Promotion Act, art. 22; law.go.kr",
        covers=PRINTED | EBOOKS,
        allowed_percent=Decimal(10),
        note="15 % with gifts and points, of which at most 10 % of the price.",
    ),
    "MX": PriceLaw(
        name="Ley de Fomento para la Lectura y el Libro",
        source="DOF 2008-07-24, arts. 22 to 26, as amended",
        covers=PRINTED,
    ),
    "NL": PriceLaw(
        name="Wet op de vaste boekenprijs",
        source="Stb. 2004, 600, arts. 2, 4, 6, 12 to 16; wetten.overheid.nl, BWBR0017452",
        covers=PRINTED | MUSIC,
        languages=frozenset({"nl", "fy"}),
        note="For a year, and then until the publisher ends it.",
    ),
    "NO": PriceLaw(
        name="Bokloven",
        source="Law of 12 June 2023, in force from 2024, §§ 2, 3, 5; regjeringen.no, Prop. 82 L "
        "(2022-2023)",
        covers=PRINTED | EBOOKS | AUDIOBOOKS,
        languages=NORWEGIAN,
        months=12,
        note="Each format for twelve months.",
    ),
    "PT": PriceLaw(
        name="Lei do preço fixo do livro",
        source="Decreto-Lei 176/96, arts. 4, 4-A, with 196/2015 and 94/2021; dre.pt",
        covers=PRINTED | EBOOKS | AUDIOBOOKS,
        months=24,
        allowed_percent=Decimal(10),
        note="Three for two and the like are forbidden as far as they come to more (art. 4-A).",
    ),
    "SI": PriceLaw(
        name="Zakon o enotni ceni knjige",
        source="Uradni list RS 11/2014; pisrs.si, ZEKK",
        covers=PRINTED,
        months=6,
    ),
}
"""By the country that a book goes to (ISO 3166-1 alpha-2)."""

FREE_PRICES: Mapping[str, str] = {
    "CH": "The federal law on book prices was refused by the vote of 11 March 2012; bk.admin.ch.",
    "GB": "The Net Book Agreement was struck down on 13 March 1997.",
}
"""Countries that are asked about often, where prices are free, and since when."""


def _months_between(first: date, last: date) -> int:
    """Return how many whole months lie between two days."""
    months = (last.year - first.year) * MONTHS_IN_A_YEAR + last.month - first.month
    return months - (last.day < first.day)
