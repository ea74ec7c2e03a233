"""The slip that lies in a parcel."""

from collections.abc import Sequence
from pathlib import Path

from app.orders.documents.facts import PackingData
from app.orders.documents.sheet import Draw


def draw_packing_slip(data: PackingData, *, more_fonts: Sequence[Path] = ()) -> bytes:
    """Return the file. It takes a moment, in which nothing else can be done."""
    texts = [data.order_number, *data.recipient, *data.seller.address]
    texts += [text for line in data.lines for text in (line.title, line.detail)]
    texts += [data.carrier or "", data.tracking_number or ""]
    drawing = Draw(
        title=f"Packing slip {data.order_number}",
        author=data.seller.name,
        made_at=data.printed_at,
        foot=data.seller.name,
        texts=texts,
        locale=data.locale,
        more_fonts=more_fonts,
    )
    sheet = drawing.sheet
    sheet.head(title="Packing slip", seller=data.seller.name, lines=data.seller.address)
    facts = [("Order", data.order_number), ("Packed", sheet.day(data.packed_on))]
    if data.carrier:
        facts.append(("Carrier", data.carrier))
    if data.tracking_number:
        facts.append(("Tracking", data.tracking_number))
    sheet.columns(data.recipient, facts)
    sheet.table(
        ["Quantity", "Item"],
        [
            [str(line.quantity), f"{line.title}\n{line.detail}" if line.detail else line.title]
            for line in data.lines
        ],
        widths=(22, 148),
        sides=("RIGHT", "LEFT"),
    )
    copies = sum(line.quantity for line in data.lines)
    sheet.sums([("Copies in this parcel", str(copies))], last_is_total=False)
    return drawing.finish()
