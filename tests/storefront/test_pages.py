"""The shopper's pages, without scripts: real links and real forms."""

import re
from datetime import date
from html import unescape

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import Book
from app.books.schemas import BookUpdate
from app.books.service import update_book
from app.cart.models import CartItem
from app.core.security import hash_password
from app.integrations.payments.demo import APPROVED_CARD, DECLINED_CARD
from app.orders.models import Order
from app.storefront.account import local_path
from app.users.models import User
from tests.factories import fill_cart, make_book, make_user, withdraw_book
from tests.orders.selling import make_coupon, make_gift_card, make_parcel, set_price

PASSWORD = "a few words of mine"
ADDRESS = {
    "name": "Ada Lovelace",
    "street": "12 St James's Square",
    "postal_code": "SW1Y 4JH",
    "city": "London",
    "country": "GB",
}


class Browser:
    """Sends forms as a browser does: with the fields that the page holds, from its own origin."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self.client.headers.update(
            {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Origin": "http://test"}
        )
        self.page = ""

    async def go(self, address: str) -> Response:
        response = await self.client.get(address)
        if response.status_code == 301:
            response = await self.client.get(response.headers["Location"])
        return self._see(response)

    async def send(self, address: str, **fields: str) -> Response:
        hidden = {
            unescape(name): unescape(value)
            for name, value in re.findall(
                r'<input type="hidden" name="([^"]+)" value="([^"]*)"', self.page
            )
        }
        return self._see(await self.client.post(address, data=hidden | fields))

    async def follow(self, response: Response) -> Response:
        assert response.status_code == 303, response.text
        return await self.go(response.headers["Location"])

    def _see(self, response: Response) -> Response:
        self.page = response.text
        return response

    async def sign_up(self, email: str = "ada@example.com") -> None:
        account = {"email": email, "password": PASSWORD, "full_name": "Ada Lovelace"}
        made = await self.client.post("/api/v1/auth/register", json=account)
        assert made.status_code == 201, made.text
        ended = {"refresh_token": made.json()["refresh_token"]}
        await self.client.post("/api/v1/auth/logout", json=ended)
        await self.go("/sign-in")
        response = await self.send("/sign-in", email=email, password=PASSWORD)
        assert response.status_code == 303, response.text


@pytest.fixture
def browser(client: AsyncClient) -> Browser:
    return Browser(client)


async def test_home_with_and_without_books(browser: Browser, db_session: AsyncSession) -> None:
    assert "The shelves are still empty" in (await browser.go("/")).text
    await make_book(db_session, title="The Waves", author="Virginia Woolf")
    page = await browser.go("/")
    assert page.status_code == 200
    assert "The Waves" in page.text


async def test_browse_sort_and_page(browser: Browser, db_session: AsyncSession) -> None:
    for number in range(25):
        await make_book(db_session, title=f"Volume {number:02}", price=f"{number + 1}.00")
    first = await browser.go("/books?sort=price")
    assert first.text.index("Volume 00") < first.text.index("Volume 01")
    assert "Page 1 of 2" in first.text
    second = await browser.go(next_page(first.text))
    assert "Volume 24" in second.text
    assert "Volume 00" not in second.text
    assert 'rel="next"' not in second.text
    (back,) = re.findall(r'rel="prev" href="([^"]+)"', second.text)
    again = await browser.go(unescape(back))
    assert "Volume 24" not in again.text
    assert "Volume 00" in again.text
    assert "Volume 24" in (await browser.go("/books?sort=price&page=2")).text
    wrong = await browser.go("/books?cursor=wrong")
    assert wrong.status_code == 422


def next_page(page: str) -> str:
    (address,) = re.findall(r'rel="next" href="([^"]+)"', page)
    return unescape(address)


async def test_what_is_chosen_stays_from_page_to_page(
    browser: Browser, db_session: AsyncSession
) -> None:
    for number in range(25):
        await make_book(db_session, title=f"Volume {number:02}")
    other = await make_book(db_session, title="Elsewhere", copies=0)
    await db_session.execute(
        update(Book).where(Book.id == other.id).values(format="e-book", language="fr")
    )
    everything = await browser.go("/books")
    assert '<a href="/books?format=e-book">E-book <small>1</small></a>' in everything.text
    assert 'aria-label="Language"' not in everything.text
    chosen = await browser.go("/books?format=paperback&sort=title")
    assert (
        '<a href="/books?sort=title" aria-current="true">Paperback <small>25</small></a>'
        in chosen.text
    )
    both = "/books?sort=title&amp;format=paperback&amp;format=e-book"
    assert f'<a href="{both}">E-book <small>1</small></a>' in chosen.text
    assert "Elsewhere" not in chosen.text
    second = await browser.go(next_page(chosen.text))
    assert "Volume 24" in second.text
    assert 'name="format" value="paperback"' in second.text
    assert 'name="cursor"' not in second.text
    assert "Elsewhere" in (await browser.go(unescape(both))).text


async def test_search_repairs_the_spelling_and_says_so(
    browser: Browser, db_session: AsyncSession
) -> None:
    await make_book(db_session, title="Wuthering Heights", author="Emily Brontë")
    page = await browser.go("/books?q=wutherin+hieghts")
    assert "Wuthering Heights" in page.text
    assert "Nothing was found for “wutherin hieghts”" in page.text


async def test_search_marks_what_it_found(browser: Browser, db_session: AsyncSession) -> None:
    await make_book(db_session, title="<b>Heights</b> & Depths", author="Emily Brontë")
    page = await browser.go("/books?q=heights+and+bront")
    assert "&lt;b&gt;<mark>Heights</mark>&lt;/b&gt; <mark>&amp;</mark> Depths</a>" in page.text
    assert "Emily <mark>Bront</mark>ë" in page.text


async def test_search_names_a_spelling_that_finds_more(
    browser: Browser, db_session: AsyncSession
) -> None:
    await make_book(db_session, title="My Friend Harry", author="Bill Porter")
    for volume in range(5):
        await make_book(db_session, title=f"Harry and the Potter {volume}", author="J. K. Rowling")
    page = await browser.go("/books?q=harry+porter&page=1&sort=price")
    assert 'Did you mean <a href="/books?sort=price&amp;q=harry+potter">' in page.text


async def test_search_without_result(browser: Browser) -> None:
    page = await browser.go("/books?q=zzzzqqqq")
    assert page.status_code == 200
    assert "We have no book like that" in page.text


async def test_an_isbn_leads_to_its_book(browser: Browser, db_session: AsyncSession) -> None:
    book = await make_book(db_session, isbn="9780141439518")
    response = await browser.go("/books?q=978-0-14-143951-8")
    assert (response.status_code, response.headers["Location"]) == (
        303,
        f"/books/{book.id}/the-left-hand-of-darkness-ursula-k-le-guin",
    )


@pytest.mark.parametrize(("copies", "words"), [(9, "In stock"), (2, "Only 2 left"), (0, "Out of")])
async def test_book_page(
    browser: Browser, db_session: AsyncSession, copies: int, words: str
) -> None:
    book = await make_book(
        db_session, title="<b>Emma</b>", copies=copies, description="Handsome.\nClever & rich."
    )
    page = await browser.go(f"/books/{book.id}")
    assert words in page.text
    assert "<b>Emma</b>" not in page.text
    assert "&lt;b&gt;Emma&lt;/b&gt;" in page.text
    assert "<p>Clever &amp; rich.</p>" in page.text
    assert ("Add to basket" in page.text) is (copies > 0)


async def test_unknown_book(browser: Browser) -> None:
    page = await browser.go("/books/999999")
    assert page.status_code == 404
    assert "This page is out of print" in page.text


async def test_a_guest_fills_a_basket_signs_up_and_buys(
    browser: Browser, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, title="Middlemarch", price="11.50", copies=3)
    await browser.go(f"/books/{book.id}")
    basket = await browser.follow(
        await browser.send("/cart/items", book_id=str(book.id), quantity="2")
    )
    assert "Middlemarch" in basket.text
    assert "$23.00" in basket.text

    asked = await browser.go("/checkout")
    assert 'href="/sign-in?next=/checkout"' in asked.text
    account = {"email": "ada@example.com", "password": PASSWORD}
    await browser.client.post("/api/v1/auth/register", json=account)
    await browser.go("/sign-in?next=/checkout")
    checkout = await browser.follow(await browser.send("/sign-in", **account))
    assert "Pay $23.00" in checkout.text

    order = await browser.follow(
        await browser.send("/checkout", payment_token=APPROVED_CARD, **ADDRESS)
    )
    assert "Thank you. The books are yours." in order.text
    assert "United Kingdom" in order.text
    assert "ada@example.com" in order.text
    orders = await browser.go("/orders")
    assert "Middlemarch" in orders.text
    assert "Confirmed" in orders.text
    assert "Nothing in it yet" in (await browser.go("/cart")).text


async def test_a_guest_buys_without_an_account(browser: Browser, db_session: AsyncSession) -> None:
    book = await make_book(db_session, title="Middlemarch", price="11.50", copies=3)
    await make_coupon(db_session, code="TEN")
    parcel = await make_parcel(db_session, price="4.00")
    card = await make_gift_card(db_session, amount="2.00")
    await browser.go(f"/books/{book.id}")
    await browser.send("/cart/items", book_id=str(book.id), quantity="2")
    await set_price(db_session, book, "11.00")
    assert "Was $11.50, now $11.00." in (await browser.go("/cart")).text
    assert "Pay $22.00" in (await browser.go("/checkout")).text
    typed = ADDRESS | {"coupon_code": "ten", "gift_card_code": card}

    missing = await browser.send("/checkout", **typed)
    assert (missing.status_code, 'aria-describedby="email-help"' in missing.text) == (422, True)
    wrong = typed | {"action": "work_out", "coupon_code": "nobodys"}
    assert "NOBODYS" in (await browser.send("/checkout", **wrong)).text
    shown = await browser.send("/checkout", **typed, action="work_out")
    assert (shown.status_code, "Pay $21.80" in shown.text) == (200, True)
    assert f'<option value="{parcel}" selected>Parcel, $4.00' in shown.text
    assert (await db_session.scalars(select(Order))).all() == []

    order = await browser.follow(await browser.send("/checkout", **typed, email="ada@example.com"))
    assert "Thank you. The books are yours." in order.text
    for line in ("$2.20", "$4.00", "$23.80", "Paid by gift card", "ada@example.com"):
        assert line in order.text
    browser.client.cookies.clear()
    order_id = await db_session.scalar(select(Order.id))
    assert (await browser.go(f"/checkout/orders/{order_id}")).status_code == 404


async def test_what_the_page_showed_is_what_is_charged(
    browser: Browser, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, price="11.50")
    await browser.sign_up()
    await browser.go(f"/books/{book.id}")
    await browser.send("/cart/items", book_id=str(book.id), quantity="1")
    await browser.go("/checkout")
    await set_price(db_session, book, "12.50")
    refused = await browser.send("/checkout", **ADDRESS)
    assert (refused.status_code, "Pay $12.50" in refused.text) == (409, True)
    assert "The total has changed" in refused.text
    assert (await browser.send("/checkout", **ADDRESS)).status_code == 303


async def test_a_double_click_is_one_order(browser: Browser, db_session: AsyncSession) -> None:
    book = await make_book(db_session, copies=9)
    await browser.sign_up()
    await browser.go(f"/books/{book.id}")
    await browser.send("/cart/items", book_id=str(book.id), quantity="1")
    page = (await browser.go("/checkout")).text
    first = await browser.send("/checkout", payment_token=APPROVED_CARD, **ADDRESS)
    browser.page = page
    second = await browser.send("/checkout", payment_token=APPROVED_CARD, **ADDRESS)
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"] == second.headers["Location"]
    assert len((await db_session.scalars(select(Order))).all()) == 1


async def test_a_declined_card_keeps_what_was_typed(
    browser: Browser, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, copies=1)
    await browser.sign_up()
    await browser.go(f"/books/{book.id}")
    await browser.send("/cart/items", book_id=str(book.id), quantity="1")
    await browser.go("/checkout")
    declined = await browser.send("/checkout", payment_token=DECLINED_CARD, **ADDRESS)
    assert declined.status_code == 402
    assert "The card was declined." in declined.text
    assert "No orders yet" in (await browser.client.get("/orders")).text
    assert 'value="12 St James&#39;s Square"' in declined.text
    again = await browser.send("/checkout", payment_token=APPROVED_CARD, **ADDRESS)
    assert again.status_code == 303
    attempt = await db_session.scalar(select(Order.id).order_by(Order.id))
    seen = await browser.go(f"/orders/{attempt}")
    assert "This order was not paid" in seen.text
    assert "nothing was charged" in seen.text
    assert "A confirmation is on its way" not in seen.text


async def test_a_page_that_was_sent_with_other_details_is_explained(
    browser: Browser, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, copies=2)
    await browser.sign_up()
    await browser.go(f"/books/{book.id}")
    await browser.send("/cart/items", book_id=str(book.id), quantity="1")
    page = (await browser.go("/checkout")).text
    assert (await browser.send("/checkout", **ADDRESS)).status_code == 303
    browser.page = page
    again = await browser.send("/checkout", **{**ADDRESS, "city": "Bath"})
    assert again.status_code == 422
    assert "You sent this page before, with other details." in again.text
    assert "Idempotency" not in again.text
    assert len((await db_session.scalars(select(Order))).all()) == 1


async def test_a_full_basket_says_so(browser: Browser, db_session: AsyncSession) -> None:
    await browser.sign_up()
    first = await make_book(db_session)
    await browser.go(f"/books/{first.id}")
    await browser.send("/cart/items", book_id=str(first.id), quantity="1")
    await fill_cart(db_session)
    last = await make_book(db_session)
    await browser.go(f"/books/{last.id}")
    refused = await browser.send("/cart/items", book_id=str(last.id), quantity="1")
    assert refused.status_code == 409
    assert "Your basket holds as many different books as it can." in refused.text
    await browser.go(f"/books/{first.id}")
    more = await browser.send("/cart/items", book_id=str(first.id), quantity="1")
    assert more.headers["Location"] == "/cart"  # another copy is no other book


async def test_a_form_points_to_the_field_in_error(
    browser: Browser, db_session: AsyncSession
) -> None:
    book = await make_book(db_session)
    await browser.sign_up()
    await browser.go(f"/books/{book.id}")
    await browser.send("/cart/items", book_id=str(book.id), quantity="1")
    await browser.go("/checkout")
    refused = await browser.send("/checkout", **{**ADDRESS, "city": " "})
    assert refused.status_code == 422
    assert re.search(r'name="city"[^>]*aria-invalid="true"', refused.text)
    assert "Please fill this in." in refused.text
    assert 'value="Ada Lovelace"' in refused.text


async def fill_basket_and_check_out(browser: Browser, db_session: AsyncSession) -> None:
    book = await make_book(db_session)
    await browser.sign_up()
    await browser.go(f"/books/{book.id}")
    await browser.send("/cart/items", book_id=str(book.id), quantity="1")
    await browser.go("/checkout")


async def test_a_country_that_is_none_is_refused(
    browser: Browser, db_session: AsyncSession
) -> None:
    await fill_basket_and_check_out(browser, db_session)
    for country in ("XX", "EU", "gb", "Germany"):
        refused = await browser.send("/checkout", **{**ADDRESS, "country": country})
        assert refused.status_code == 422
        assert "Please choose a country." in refused.text
    strange = await browser.send("/checkout", **{**ADDRESS, "city": "Lon\x07don"})
    assert "Please leave out characters that nobody can see." in strange.text
    assert (await db_session.scalars(select(Order))).all() == []


async def test_a_payment_that_is_no_card_is_refused(
    browser: Browser, db_session: AsyncSession
) -> None:
    await fill_basket_and_check_out(browser, db_session)
    refused = await browser.send("/checkout", payment_token="x" * 201, **ADDRESS)
    assert refused.status_code == 422
    assert "Please enter at most 200 characters." in refused.text
    assert (await db_session.scalars(select(Order))).all() == []


async def test_a_checkout_whose_key_is_broken_gets_another(
    browser: Browser, db_session: AsyncSession
) -> None:
    await fill_basket_and_check_out(browser, db_session)
    refused = await browser.send("/checkout", checkout_key="broken", **ADDRESS)
    assert refused.status_code == 422
    assert "Please look it over and send it once more." in refused.text
    assert 'value="broken"' not in refused.text
    assert (await db_session.scalars(select(Order))).all() == []
    both = await browser.send("/checkout", checkout_key="broken", **{**ADDRESS, "city": ""})
    assert "Please check the fields marked below." in both.text
    assert (await browser.send("/checkout", **ADDRESS)).status_code == 303


async def test_checkout_of_an_empty_basket_leads_to_it(browser: Browser) -> None:
    await browser.sign_up()
    response = await browser.go("/checkout")
    assert response.headers["Location"] == "/cart"
    assert "No orders yet" in (await browser.go("/orders")).text


async def test_the_basket_is_changed_and_emptied(
    browser: Browser, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, title="Villette", price="10.00", copies=4)
    await browser.go(f"/books/{book.id}")
    await browser.follow(await browser.send("/cart/items", book_id=str(book.id), quantity="1"))
    item_id = (await db_session.scalars(select(CartItem.id))).one()
    address = f"/cart/items/{item_id}"
    more = await browser.follow(await browser.send(address, action="update", quantity="3"))
    assert "$30.00" in more.text
    too_many = await browser.send(address, action="update", quantity="5")
    assert too_many.status_code == 409
    assert "Only 4 left in stock." in too_many.text
    assert (await db_session.scalars(select(CartItem.quantity))).all() == [3]
    for quantity in ("many", "0", "100"):
        wrong = await browser.send(address, action="update", quantity=quantity)
        assert wrong.status_code == 422
        assert "Please choose between 1 and 99 copies." in wrong.text
    odd = await browser.send(address, action="burn")
    assert odd.status_code == 422
    assert "could not be understood" in odd.text
    assert (await db_session.scalars(select(CartItem.quantity))).all() == [3]
    basket = browser.page
    empty = await browser.follow(await browser.send(address, action="remove"))
    assert "Nothing in it yet" in empty.text
    browser.page = basket
    gone = await browser.send(address, action="remove")
    assert gone.headers["Location"] == "/cart"


async def test_a_book_that_sold_out_meanwhile_cannot_be_added(
    browser: Browser, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, copies=1)
    await browser.go(f"/books/{book.id}")
    response = await browser.send("/cart/items", book_id=str(book.id), quantity="2")
    assert response.status_code == 409
    assert "Only 1 left in stock." in response.text
    for quantity in ("0", "100", "many"):
        wrong = await browser.send("/cart/items", book_id=str(book.id), quantity=quantity)
        assert wrong.status_code == 422
        assert "Please choose between 1 and 99 copies." in wrong.text
        assert "The Left Hand of Darkness" in wrong.text
    malformed = await browser.send("/cart/items", book_id="x")
    assert malformed.status_code == 422
    assert "There is no such book." in malformed.text
    assert (await db_session.scalars(select(CartItem))).all() == []


async def test_a_withdrawn_book_is_named_in_the_basket(
    browser: Browser, db_session: AsyncSession
) -> None:
    book = await make_book(db_session)
    await browser.go(f"/books/{book.id}")
    await browser.send("/cart/items", book_id=str(book.id), quantity="1")
    basket = (await browser.go("/cart")).text
    await withdraw_book(db_session, book)
    assert "no longer sold" in (await browser.go("/cart")).text
    browser.page = basket
    item_id = (await db_session.scalars(select(CartItem.id))).one()
    stale = await browser.send(f"/cart/items/{item_id}", action="update", quantity="2")
    assert stale.status_code == 404
    assert "no longer sold" in stale.text
    assert (await db_session.scalars(select(CartItem.quantity))).all() == [1]


async def test_signing_in_and_out(browser: Browser, db_session: AsyncSession) -> None:
    user = await make_user(db_session, email="ada@example.com")
    await set_password(db_session, user.id)
    await browser.go("/sign-in?next=/orders")
    wrong = await browser.send("/sign-in", email="ada@example.com", password="not it at all")
    assert wrong.status_code == 422
    assert "Invalid email or password" in wrong.text
    assert 'value="ada@example.com"' in wrong.text
    assert "not it at all" not in wrong.text
    right = await browser.send("/sign-in", email="Ada@Example.com", password=PASSWORD)
    assert (right.status_code, right.headers["Location"]) == (303, "/orders")
    cookie = right.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert (await browser.go("/sign-in")).status_code == 303
    assert (await browser.go("/sign-up")).status_code == 303
    await browser.go("/")
    await browser.send("/sign-out")
    assert (await browser.go("/orders")).headers["Location"].startswith("/sign-in")


async def test_the_form_says_when_to_try_again(browser: Browser) -> None:
    await browser.go("/sign-in")
    for _ in range(10):
        wrong = await browser.send("/sign-in", email="ada@example.com", password="not it at all")
        assert wrong.status_code == 422
    refused = await browser.send("/sign-in", email="ada@example.com", password=PASSWORD)
    assert refused.status_code == 429
    assert 840 < int(refused.headers["Retry-After"]) <= 900
    assert "Too many attempts. Please try again in 15 minutes." in refused.text
    assert 'value="ada@example.com"' in refused.text


async def set_password(session: AsyncSession, user_id: int) -> None:
    await session.execute(
        update(User).where(User.id == user_id).values(password_hash=await hash_password(PASSWORD))
    )
    await session.commit()


async def test_somebody_elses_order_does_not_exist(
    browser: Browser, db_session: AsyncSession
) -> None:
    book = await make_book(db_session)
    await browser.sign_up()
    await browser.go(f"/books/{book.id}")
    await browser.send("/cart/items", book_id=str(book.id), quantity="1")
    await browser.go("/checkout")
    mine = (await browser.send("/checkout", **ADDRESS)).headers["Location"]
    await browser.go("/")
    await browser.send("/sign-out")
    await browser.sign_up("eve@example.com")
    assert (await browser.go(mine)).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "", "Origin": "http://evil.example"},
    ],
)
@pytest.mark.parametrize(
    "address", ["/sign-in", "/sign-up", "/sign-out", "/cart/items", "/cart/items/1", "/checkout"]
)
async def test_forms_from_elsewhere_are_refused(
    browser: Browser, address: str, headers: dict[str, str]
) -> None:
    await browser.go("/sign-in")
    browser.client.headers.update(headers)
    assert (await browser.send(address)).status_code == 403


async def test_forms_without_the_browsers_own_token_are_refused(browser: Browser) -> None:
    await browser.go("/sign-in")
    refused = await browser.send("/sign-in", csrf_token="forged")
    assert refused.status_code == 403
    assert "no longer valid" in refused.text


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/orders", "/orders"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\nb", "/"),
        ("", "/"),
    ],
)
def test_only_paths_of_the_shop_are_followed(address: str, path: str) -> None:
    assert local_path(address) == path


async def test_static_files_are_cached_for_a_year(browser: Browser) -> None:
    page = (await browser.go("/")).text
    sheet = re.search(r'href="(/static/[^"]+/shop\.css)"', page)
    assert sheet is not None
    response = await browser.client.get(sheet[1])
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    plain = await browser.client.get("/static/shop.css")
    assert (plain.status_code, plain.text) == (200, response.text)
    assert "Cache-Control" not in plain.headers
    stale = await browser.client.get("/static/000000000000/shop.css")
    assert stale.status_code == 404


async def test_a_cover_is_shown_in_the_width_that_is_needed(
    browser: Browser, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, title='The "Waves"', author="V. <Woolf>")
    root = f"/media/covers/{'0123456789abcdef' * 2}"

    async def give_cover(url: str | None) -> str:
        await db_session.execute(update(Book).where(Book.id == book.id).values(cover_image_url=url))
        await db_session.commit()
        return (await browser.go(f"/books/{book.id}")).text

    page = await give_cover(f"{root}/400.webp")
    picture = page[page.index("<picture>") : page.index("</picture>")]
    sizes = 'sizes="(min-width: 48rem) 20rem, 15rem"'
    for kind in ("avif", "webp"):
        srcset = ", ".join(f"{root}/{width}.{kind} {width}w" for width in (160, 320, 400))
        assert f'<source type="image/{kind}" srcset="{srcset}" {sizes}>' in picture
    assert picture.index("image/avif") < picture.index("image/webp")
    assert (
        f'<img class="cover" src="{root}/400.webp" alt="The &#34;Waves&#34;, V. &lt;Woolf&gt;" '
        'width="300" height="450" loading="eager">'
    ) in picture
    shelf = (await browser.go("/books")).text
    assert 'sizes="auto, 12rem"' in shelf
    assert 'loading="lazy"' in shelf

    ours = await give_cover("/static/icon.svg")
    assert '<img class="cover" src="/static/icon.svg"' in ours
    assert "<picture>" not in ours
    for url in ("https://elsewhere.example/cover.jpg", None):
        drawn = await give_cover(url)
        assert "elsewhere.example" not in drawn
        assert '<svg class="cover"' in drawn


SLUG = "the-left-hand-of-darkness-ursula-k-le-guin"


@pytest.mark.parametrize("path", ["", "/an-old-title", "/THE-LEFT-HAND", "/%00", "/森"])
async def test_every_address_of_a_book_leads_to_its_one(
    browser: Browser, db_session: AsyncSession, path: str
) -> None:
    book = await make_book(db_session)
    response = await browser.client.get(f"/books/{book.id}{path}?utm=1")
    assert response.status_code == 301
    assert response.headers["Location"] == f"/books/{book.id}/{SLUG}?utm=1"
    assert response.headers["Cache-Control"] == "no-store"


async def test_a_books_address_follows_its_title(
    browser: Browser, db_session: AsyncSession
) -> None:
    book = await make_book(db_session, title="森", author="村上")
    old = (await browser.client.get(f"/books/{book.id}")).headers["Location"]
    page = await browser.client.get(old)
    assert (page.status_code, f"/books/{book.id}/%E6%A3%AE" in page.text) == (200, True)
    await update_book(db_session, book_id=book.id, change=BookUpdate(title="Norwegian Wood"))
    response = await browser.client.get(old)
    new = f"/books/{book.id}/norwegian-wood-%E6%9D%91%E4%B8%8A"
    assert (response.status_code, response.headers["Location"]) == (301, new)
    page = await browser.client.get(new)
    assert f'<link rel="canonical" href="http://127.0.0.1:8000{new}">' in page.text


@pytest.mark.parametrize(
    "spelling", ["9780441478125", "978-0-441-47812-5", "0-441-47812-3", "ISBN 0441478123"]
)
async def test_every_isbn_leads_to_its_book(
    browser: Browser, db_session: AsyncSession, spelling: str
) -> None:
    book = await make_book(db_session, isbn="9780441478125")
    response = await browser.client.get(f"/isbn/{spelling}")
    assert (response.status_code, response.headers["Location"]) == (301, f"/books/{book.id}/{SLUG}")


@pytest.mark.parametrize("isbn", ["9780141439518", "9780441478124", "dune", "%00"])
async def test_an_isbn_that_leads_nowhere(browser: Browser, isbn: str) -> None:
    response = await browser.client.get(f"/isbn/{isbn}")
    assert (response.status_code, "This page is out of print" in response.text) == (404, True)


async def test_a_withdrawn_book_has_no_address(browser: Browser, db_session: AsyncSession) -> None:
    book = await make_book(db_session, isbn="9780441478125")
    await withdraw_book(db_session, book)
    for address in (f"/books/{book.id}", f"/books/{book.id}/{SLUG}", "/isbn/9780441478125"):
        assert (await browser.client.get(address)).status_code == 404


async def test_a_book_that_cannot_be_bought_yet_says_from_when(
    browser: Browser, db_session: AsyncSession
) -> None:
    book = await make_book(db_session)
    await db_session.execute(
        update(Book).where(Book.id == book.id).values(on_sale_date=date(2999, 1, 2))
    )
    await db_session.commit()
    page = (await browser.go(f"/books/{book.id}")).text
    assert "Pre-order: on sale from 2 January 2999" in page
    assert "Add to basket" not in page
    other = await make_book(db_session)
    await browser.go(f"/books/{other.id}")
    response = await browser.send("/cart/items", book_id=str(book.id), quantity="1")
    assert response.status_code == 409
    assert "“The Left Hand of Darkness” is on sale from 2 January 2999." in unescape(response.text)
