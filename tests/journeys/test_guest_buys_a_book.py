"""A guest finds a book by a misspelt title, signs up, buys it, gets the mail, sees the order."""

import re
from email.message import Message

import httpx
from playwright.async_api import Page, ViewportSize, async_playwright, expect

from tests.journeys.conftest import Mailbox
from tests.live import LiveShop
from tests.servers import run_command

EMAIL = "ada@example.com"
PASSWORD = "a few words of mine"
TELEPHONE: ViewportSize = {"width": 390, "height": 844}
DECLINED = "status of 402"  # the browser's word for the card that was declined on purpose
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


async def test_through_the_api(open_shop: LiveShop, mailbox: Mailbox) -> None:
    async with httpx.AsyncClient(base_url=f"{open_shop.base_url}/api/v1") as client:
        found = (await client.get("/books", params={"q": "wutherin hieghts"})).json()
        assert found["corrected_query"] == "wuthering heights"
        assert [book["title"] for book in found["items"]] == ["Wuthering Heights"]
        book = (await client.get(f"/books/{found['items'][0]['id']}")).json()
        assert (book["author"], book["price"], book["stock_quantity"]) == (
            "Emily Brontë",
            "8.99",
            3,
        )
        tokens = await client.post("/auth/register", json={"email": EMAIL, "password": PASSWORD})
        assert tokens.status_code == 201
        client.headers["Authorization"] = f"Bearer {tokens.json()['access_token']}"
        await client.post("/cart/items", json={"book_id": book["id"], "quantity": 2})
        bought = await client.post("/orders/checkout", json={})
        assert bought.status_code == 201
        order = bought.json()
        assert (order["status"], order["total_price"]) == ("confirmed", "17.98")

        mail = await mailbox.wait_for(EMAIL, about="Your order")
        assert mail["Subject"] == f"Your order {order['number']} at Bookstore"
        plain = mail.get_body(("plain",))  # type: ignore[attr-defined]
        assert "2 x Wuthering Heights, Emily Brontë: $17.98" in plain.get_content()
        assert (await client.get("/orders")).json() == [order]
        left = (await client.get(f"/books/{book['id']}")).json()
        assert left["stock_quantity"] == 1
        mail = await mailbox.wait_for(EMAIL, about="Please confirm your address")
        plain = mail.get_body(("plain",))  # type: ignore[attr-defined]
        (token,) = re.findall(
            re.escape(open_shop.base_url) + r"/verify-email\?token=(\S{43})\s", plain.get_content()
        )
        proved = await client.post("/account/verification/confirm", json={"token": token})
        assert proved.json()["email_verified"] is True
    assert "nothing was found" in await run_command("check", database_url=open_shop.database_url)


async def test_in_a_browser(chromium: str, open_shop: LiveShop, mailbox: Mailbox) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=CHROMIUM_ARGUMENTS
        )
        page = await browser.new_page(base_url=open_shop.base_url, viewport=TELEPHONE)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console",
            lambda line: (
                problems.append(line.text)
                if line.type == "error" and DECLINED not in line.text
                else None
            ),
        )
        await buy_a_book(page, mailbox)
        mail = await mailbox.wait_for(EMAIL, about="Your order")
        await page.goto("/orders")
        number = await page.get_by_role("cell").first.inner_text()
        assert re.fullmatch(r"\w{5}-\w{5}", number)
        assert number in mail["Subject"]
        assert problems == []
        await browser.close()
    assert "nothing was found" in await run_command("check", database_url=open_shop.database_url)


async def expect_to_fit(page: Page) -> None:
    """A telephone must not have to be scrolled sideways."""
    widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    wanted, there = await page.evaluate(widths)
    assert wanted <= there, page.url


async def choose_password(page: Page, mail: Message) -> None:
    """Follow the link of a mail, and choose a password there."""
    plain = mail.get_body(("plain",))  # type: ignore[attr-defined]
    (link,) = re.findall(r"http\S+/reset-password\?token=\S{43}", plain.get_content())
    await page.goto(link)
    await expect_to_fit(page)
    await page.get_by_label("New password").fill(PASSWORD)
    await page.get_by_role("button", name="Set the password").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your password is set")


async def buy_a_book(page: Page, mailbox: Mailbox) -> None:
    await page.goto("/")
    await expect_to_fit(page)
    await page.get_by_role("searchbox").fill("left hand of darknes")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="The Left Hand of Darkness").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("The Left Hand of Darkness")
    await expect(page.get_by_text("Only 2 left")).to_be_visible()
    await expect_to_fit(page)
    await page.get_by_role("button", name="Add to basket").click()
    await expect(page.get_by_text("Total")).to_be_visible()
    await expect_to_fit(page)
    await page.get_by_role("link", name="Check out").click()
    await expect_to_fit(page)
    await page.get_by_role("main").get_by_role("link", name="Sign in").click()
    await page.get_by_role("link", name="Make an account").click()
    await page.get_by_label("Your name").fill("Ada Lovelace")
    await page.get_by_label("E-mail").fill(EMAIL)
    await page.get_by_role("button", name="Make an account").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    await choose_password(page, await mailbox.wait_for(EMAIL, about="Choose a password"))
    await page.goto("/checkout")
    await page.get_by_role("main").get_by_role("link", name="Sign in").click()
    await page.get_by_label("E-mail").fill(EMAIL)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Check out")
    await expect_to_fit(page)
    await page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    await page.get_by_label("Street and number").fill("12 St James's Square")
    await page.get_by_label("City").fill("London")
    await page.get_by_label("Country").select_option("GB")
    await page.get_by_label("is declined").check()
    await page.get_by_role("button", name="Pay $12.50").click()
    await expect(page.get_by_role("alert")).to_have_text("The card was declined.")
    await expect(page.get_by_label("City")).to_have_value("London")
    await page.get_by_label("4242: is approved").check()
    await page.get_by_role("button", name="Pay $12.50").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(
        "Thank you. The books are yours."
    )
    await expect_to_fit(page)
