"""What the codes of ONIX mean to the shop, and the codes of 2.1 in terms of 3.0."""

from enum import StrEnum


class Notification(StrEnum):
    """Why a record was sent (list 1); update is a block update, which says only what changed."""

    EARLY = "early"
    ADVANCE = "advance"
    CONFIRMED = "confirmed"
    UPDATE = "update"
    DELETE = "delete"
    SALE = "notice of sale"
    ACQUISITION = "notice of acquisition"
    TEST_UPDATE = "test update"
    TEST = "test"


NOTIFICATIONS = {
    "01": Notification.EARLY,
    "02": Notification.ADVANCE,
    "03": Notification.CONFIRMED,
    "04": Notification.UPDATE,
    "05": Notification.DELETE,
    "08": Notification.SALE,
    "09": Notification.ACQUISITION,
    "88": Notification.TEST_UPDATE,
    "89": Notification.TEST,
}

BLOCKS = {
    "DescriptiveDetail": 1,
    "CollateralDetail": 2,
    "ContentDetail": 3,
    "PublishingDetail": 4,
    "RelatedMaterial": 5,
    "ProductSupply": 6,
    "PromotionDetail": 7,
    "ProductionDetail": 8,
}
"""The parts of a 3.x record and their numbers; a block update replaces those that it has."""

PRODUCT_FORMS = {
    "DD": "DI",  # DVD
    "DG": "ED",  # electronic book text
    "DH": "EC",  # online resource
    "FB": "FF",
    "VB": "VJ",  # VHS by television standard
    "VC": "VJ",
    "VG": "VJ",
    "VD": "VK",  # Betamax by television standard
    "VE": "VK",
    "VH": "VK",
    "WW": "SA",  # mixed media
    "WX": "SA",  # pack of copies
}
"""Codes of list 7 (2.1) that list 150 has another code for; all others are the same in both."""

EPUB_FORM_DETAILS = {
    "001": "E105",  # HTML
    "002": "E107",  # PDF
    "022": "E116",  # Kindle
    "029": "E101",  # EPUB
}
"""What an e-book's type (list 10, 2.1) is in list 175."""

AVAILABILITIES = {
    "AB": "01",  # cancelled
    "AD": "44",  # direct from the publisher only
    "CS": "99",  # uncertain
    "EX": "43",  # no longer stocked
    "IP": "20",  # in print
    "MD": "23",  # manufactured on demand
    "NP": "10",  # not yet published
    "NY": "11",  # newly catalogued, not yet in stock
    "OF": "42",  # other format available
    "OI": "40",  # out of stock indefinitely
    "OP": "51",  # out of print
    "OR": "41",  # replaced by a new edition
    "PP": "09",  # postponed indefinitely
    "RF": "43",  # refer to another supplier
    "RM": "47",  # remaindered
    "RP": "32",  # reprinting
    "RU": "32",  # reprinting, undated
    "TO": "22",  # special order
    "TP": "31",  # the publisher cannot supply at present
    "TU": "30",  # temporarily unavailable
    "UR": "33",  # awaiting reissue
    "WR": "20",  # will be remaindered
    "WS": "46",  # withdrawn
}
"""Codes of list 54 (2.1) in terms of list 65."""

PRICES_WITH_TAX = frozenset("02 04 07 09 12 14 17 22 24 27 34 42".split())  # noqa: SIM905 (easier to read)
PRICES_WITHOUT_TAX = frozenset(
    "01 03 05 06 08 11 13 15 21 23 25 31 32 33 35 36 37 41".split()  # noqa: SIM905 (easier to read)
)
"""Types of list 58."""

TEXT_TYPES = {
    "01": "03",  # main description
    "02": "02",  # short description
    "03": "03",  # long description
    "04": "04",  # contents
    "05": "06",  # review quotes of several kinds
    "06": "07",
    "07": "06",
    "08": "06",
    "09": "10",  # headline
    "10": "08",
    "13": "12",  # biographical note
    "17": "27",  # flap copy
    "18": "05",  # back cover copy
    "19": "11",  # feature
    "20": "18",
    "21": "13",  # publisher's notice
    "23": "14",  # excerpts
    "24": "14",
    "30": "09",  # endorsement
    "33": "26",  # introduction
}
"""Codes of list 33 (2.1) in terms of list 153; those without counterpart are for the trade."""

PUBLIC_AUDIENCES = frozenset({"", "00", "03"})
"""Whom a text is for (list 154): everybody, or the people who buy books."""

FRONT_COVERS = {"06": 0, "04": 1, "07": 2}
"""Kinds of media file (list 38, 2.1) that show the front cover, the best first."""

RIGHTS_REGIONS = {"000": "WORLD", "001": "ROW", "002": "GB-APS"}
"""Codes of list 47 (2.1) in terms of list 49."""

UNNAMED_PERSONS = {
    "01": "Unknown",
    "02": "Anonymous",
    "03": "Others",
    "04": "Various",
    "05": "Synthesised voice",
    "06": "Synthesised voice",
    "07": "Synthesised voice",
    "08": "Synthesised voice",
    "09": "Artificial intelligence",
}
"""What stands for a name (list 19)."""
