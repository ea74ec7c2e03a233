"""A day in the life of the shop, by its API: from a delivery to balanced books.

Stock comes in, an offer and a coupon are made, a guest buys with a coupon and a gift card, the
order leaves in two parcels, a copy comes back, and at the end ``bookstore check`` looks for
anything that does not add up. Run it against a shop that is open; ``make run`` prints what to sign
in with:

    .venv/bin/python docs/day_in_the_life.py http://127.0.0.1:8000 admin@example.com PASSWORD

It needs the shop's own folder for the last step alone, and can be run again and again.
"""

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

FORM_MARK = re.compile(r'name="csrf_token" value="([^"]+)"')
"""What forms carry to show that they are the shop's own."""

SECONDS_FOR_THE_WORKER = 60
ADDRESS = {
    "name": "Ada Lovelace",
    "street": "12 St James's Square",
    "postal_code": "SW1Y 4JH",
    "city": "London",
    "country": "GB",
}


class Client:
    """Speaks to the shop as JSON; what it refuses ends the day."""

    def __init__(self, address: str) -> None:
        self._http = httpx2.Client(
            base_url=address, timeout=30, headers={"Origin": address}, follow_redirects=True
        )

    def sign_in(self, email: str, password: str) -> None:
        """Be somebody from now on."""
        tokens = self.post("/api/v1/auth/login", {"email": email, "password": password})
        self._http.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def get(self, path: str) -> Any:
        """Read something."""
        return _told(self._http.get(path)).json()

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Do something."""
        return _told(self._http.post(path, json=body)).json()

    def send_form(self, path: str, fields: Mapping[str, str], *, of_page: str) -> None:
        """Open a page and press a button of it."""
        [mark, *_] = FORM_MARK.findall(_told(self._http.get(of_page)).text)
        _told(self._http.post(path, data={**fields, "csrf_token": mark}))

    def download(self, path: str) -> bytes:
        """Fetch a file."""
        return _told(self._http.get(path)).content


def _told(response: httpx2.Response) -> httpx2.Response:
    if response.is_error:
        sys.exit(f"{response.request.method} {response.request.url}: {response.text}")
    return response


def say(sentence: str) -> None:
    """Tell what has happened."""
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S}  {sentence}\n")


def stock_in(staff: Client) -> list[int]:
    """Receive three copies each of two books, and return their ids."""
    found = staff.get("/api/v1/books?size=20")["items"]
    books = [book for book in found if book["stock_quantity"]][:2]
    lines = [{"book_id": book["id"], "copies": 3} for book in books]
    staff.post("/api/v1/admin/stock/deliveries", {"lines": lines, "reference": "Delivery 4711"})
    say(f"3 copies each of {' and '.join(book['title'] for book in books)} came in.")
    return [book["id"] for book in books]


def make_terms(staff: Client, books: Sequence[int]) -> tuple[str, str]:
    """Make an offer for today, a coupon and a gift card; return the two codes."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    staff.post(
        "/api/v1/admin/offers",
        {
            "title": "Three for two",
            "kind": "bundle",
            "percent": "100",
            "bundle_size": 3,
            "bundle_discounted": 1,
            "book_ids": list(books),
            "ends_at": tomorrow,
        },
    )
    code = f"DAY-{uuid4().hex[:8]}"
    staff.post(
        "/api/v1/admin/coupons",
        {
            "code": code,
            "title": "Ten per cent",
            "kind": "percent",
            "percent": "10",
            "max_redemptions": 1,
            "stacks": True,
            "ends_at": tomorrow,
        },
    )
    card = staff.post("/api/v1/admin/gift-cards", {"amount": "5.00", "note": "A day in the life"})
    say(f"An offer, the coupon {code} and a gift card over 5.00 are made.")
    return code, card["code"]


def buy_as_guest(address: str, books: Sequence[int], coupon: str, gift_card: str) -> Any:
    """Put three copies into a basket and check out without an account."""
    guest = Client(address)
    for book_id, copies in zip(books, (2, 1), strict=True):
        fields = {"book_id": str(book_id), "quantity": str(copies)}
        guest.send_form("/cart/items", fields, of_page=f"/books/{book_id}")
    order = guest.post(
        "/api/v1/orders/checkout",
        {
            "email": "ada@example.com",
            "shipping_address": ADDRESS,
            "coupon_codes": [coupon],
            "gift_card_codes": [gift_card],
        },
    )
    say(
        f"A guest bought order {order['number']}: {order['subtotal']} less "
        f"{order['discount_total']}, delivery {order['shipping_total']}, of which tax "
        f"{order['tax_total']}: {order['total_price']} {order['currency']}, "
        f"{order['gift_card_total']} of it by gift card."
    )
    return order


def send_in_two_parcels(staff: Client, order: Any) -> None:
    """Pack the order, send one line today and the rest a moment later, and let it arrive."""
    path = f"/api/v1/admin/orders/{order['id']}"
    staff.post(f"{path}/pack")
    first = {"line_id": order["items"][0]["id"], "quantity": 1}
    for lines in ({"lines": [first]}, {}):
        parcel = lines | {"carrier": "Royal Mail", "tracking_number": uuid4().hex[:10].upper()}
        say(f"A parcel left; the order is {staff.post(f'{path}/shipments', parcel)['status']}.")
    say(f"It is {staff.post(f'{path}/deliver')['status']}.")


def take_a_copy_back(staff: Client, order: Any) -> None:
    """Take a damaged copy back, and wait until its money has gone back."""
    path = f"/api/v1/admin/orders/{order['id']}"
    line = {"line_id": order["items"][0]["id"], "quantity": 1, "on_shelf": False}
    staff.post(f"{path}/returns", {"reason": "damaged", "lines": [line]})
    until = time.monotonic() + SECONDS_FOR_THE_WORKER
    while True:
        told = staff.get(f"/api/v1/orders/{order['id']}/fulfilment")
        [refund] = told["refunds"]
        if refund["state"] == "done":
            break
        if time.monotonic() > until:
            sys.exit("The refund waits. Does a worker run? `bookstore worker` starts one.")
        time.sleep(0.5)
    say(f"A copy came back, and {refund['amount']} {refund['currency']} went back.")
    paper = f"/api/v1/orders/{order['id']}/refunds/{refund['id']}/credit-note.pdf"
    say(f"Its credit note is a PDF of {len(staff.download(paper)):,} bytes.")


def balance_the_books(staff: Client) -> None:
    """Show what the day sold, and look for anything that does not add up."""
    today = datetime.now(UTC).date()
    days = f"from={today - timedelta(days=1)}&to={today + timedelta(days=2)}"
    table = staff.download(f"/api/v1/admin/orders/days.csv?{days}").decode("utf-8-sig")
    sys.stdout.write(table)
    command = [sys.executable, "-m", "app.cli", "check"]
    sys.exit(subprocess.run(command, check=False, cwd=Path(__file__).parents[1]).returncode)


def main() -> None:
    """Live through the day."""
    parser = argparse.ArgumentParser(description="A day in the life of the shop.")
    parser.add_argument("address", help="such as http://127.0.0.1:8000")
    parser.add_argument("email", help="of an admin")
    parser.add_argument("password")
    arguments = parser.parse_args()
    staff = Client(arguments.address)
    staff.sign_in(arguments.email, arguments.password)
    books = stock_in(staff)
    coupon, gift_card = make_terms(staff, books)
    order = buy_as_guest(arguments.address, books, coupon, gift_card)
    send_in_two_parcels(staff, order)
    take_a_copy_back(staff, order)
    balance_the_books(staff)


if __name__ == "__main__":
    main()
