"""The rates that the shop comes with: books, e-books, audiobooks and everything else.

Each country's row says what it rests on, and as of when that was known. What could not be
confirmed says so in its note, and ``docs/shipping-and-tax.md`` lists it. Where nothing says that
a reduced rate is for audiobooks too, the standard rate stands: too much tax can be given back.

These are the rates of the law, not advice: staff can change each, and the next day's beside it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.tax.kinds import ProductKind

IN_FORCE = date(2026, 1, 1)
"""From when each of these rates is taken to be in force; many are older."""

UNCONFIRMED_AUDIO = "Audiobooks: no source for a reduced rate was found, so the standard rate."


@dataclass(frozen=True, kw_only=True)
class ShippedRate:
    """A rate in per cent, what it rests on, and the day as of which that was known."""

    country: str
    kind: ProductKind
    rate: Decimal
    source: str
    as_of: date
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Law:
    """A country's rates: for everything else, for books, for e-books and for audiobooks."""

    standard: str
    book: str
    ebook: str
    audiobook: str
    source: str
    as_of: date
    note: str | None = None


_LAWS: Mapping[str, _Law] = {
    "AT": _Law(
        standard="20",
        book="10",
        ebook="10",
        audiobook="10",
        source="UStG 1994 § 10(2), e-publications and audiobooks since 1 January 2020 (HVB)",
        as_of=date(2020, 1, 1),
    ),
    "AU": _Law(
        standard="10",
        book="10",
        ebook="10",
        audiobook="10",
        source="A New Tax System (Goods and Services Tax) Act 1999: no rate of its own for books",
        as_of=IN_FORCE,
        note="Parcels of up to 1,000 AUD from abroad: by who is registered there, not by customs.",
    ),
    "BE": _Law(
        standard="21",
        book="6",
        ebook="6",
        audiobook="6",
        source="Royal Decree no. 20, table A, XIX; digital publications since 1 April 2019",
        as_of=IN_FORCE,
        note="Audiobooks not confirmed: the law has the words of Annex III, point 6.",
    ),
    "BG": _Law(
        standard="20",
        book="9",
        ebook="9",
        audiobook="20",
        source="VAT Act Art. 66a, permanent since 1 January 2023 (Eurofast)",
        as_of=date(2023, 2, 22),
        note=UNCONFIRMED_AUDIO,
    ),
    "CA": _Law(
        standard="5",
        book="5",
        ebook="5",
        audiobook="5",
        source="Excise Tax Act s. 165; provinces' rebate on printed books: CRA Info Sheet GI-065",
        as_of=date(2014, 8, 1),
        note="GST only. Provinces give back their part of the HST on printed books; that on "
        "e-books and other goods, and provincial sales taxes, are not in this table.",
    ),
    "CH": _Law(
        standard="8.1",
        book="2.6",
        ebook="2.6",
        audiobook="2.6",
        source="MWSTG Art. 25(2), MWSTV Art. 51 and 51a; rates since 1 January 2024",
        as_of=date(2024, 1, 1),
    ),
    "CY": _Law(
        standard="19",
        book="3",
        ebook="3",
        audiobook="19",
        source="VAT Law amended in the Official Gazette of 21 July 2023 (Meridian, Orbitax)",
        as_of=date(2023, 8, 3),
        note="Audiobooks: named only for people with disabilities, so the standard rate.",
    ),
    "CZ": _Law(
        standard="21",
        book="0",
        ebook="0",
        audiobook="0",
        source="ZDPH § 71i (Act 349/2023), recordings of a book's text among them",
        as_of=date(2025, 6, 9),
    ),
    "DE": _Law(
        standard="19",
        book="7",
        ebook="7",
        audiobook="7",
        source="UStG § 12(2) no. 1 and 14, Anlage 2 no. 49 and 50 (OFD Frankfurt S 7225 A - 008)",
        as_of=date(2023, 1, 18),
    ),
    "DK": _Law(
        standard="25",
        book="25",
        ebook="25",
        audiobook="25",
        source="Momsloven § 33: one rate",
        as_of=date(2025, 8, 24),
        note="Not confirmed since: in August 2025 the government announced to free books of VAT "
        "with its budget for 2026. Look up whether and from when before selling there.",
    ),
    "EE": _Law(
        standard="24",
        book="9",
        ebook="9",
        audiobook="24",
        source="KMS § 15(2); e-publications since 1 May 2020; standard rate since 1 July 2025",
        as_of=date(2025, 7, 1),
        note=UNCONFIRMED_AUDIO,
    ),
    "ES": _Law(
        standard="21",
        book="4",
        ebook="4",
        audiobook="4",
        source="Ley 37/1992 Art. 91.Dos.1.2.º; audiobooks by a binding answer of the DGT",
        as_of=date(2023, 1, 1),
    ),
    "FI": _Law(
        standard="25.5",
        book="13.5",
        ebook="13.5",
        audiobook="13.5",
        source="AVL § 85a, 14 per cent lowered to 13.5 on 1 January 2026 (BDO, vatapi)",
        as_of=IN_FORCE,
        note="Audiobooks not confirmed by name: 'books, physical and certain digital'.",
    ),
    "FR": _Law(
        standard="20",
        book="5.5",
        ebook="5.5",
        audiobook="5.5",
        source="CGI Art. 278-0 bis A 3°: books on every carrier, downloads among them",
        as_of=IN_FORCE,
        note="Overseas departments have rates of their own. Not looked up anew.",
    ),
    "GB": _Law(
        standard="20",
        book="0",
        ebook="0",
        audiobook="20",
        source="VAT Act 1994 Sch. 8 Group 3; HMRC Notice 701/10 sections 3 and 9",
        as_of=date(2020, 5, 1),
    ),
    "GR": _Law(
        standard="24",
        book="6",
        ebook="6",
        audiobook="6",
        source="VAT Code Annex III, e-books and audiobooks since 1 July 2021 (KPMG)",
        as_of=date(2021, 9, 1),
    ),
    "HR": _Law(
        standard="25",
        book="5",
        ebook="5",
        audiobook="25",
        source="Zakon o PDV-u Art. 38(2)",
        as_of=IN_FORCE,
        note="E-books not confirmed. " + UNCONFIRMED_AUDIO,
    ),
    "HU": _Law(
        standard="27",
        book="5",
        ebook="27",
        audiobook="27",
        source="Áfa tv. Annex 3: books on physical carriers; e-books at the standard rate (24.hu)",
        as_of=date(2019, 11, 5),
        note="Not confirmed since 2019 for e-books. Audiobooks on a carrier bear 5.",
    ),
    "IE": _Law(
        standard="23",
        book="0",
        ebook="0",
        audiobook="0",
        source="VATCA 2010 Sch. 2; e-books and audiobooks since 1 January 2024 (Finance (No.2) "
        "Act 2023; Dáil answers of 5 December 2023)",
        as_of=date(2024, 1, 1),
        note="In 2022 audiobooks on a disc bore the standard rate.",
    ),
    "IT": _Law(
        standard="22",
        book="4",
        ebook="4",
        audiobook="22",
        source="DPR 633/1972 Tab. A II no. 18; L. 190/2014 Art. 1(667): what has an ISBN",
        as_of=date(2015, 1, 1),
        note=UNCONFIRMED_AUDIO + " E-books without an ISBN bear the standard rate.",
    ),
    "LT": _Law(
        standard="21",
        book="5",
        ebook="5",
        audiobook="21",
        source="PVMĮ Art. 19 by Law XV-287, since 1 January 2026 (Sovos)",
        as_of=IN_FORCE,
        note=UNCONFIRMED_AUDIO,
    ),
    "LU": _Law(
        standard="17",
        book="3",
        ebook="3",
        audiobook="17",
        source="VAT Law Annex B; e-books since 1 January 2019 (Avalara)",
        as_of=date(2019, 2, 25),
        note=UNCONFIRMED_AUDIO,
    ),
    "LV": _Law(
        standard="21",
        book="5",
        ebook="5",
        audiobook="21",
        source="PVN likums Art. 42; since 1 January 2026 by language (KPMG)",
        as_of=date(2025, 10, 1),
        note="5 per cent is for the languages of Latvia, the EU, the EEA, Switzerland, candidate "
        "countries and the OECD; others, such as Russian, bear 21. " + UNCONFIRMED_AUDIO,
    ),
    "MT": _Law(
        standard="18",
        book="5",
        ebook="5",
        audiobook="18",
        source="VAT Act Eighth Schedule; e-books since 2019",
        as_of=IN_FORCE,
        note="E-books not confirmed. " + UNCONFIRMED_AUDIO,
    ),
    "NL": _Law(
        standard="21",
        book="9",
        ebook="9",
        audiobook="9",
        source="Wet OB 1968 Tabel I a 30 and b 20; digital editions since 1 January 2020",
        as_of=IN_FORCE,
        note="Not looked up anew.",
    ),
    "NO": _Law(
        standard="25",
        book="0",
        ebook="0",
        audiobook="0",
        source="Merverdiavgiftsloven § 6-3 and 6-4; e-books and audiobooks since 1 July 2019",
        as_of=date(2019, 7, 15),
        note="Sheet music is not a book there.",
    ),
    "NZ": _Law(
        standard="15",
        book="15",
        ebook="15",
        audiobook="15",
        source="Goods and Services Tax Act 1985 s. 8: one rate",
        as_of=IN_FORCE,
    ),
    "PL": _Law(
        standard="23",
        book="5",
        ebook="5",
        audiobook="5",
        source="Ustawa o VAT Annex 10, since 1 November 2019 (prawo.pl, podatnik.info)",
        as_of=date(2025, 7, 11),
        note="Audiobooks: the trade takes 5; the tax office's answers have differed.",
    ),
    "PT": _Law(
        standard="23",
        book="6",
        ebook="6",
        audiobook="6",
        source="CIVA Lista I 2.1; audiobooks by an answer of the tax authority (SAPO Tek)",
        as_of=IN_FORCE,
        note="Madeira and the Azores have lower rates.",
    ),
    "RO": _Law(
        standard="21",
        book="11",
        ebook="11",
        audiobook="11",
        source="Fiscal Code Art. 291 by Law 141/2025, since 1 August 2025; digital since 2022",
        as_of=date(2025, 8, 1),
    ),
    "SE": _Law(
        standard="25",
        book="6",
        ebook="6",
        audiobook="6",
        source="ML 2023:200 ch. 9; electronic publications since 1 July 2019",
        as_of=IN_FORCE,
        note="Audiobooks not confirmed by name.",
    ),
    "SI": _Law(
        standard="22",
        book="5",
        ebook="5",
        audiobook="22",
        source="ZDDV-1 Art. 41, since 1 January 2020 (vatcalc)",
        as_of=date(2020, 1, 1),
        note=UNCONFIRMED_AUDIO,
    ),
    "SK": _Law(
        standard="23",
        book="5",
        ebook="5",
        audiobook="5",
        source="Act 222/2004 Annex 7 by Act 278/2024, since 1 January 2025 (Trend, Refresher)",
        as_of=date(2025, 1, 1),
    ),
    "US": _Law(
        standard="0",
        book="0",
        ebook="0",
        audiobook="0",
        source="No value-added tax",
        as_of=IN_FORCE,
        note="Sales taxes of states, counties and cities are not in this table.",
    ),
}


def _rates() -> Iterator[ShippedRate]:
    for country, law in _LAWS.items():
        for kind, rate in (
            (ProductKind.BOOK, law.book),
            (ProductKind.EBOOK, law.ebook),
            (ProductKind.AUDIOBOOK, law.audiobook),
            (ProductKind.OTHER, law.standard),
        ):
            yield ShippedRate(
                country=country,
                kind=kind,
                rate=Decimal(rate),
                source=law.source,
                as_of=law.as_of,
                note=law.note,
            )


TAX_RATES: tuple[ShippedRate, ...] = tuple(_rates())
"""Four rates for each country, in the order of the countries' codes."""
