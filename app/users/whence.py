"""Where somebody signed in from, no more exactly than a reader needs to know it again."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network

MAX_PROGRAM_CHARACTERS = 40
NETWORK_BITS = {4: 24, 6: 48}
"""How much of an address is kept: enough to tell one's own provider from another's."""

BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


@dataclass(frozen=True, kw_only=True)
class Whence:
    """A browser or program, and the network that it was in."""

    program: str = ""
    network: str = ""


NOWHERE = Whence()
"""For who is signed in by the shop itself."""


def describe_program(user_agent: str) -> str:
    """Return a browser's and its system's names, or how a program begins to call itself."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), None)
    if browser is None:
        return UNPRINTABLE.sub("", user_agent).strip()[:MAX_PROGRAM_CHARACTERS]
    system = next((name for mark, name in SYSTEMS if mark in user_agent), None)
    return f"{browser} on {system}" if system else browser


def coarse_network(address: str) -> str:
    """Return the network that an address is in; nothing for what is no address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    mapped = None if isinstance(parsed, IPv4Address) else parsed.ipv4_mapped
    exact = mapped or parsed
    return str(ip_network((exact, NETWORK_BITS[exact.version]), strict=False))
