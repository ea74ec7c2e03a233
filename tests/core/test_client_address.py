"""From where a request comes."""

import pytest
from starlette.requests import Request

from app.core.client_address import client_address
from app.core.config import Settings


def request_from(peer: str | None, *forwarded: str) -> Request:
    return Request(
        {
            "type": "http",
            "client": (peer, 50_000) if peer else None,
            "headers": [(b"x-forwarded-for", line.encode("latin-1")) for line in forwarded],
        }
    )


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8:1::/48,192.0.2.1")
    return Settings()


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("testclient", None),
        (None, None),
    ],
)
def test_without_proxies_nobodys_word_is_believed(peer: str | None, address: str | None) -> None:
    assert client_address(request_from(peer, "198.51.100.1"), Settings()) == address


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("192.0.2.1", ["203.0.113.7"], "203.0.113.7"),
        ("192.0.2.2", ["203.0.113.7"], "192.0.2.2"),
        ("::ffff:10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("2001:db8:1::5", ["2001:db8:2::9"], "2001:db8:2::9"),
        ("10.0.0.1", ["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["198.51.100.1", "203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        ("10.0.0.1", ["198.51.100.1", "203.0.113.7", "10.9.9.9,10.0.0.2"], "203.0.113.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7, , 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["é"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
    ],
)
def test_a_proxy_is_believed_as_far_as_the_first_stranger(
    proxied: Settings, peer: str, forwarded: list[str], address: str
) -> None:
    assert client_address(request_from(peer, *forwarded), proxied) == address


def test_a_proxy_that_is_no_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8,proxy.example")
    with pytest.raises(ValueError, match="not a valid IPv4 or IPv6 network"):
        Settings()
