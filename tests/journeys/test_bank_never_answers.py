"""A bank never answers: the buyer is told to wait, and then hears what came of it."""

import asyncpg
import httpx

from app.integrations.payments.demo import SILENT_CARD
from tests.journeys.conftest import Mailbox
from tests.live import LiveShop, plain_url
from tests.servers import run_command

EMAIL = "ada@example.com"


async def test_the_order_waits_and_its_end_is_told(
    impatient_shop: LiveShop, mailbox: Mailbox
) -> None:
    async with httpx.AsyncClient(base_url=f"{impatient_shop.base_url}/api/v1") as client:
        account = {"email": EMAIL, "password": "a few words of mine"}
        tokens = (await client.post("/auth/register", json=account)).json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        book = (await client.get("/books", params={"q": "wuthering heights"})).json()["items"][0]
        await client.post("/cart/items", json={"book_id": book["id"]})
        waiting = await client.post("/orders/checkout", json={"payment_token": SILENT_CARD})
        assert waiting.status_code == 202
        order = waiting.json()
        assert order["status"] == "pending"

        await let_reservations_run_out(impatient_shop.database_url)
        mail = await mailbox.wait_for(EMAIL, about="Your order")
        assert mail["Subject"] == f"Your order {order['number']} at Bookstore was not paid"
        plain = mail.get_body(("plain",))  # type: ignore[attr-defined]
        assert "1 x Wuthering Heights, Emily Brontë: $8.99" in plain.get_content()

        (listed,) = (await client.get("/orders")).json()
        assert (listed["id"], listed["status"]) == (order["id"], "cancelled")
        basket = (await client.get("/cart")).json()
        assert [item["book_id"] for item in basket["items"]] == [book["id"]]
    printed = await run_command("check", database_url=impatient_shop.database_url)
    assert "nothing was found" in printed
    told = [message for message in mailbox.messages if "Your order" in message["Subject"]]
    assert [message["To"] for message in told] == [EMAIL]


async def let_reservations_run_out(database_url: str) -> None:
    """Make it later, and let the schedule look now rather than at the next full minute."""
    connection = await asyncpg.connect(plain_url(database_url))
    try:
        await connection.execute("UPDATE orders SET reserved_until = now(), settle_after = now()")
        await connection.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name) "
            "VALUES ('orders.settle_overdue', 'default')"
        )
    finally:
        await connection.close()
