"""Whose tax a sale bears: the shop's country's, the destination's, or none."""

from collections.abc import Mapping

EU_MEMBERS = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    ]
)
"""The members of the European Union since 2020."""

TAXED_AS: Mapping[str, str] = {"IM": "GB", "LI": "CH", "MC": "FR"}
"""Countries within another's tax: the Isle of Man, Liechtenstein and Monaco (Art. 7 of Directive
2006/112/EC for the first and the last; the treaty of 28 October 1994 for Liechtenstein).

Territories that are outside their own country's tax, such as the Canary Islands, have no country
code of their own and are not told apart.
"""


def taxing_country(*, shop: str, destination: str, one_stop_shop: bool) -> str | None:
    """Return whose rates a sale to a private person bears; ``None`` for an export without tax.

    Countries are ISO 3166-1 alpha-2. Within the European Union it is the destination's if the
    shop takes part in the One Stop Shop, and otherwise the shop's own, as for shops that sell
    for less than 10,000 euros a year to other members (Art. 33 and 59c of Directive 2006/112/EC).
    """
    shop, destination = TAXED_AS.get(shop, shop), TAXED_AS.get(destination, destination)
    if shop == destination:
        return shop
    if shop in EU_MEMBERS and destination in EU_MEMBERS:
        return destination if one_stop_shop else shop
    return None
