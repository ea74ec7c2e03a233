"""Files to import, made to measure, and what must become of them."""

from app.books.imports.schemas import ImportRead

HEADER = "isbn,title,author,price,stock\n"
OUTCOMES = ("taken", "updated", "unchanged", "deleted", "outdated", "refused")


def isbn(number: int) -> str:
    """Return the ISBN of a made-up book."""
    digits = f"978{number:09d}"
    total = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def row(number: int, *, price: str = "9.99") -> str:
    return f"{isbn(number)},Volume {number},Writer {number % 97},{price},1\n"


def csv_file(rows: int, *, every: int = 50) -> bytes:
    """Return rows of which each ``every``-th repeats the first book, and the next has no price."""
    lines = []
    for number in range(rows):
        place = number % every
        if number and place == 0:
            lines.append(row(0))
        elif place == 1:
            lines.append(row(number, price=""))
        else:
            lines.append(row(number))
    return (HEADER + "".join(lines)).encode()


def product(number: int, *, price: str = "9.99") -> str:
    return (
        f"<Product><RecordReference>r{number}</RecordReference>"
        "<NotificationType>03</NotificationType><ProductIdentifier><ProductIDType>15"
        f"</ProductIDType><IDValue>{isbn(number)}</IDValue></ProductIdentifier><DescriptiveDetail>"
        "<ProductComposition>00</ProductComposition><ProductForm>BC</ProductForm><TitleDetail>"
        "<TitleType>01</TitleType><TitleElement><TitleElementLevel>01</TitleElementLevel>"
        f"<TitleText>Volume {number}</TitleText></TitleElement></TitleDetail><Contributor>"
        f"<ContributorRole>A01</ContributorRole><PersonName>Writer {number % 97}</PersonName>"
        "</Contributor></DescriptiveDetail><CollateralDetail/><PublishingDetail><PublishingStatus>"
        "04</PublishingStatus></PublishingDetail><RelatedMaterial/><ProductSupply><SupplyDetail>"
        "<Supplier><SupplierRole>01</SupplierRole><SupplierName>S</SupplierName></Supplier>"
        "<ProductAvailability>20</ProductAvailability><Price><PriceType>02</PriceType>"
        f"<PriceAmount>{price}</PriceAmount><CurrencyCode>USD</CurrencyCode></Price>"
        "</SupplyDetail></ProductSupply></Product>\n"
    )


def onix_file(products: int, *, every: int = 10, first: int = 0) -> bytes:
    """Return records of which each ``every``-th changes the first one, and the next is broken."""
    records = []
    for number in range(first, first + products):
        place = (number - first) % every
        if number > first and place == 0:
            records.append(product(first, price=f"{number - first}.50"))
        elif place == 1:
            records.append(f"<Product><RecordReference>r{number}</RecordReference><&></Product>\n")
        else:
            records.append(product(number))
    root = '<ONIXMessage release="3.0" xmlns="http://ns.editeur.org/onix/3.0/reference">\n'
    header = "<Header><Sender><SenderName>Test</SenderName></Sender></Header>\n"
    return f"{root}{header}{''.join(records)}</ONIXMessage>".encode()


def counts(found: ImportRead) -> dict[str, int]:
    """Return how many records had which outcome; every record has one."""
    figures = {outcome: getattr(found, outcome) for outcome in OUTCOMES}
    assert found.records == sum(figures.values())
    return {outcome: number for outcome, number in figures.items() if number}
