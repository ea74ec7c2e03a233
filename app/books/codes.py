"""The trade's codes (EDItEUR's ONIX code lists) and what they mean in this shop."""

from collections.abc import Collection, Mapping
from enum import StrEnum


class BookFormat(StrEnum):
    """What kind of thing an edition is, as a shopper would say it."""

    HARDBACK = "hardback"
    PAPERBACK = "paperback"
    MASS_MARKET = "mass-market paperback"
    BOARD_BOOK = "board book"
    SPIRAL_BOUND = "spiral-bound"
    EBOOK = "e-book"
    AUDIOBOOK = "audiobook"
    BOX_SET = "box set"
    MAP = "map"
    SHEET_MUSIC = "sheet music"
    CALENDAR = "calendar"
    STATIONERY = "stationery"
    CARDS = "cards"
    POSTER = "poster"
    GAME = "game"
    JIGSAW = "jigsaw"
    TOY = "toy"
    FILM = "film"
    SOFTWARE = "software"
    MERCHANDISE = "merchandise"
    GIFT_CARD = "gift card"
    OTHER = "other"


class DatePrecision(StrEnum):
    """How much of a date is known."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


class SubjectScheme(StrEnum):
    """Whose codes a subject is from (ONIX list 27: 93, 10, 12)."""

    THEMA = "thema"
    BISAC = "bisac"
    BIC = "bic"


EUROZONE = frozenset(
    [
        "AD",
        "AT",
        "BE",
        "BG",
        "CY",
        "DE",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MC",
        "ME",
        "MT",
        "NL",
        "PT",
        "SI",
        "SK",
        "SM",
        "VA",
        "XK",
    ]
)
"""The countries of region ECZ (ONIX list 49)."""

FORMATS_BY_FORM: Mapping[str, BookFormat] = {
    "BB": BookFormat.HARDBACK,
    "BC": BookFormat.PAPERBACK,
    "BE": BookFormat.SPIRAL_BOUND,
    "BF": BookFormat.PAPERBACK,
    "BG": BookFormat.HARDBACK,
    "BH": BookFormat.BOARD_BOOK,
    "PC": BookFormat.CALENDAR,
    "PD": BookFormat.CARDS,
    "PI": BookFormat.SHEET_MUSIC,
    "PJ": BookFormat.CARDS,
    "PK": BookFormat.POSTER,
    "PO": BookFormat.POSTER,
    "ZB": BookFormat.TOY,
    "ZC": BookFormat.TOY,
    "ZD": BookFormat.TOY,
    "ZE": BookFormat.GAME,
    "ZJ": BookFormat.JIGSAW,
    "ZX": BookFormat.TOY,
}
"""ONIX list 150 (product form), code by code."""

FORMATS_BY_GROUP: Mapping[str, BookFormat] = {
    "A": BookFormat.AUDIOBOOK,
    "C": BookFormat.MAP,
    "D": BookFormat.SOFTWARE,
    "E": BookFormat.EBOOK,
    "P": BookFormat.STATIONERY,
    "S": BookFormat.BOX_SET,
    "V": BookFormat.FILM,
    "Z": BookFormat.MERCHANDISE,
}
"""The same by first letter, for the codes that are not named one by one."""

MASS_MARKET_DETAILS = {"B101", "B102"}
"""ONIX list 175: mass-market (rack) paperback, trade rack size."""


def format_of(form: str, details: Collection[str] = ()) -> BookFormat:
    """Return what a product form (ONIX list 150) with its details (list 175) is in this shop.

    A digital download whose details say that it is to be listened to (``A…``) is an audiobook.
    """
    if form == "BC" and not MASS_MARKET_DETAILS.isdisjoint(details):
        return BookFormat.MASS_MARKET
    if form.startswith("E") and any(detail.startswith("A") for detail in details):
        return BookFormat.AUDIOBOOK
    return FORMATS_BY_FORM.get(form) or FORMATS_BY_GROUP.get(form[:1], BookFormat.OTHER)


def is_download(book_format: BookFormat, form: str | None) -> bool:
    """Tell whether an edition is sent as a file, by its format and product form (ONIX list 150).

    E-books are, and gift cards, whose codes are mailed; audiobooks unless their form is a disc, a
    tape or a player (``A…``, other than ``AJ``, the file; ``AA`` says nothing of the carrier).
    """
    if book_format is BookFormat.AUDIOBOOK:
        return form is None or not form.startswith("A") or form in {"AA", "AJ"}
    return book_format in {BookFormat.EBOOK, BookFormat.GIFT_CARD}


class ContributorRole(StrEnum):
    """What somebody did for a work: the roles of ONIX list 17, in a word or two."""

    AUTHOR = "author"
    CO_AUTHOR = "co-author"
    SCREENWRITER = "screenwriter"
    LIBRETTIST = "librettist"
    LYRICIST = "lyricist"
    COMPOSER = "composer"
    ARTIST = "artist"
    PHOTOGRAPHER = "photographer"
    CREATOR = "creator"
    IDEA = "idea"
    DESIGNER = "designer"
    ILLUSTRATOR = "illustrator"
    PHOTOGRAPHS = "photographs"
    TEXT = "text"
    PREFACE = "preface"
    PROLOGUE = "prologue"
    SUMMARY = "summary"
    SUPPLEMENT = "supplement"
    AFTERWORD = "afterword"
    NOTES = "notes"
    COMMENTARY = "commentary"
    EPILOGUE = "epilogue"
    FOREWORD = "foreword"
    INTRODUCTION = "introduction"
    FOOTNOTES = "footnotes"
    MEMOIR = "memoir"
    EXPERIMENTS = "experiments"
    INTERPRETER = "interpreter"
    INTRODUCTION_AND_NOTES = "introduction and notes"
    SOFTWARE = "software"
    BOOK_AND_LYRICS = "book and lyrics"
    CONTRIBUTOR = "contributor"
    APPENDIX = "appendix"
    INDEX = "index"
    DRAWINGS = "drawings"
    COVER_ARTIST = "cover artist"
    PRELIMINARY_WORK = "preliminary work"
    ORIGINAL_AUTHOR = "original author"
    MAPS = "maps"
    INKER_AND_COLOURIST = "inker and colourist"
    PAPER_ENGINEER = "paper engineer"
    CONTINUATION = "continuation"
    INTERVIEWER = "interviewer"
    INTERVIEWEE = "interviewee"
    COMIC_SCRIPT = "comic script"
    INKER = "inker"
    COLOURIST = "colourist"
    LETTERER = "letterer"
    COVER_INKER = "cover inker"
    COVER_COLOURIST = "cover colourist"
    RESEARCHER = "researcher"
    CHARACTER_DESIGNER = "character designer"
    OTHER_CREATOR = "other creator"
    EDITOR = "editor"
    REVISER = "reviser"
    RETELLER = "reteller"
    ABRIDGER = "abridger"
    ADAPTER = "adapter"
    TRANSLATOR = "translator"
    AS_TOLD_BY = "as told by"
    TRANSLATOR_AND_COMMENTATOR = "translator and commentator"
    SERIES_EDITOR = "series editor"
    EDITOR_AND_TRANSLATOR = "editor and translator"
    EDITOR_IN_CHIEF = "editor-in-chief"
    GUEST_EDITOR = "guest editor"
    VOLUME_EDITOR = "volume editor"
    EDITORIAL_BOARD = "editorial board"
    EDITORIAL_COORDINATOR = "editorial coordinator"
    MANAGING_EDITOR = "managing editor"
    FOUNDER = "founder"
    PREPARER = "preparer"
    ASSOCIATE_EDITOR = "associate editor"
    CONSULTANT_EDITOR = "consultant editor"
    GENERAL_EDITOR = "general editor"
    DRAMATIST = "dramatist"
    RAPPORTEUR = "rapporteur"
    LITERARY_EDITOR = "literary editor"
    ARRANGER = "arranger"
    TECHNICAL_EDITOR = "technical editor"
    THESIS_SUPERVISOR = "thesis supervisor"
    THESIS_EXAMINER = "thesis examiner"
    SCIENTIFIC_EDITOR = "scientific editor"
    HISTORICAL_ADVISER = "historical adviser"
    ORIGINAL_EDITOR = "original editor"
    TRANSLATION_REVISER = "translation reviser"
    TRANSCRIBER = "transcriber"
    SENSITIVITY_READER = "sensitivity reader"
    OTHER_ADAPTER = "other adapter"
    COMPILER = "compiler"
    SELECTOR = "selector"
    PICTURE_SELECTOR = "picture selector"
    CURATOR = "curator"
    OTHER_COMPILER = "other compiler"
    PRODUCER = "producer"
    DIRECTOR = "director"
    CONDUCTOR = "conductor"
    CHOREOGRAPHER = "choreographer"
    OTHER_DIRECTOR = "other director"
    ACTOR = "actor"
    DANCER = "dancer"
    VOICE_OVER = "voice-over"
    COMMENTATOR = "commentator"
    SINGER = "singer"
    INSTRUMENTALIST = "instrumentalist"
    NARRATOR = "narrator"
    ENSEMBLE = "ensemble"
    SPEAKER = "speaker"
    PRESENTER = "presenter"
    INTRODUCTION_NARRATOR = "introduction narrator"
    PERFORMER = "performer"
    FILM_MAKER = "film-maker"
    FILM_EDITOR = "film editor"
    RECORDIST = "recordist"
    ASSISTANT = "assistant"
    DEDICATEE = "dedicatee"
    JURISDICTION = "jurisdiction"
    PEER_REVIEWER = "peer reviewer"
    COMPLETED_BY = "completed by"
    VARIOUS_ROLES = "various roles"
    OTHER = "other"


ONIX_ROLES: Mapping[str, ContributorRole] = {
    "A01": ContributorRole.AUTHOR,
    "A02": ContributorRole.CO_AUTHOR,
    "A03": ContributorRole.SCREENWRITER,
    "A04": ContributorRole.LIBRETTIST,
    "A05": ContributorRole.LYRICIST,
    "A06": ContributorRole.COMPOSER,
    "A07": ContributorRole.ARTIST,
    "A08": ContributorRole.PHOTOGRAPHER,
    "A09": ContributorRole.CREATOR,
    "A10": ContributorRole.IDEA,
    "A11": ContributorRole.DESIGNER,
    "A12": ContributorRole.ILLUSTRATOR,
    "A13": ContributorRole.PHOTOGRAPHS,
    "A14": ContributorRole.TEXT,
    "A15": ContributorRole.PREFACE,
    "A16": ContributorRole.PROLOGUE,
    "A17": ContributorRole.SUMMARY,
    "A18": ContributorRole.SUPPLEMENT,
    "A19": ContributorRole.AFTERWORD,
    "A20": ContributorRole.NOTES,
    "A21": ContributorRole.COMMENTARY,
    "A22": ContributorRole.EPILOGUE,
    "A23": ContributorRole.FOREWORD,
    "A24": ContributorRole.INTRODUCTION,
    "A25": ContributorRole.FOOTNOTES,
    "A26": ContributorRole.MEMOIR,
    "A27": ContributorRole.EXPERIMENTS,
    "A28": ContributorRole.INTERPRETER,
    "A29": ContributorRole.INTRODUCTION_AND_NOTES,
    "A30": ContributorRole.SOFTWARE,
    "A31": ContributorRole.BOOK_AND_LYRICS,
    "A32": ContributorRole.CONTRIBUTOR,
    "A33": ContributorRole.APPENDIX,
    "A34": ContributorRole.INDEX,
    "A35": ContributorRole.DRAWINGS,
    "A36": ContributorRole.COVER_ARTIST,
    "A37": ContributorRole.PRELIMINARY_WORK,
    "A38": ContributorRole.ORIGINAL_AUTHOR,
    "A39": ContributorRole.MAPS,
    "A40": ContributorRole.INKER_AND_COLOURIST,
    "A41": ContributorRole.PAPER_ENGINEER,
    "A42": ContributorRole.CONTINUATION,
    "A43": ContributorRole.INTERVIEWER,
    "A44": ContributorRole.INTERVIEWEE,
    "A45": ContributorRole.COMIC_SCRIPT,
    "A46": ContributorRole.INKER,
    "A47": ContributorRole.COLOURIST,
    "A48": ContributorRole.LETTERER,
    "A49": ContributorRole.COVER_INKER,
    "A50": ContributorRole.COVER_COLOURIST,
    "A51": ContributorRole.RESEARCHER,
    "A52": ContributorRole.CHARACTER_DESIGNER,
    "A99": ContributorRole.OTHER_CREATOR,
    "B01": ContributorRole.EDITOR,
    "B02": ContributorRole.REVISER,
    "B03": ContributorRole.RETELLER,
    "B04": ContributorRole.ABRIDGER,
    "B05": ContributorRole.ADAPTER,
    "B06": ContributorRole.TRANSLATOR,
    "B07": ContributorRole.AS_TOLD_BY,
    "B08": ContributorRole.TRANSLATOR_AND_COMMENTATOR,
    "B09": ContributorRole.SERIES_EDITOR,
    "B10": ContributorRole.EDITOR_AND_TRANSLATOR,
    "B11": ContributorRole.EDITOR_IN_CHIEF,
    "B12": ContributorRole.GUEST_EDITOR,
    "B13": ContributorRole.VOLUME_EDITOR,
    "B14": ContributorRole.EDITORIAL_BOARD,
    "B15": ContributorRole.EDITORIAL_COORDINATOR,
    "B16": ContributorRole.MANAGING_EDITOR,
    "B17": ContributorRole.FOUNDER,
    "B18": ContributorRole.PREPARER,
    "B19": ContributorRole.ASSOCIATE_EDITOR,
    "B20": ContributorRole.CONSULTANT_EDITOR,
    "B21": ContributorRole.GENERAL_EDITOR,
    "B22": ContributorRole.DRAMATIST,
    "B23": ContributorRole.RAPPORTEUR,
    "B24": ContributorRole.LITERARY_EDITOR,
    "B25": ContributorRole.ARRANGER,
    "B26": ContributorRole.TECHNICAL_EDITOR,
    "B27": ContributorRole.THESIS_SUPERVISOR,
    "B28": ContributorRole.THESIS_EXAMINER,
    "B29": ContributorRole.SCIENTIFIC_EDITOR,
    "B30": ContributorRole.HISTORICAL_ADVISER,
    "B31": ContributorRole.ORIGINAL_EDITOR,
    "B32": ContributorRole.TRANSLATION_REVISER,
    "B33": ContributorRole.TRANSCRIBER,
    "B34": ContributorRole.SENSITIVITY_READER,
    "B99": ContributorRole.OTHER_ADAPTER,
    "C01": ContributorRole.COMPILER,
    "C02": ContributorRole.SELECTOR,
    "C03": ContributorRole.PICTURE_SELECTOR,
    "C04": ContributorRole.CURATOR,
    "C99": ContributorRole.OTHER_COMPILER,
    "D01": ContributorRole.PRODUCER,
    "D02": ContributorRole.DIRECTOR,
    "D03": ContributorRole.CONDUCTOR,
    "D04": ContributorRole.CHOREOGRAPHER,
    "D99": ContributorRole.OTHER_DIRECTOR,
    "E01": ContributorRole.ACTOR,
    "E02": ContributorRole.DANCER,
    "E03": ContributorRole.VOICE_OVER,
    "E04": ContributorRole.COMMENTATOR,
    "E05": ContributorRole.SINGER,
    "E06": ContributorRole.INSTRUMENTALIST,
    "E07": ContributorRole.NARRATOR,
    "E08": ContributorRole.ENSEMBLE,
    "E09": ContributorRole.SPEAKER,
    "E10": ContributorRole.PRESENTER,
    "E11": ContributorRole.INTRODUCTION_NARRATOR,
    "E99": ContributorRole.PERFORMER,
    "F01": ContributorRole.FILM_MAKER,
    "F02": ContributorRole.FILM_EDITOR,
    "F99": ContributorRole.RECORDIST,
    "Z01": ContributorRole.ASSISTANT,
    "Z02": ContributorRole.DEDICATEE,
    "Z03": ContributorRole.JURISDICTION,
    "Z04": ContributorRole.PEER_REVIEWER,
    "Z05": ContributorRole.COMPLETED_BY,
    "Z98": ContributorRole.VARIOUS_ROLES,
    "Z99": ContributorRole.OTHER,
}
