"""Cookies that only the shop's host gets back, and no script reads."""

from fastapi import Request, Response

from app.core.config import Settings
from app.core.cookies import Cookie

HTTP = Settings(public_url="http://shop.example")
HTTPS = Settings(public_url="https://shop.example")
COOKIE = Cookie("basket")


def test_over_https_a_cookie_is_bound_to_the_host() -> None:
    response = Response()
    COOKIE.write(response, "token", HTTPS, seconds=60)

    assert response.headers["set-cookie"] == (
        "__Host-basket=token; HttpOnly; Max-Age=60; Path=/; SameSite=lax; Secure"
    )


def test_over_plain_http_a_cookie_still_is_kept_from_scripts() -> None:
    response = Response()
    COOKIE.write(response, "token", HTTP)

    assert response.headers["set-cookie"] == "basket=token; HttpOnly; Path=/; SameSite=lax"


def test_clearing_names_the_same_cookie() -> None:
    response = Response()
    COOKIE.clear(response, HTTPS)

    parts = set(response.headers["set-cookie"].split("; "))
    assert {'__Host-basket=""', "Max-Age=0", "Path=/", "Secure", "HttpOnly"} <= parts


def test_only_the_cookie_of_the_scheme_is_read() -> None:
    headers = [(b"cookie", b"basket=plain; __Host-basket=secure")]
    request = Request({"type": "http", "headers": headers})

    assert COOKIE.read(request, HTTP) == "plain"
    assert COOKIE.read(request, HTTPS) == "secure"
    assert COOKIE.read(Request({"type": "http", "headers": []}), HTTPS) is None
