"""An invoice or a credit note as PDF."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

from app.core.money import format_money
from app.orders.documents.facts import InvoiceData
from app.orders.documents.sheet import Draw


def draw_invoice(data: InvoiceData, *, more_fonts: Sequence[Path] = ()) -> bytes:
    """Return the file. It takes a moment, in which nothing else can be done."""
    title = "Credit note" if data.corrects else "Invoice"
    drawing = Draw(
        title=f"{title} {data.number}",
        author=data.seller.name,
        made_at=data.issued_at,
        foot=_foot(data),
        texts=[*_texts(data)],
        locale=data.locale,
        more_fonts=more_fonts,
    )
    sheet = drawing.sheet
    sheet.head(title=title, seller=data.seller.name, lines=_seller_lines(data))
    facts = [("Number", data.number), ("Date", sheet.day(data.issued_on))]
    if data.corrects:
        facts.append(("Corrects invoice", data.corrects))
    else:
        facts.append(("Supplied", sheet.day(data.supplied_on)))
    facts += [("Order", data.order_number), ("Ordered", sheet.day(data.ordered_on))]
    sheet.columns(data.buyer, facts)
    if data.lines:
        _draw_lines(data, drawing)
    sheet.sums([*_sums(data)])
    if data.taxes:
        sheet.table(
            ["Tax rate", "Net", "Tax", "Gross"],
            [
                [_percent(each.rate), *(_money(amount, data) for amount in each_sum)]
                for each in data.taxes
                for each_sum in [(each.net, each.tax, each.gross)]
            ],
            widths=(40, 40, 40, 50),
            sides=("LEFT", "RIGHT", "RIGHT", "RIGHT"),
        )
        words = "include" if data.prices_include_tax else "do not include"
        sheet.note(f"The prices of the lines {words} tax.")
    sheet.note(data.paid_with)
    return drawing.finish()


def _draw_lines(data: InvoiceData, drawing: Draw) -> None:
    has_rates = any(line.rate is not None for line in data.lines)
    heads = ["Item", "Quantity", "Price", *(["Tax"] if has_rates else []), "Amount"]
    rows = [
        [
            f"{line.title}\n{line.detail}" if line.detail else line.title,
            str(line.quantity),
            _money(line.unit_price, data),
            *([_percent(line.rate)] if has_rates else []),
            _money(line.total, data),
        ]
        for line in data.lines
    ]
    drawing.sheet.table(
        heads,
        rows,
        widths=(82, 20, 26, 14, 28) if has_rates else (94, 20, 28, 28),
        sides=("LEFT", *(["RIGHT"] * (len(heads) - 1))),
    )


def _sums(data: InvoiceData) -> Iterator[tuple[str, str]]:
    for extra in data.extras:
        yield extra.label, _money(extra.amount, data)
    if data.taxes:
        net = sum((each.net for each in data.taxes), Decimal(0))
        tax = sum((each.tax for each in data.taxes), Decimal(0))
        yield "Net", _money(net, data)
        yield "Tax", _money(tax, data)
    yield "Credited" if data.corrects else "Total", _money(data.total, data)


def _seller_lines(data: InvoiceData) -> list[str]:
    vat = [f"VAT {data.seller.vat_id}"] if data.seller.vat_id else []
    return [*data.seller.address, *vat]


def _foot(data: InvoiceData) -> str:
    return " · ".join([data.seller.name, *_seller_lines(data)])[:110]


def _texts(data: InvoiceData) -> Iterator[str]:
    """Yield everything that is not always the same; days and amounts have letters of their own."""
    sample = Decimal("-1234567890.12")
    yield from (data.number, data.order_number, data.paid_with, data.corrects or "")
    yield from (*data.buyer, *_seller_lines(data), _money(sample, data), _percent(sample))
    for line in data.lines:
        yield from (line.title, line.detail)
    for extra in data.extras:
        yield extra.label


def _money(amount: Decimal, data: InvoiceData) -> str:
    return format_money(amount, data.currency, data.locale)


def _percent(rate: Decimal | None) -> str:
    return "" if rate is None else f"{rate.normalize():f} %"
