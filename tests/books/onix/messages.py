"""ONIX messages for tests: the shared real ones, and small ones made to measure."""

import io
from pathlib import Path

from app.books.importers.onix.product import BrokenProduct, OnixProduct
from app.books.importers.onix.reader import OnixMessage, read_message

DATA = Path(__file__).parents[3].parent / "shared" / "data"
FILES = sorted((DATA / "onix").glob("*.xml"))

ROOT_30 = '<ONIXMessage release="3.0" xmlns="http://ns.editeur.org/onix/3.0/reference">'
ROOT_21 = '<ONIXMessage release="2.1">'
IDENTIFIED = (
    "<RecordReference>r1</RecordReference><NotificationType>03</NotificationType>"
    "<ProductIdentifier><ProductIDType>15</ProductIDType><IDValue>9780007232833</IDValue>"
    "</ProductIdentifier>"
)


def message(content: bytes | str) -> OnixMessage:
    return read_message(io.BytesIO(content.encode() if isinstance(content, str) else content))


def read(content: bytes | str) -> list[OnixProduct | BrokenProduct]:
    return list(message(content))


def products(content: bytes | str) -> list[OnixProduct]:
    """Return the products of a message in which nothing is broken."""
    found = read(content)
    good = [product for product in found if isinstance(product, OnixProduct)]
    assert good == found
    return good


def product_30(content: str = "", *, header: str = "") -> OnixProduct:
    (product,) = products(
        f"{ROOT_30}{header}<Product>{IDENTIFIED}{content}</Product></ONIXMessage>"
    )
    return product


def product_21(content: str = "", *, header: str = "") -> OnixProduct:
    (product,) = products(
        f"{ROOT_21}{header}<Product>{IDENTIFIED}{content}</Product></ONIXMessage>"
    )
    return product


def record(reference: str, content: str = "") -> str:
    return (
        f"<Product><RecordReference>{reference}</RecordReference>"
        f"<NotificationType>03</NotificationType>{content}</Product>"
    )
