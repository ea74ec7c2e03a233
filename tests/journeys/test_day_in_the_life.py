"""The day that ``docs/`` shows, in a shop that is open."""

from tests.live import LiveShop
from tests.servers import run_command, run_module

EMAIL = "nora@example.com"
PASSWORD = "a few words of mine"


async def test_it_ends_with_balanced_books(open_shop: LiveShop) -> None:
    url = open_shop.database_url
    await run_command(
        "user", "create-admin", EMAIL, database_url=url, stdin=f"{PASSWORD}\n".encode()
    )
    for _ in range(2):  # it can be lived again
        told = await run_module(
            "docs.day_in_the_life", open_shop.base_url, EMAIL, PASSWORD, database_url=url
        )
        for words in ("came in", "5.00 of it by gift card", "partly_shipped", "delivered"):
            assert words in told
        assert "went back" in told
        assert "nothing was found" in told
    refused = await run_module(
        *("docs.day_in_the_life", open_shop.base_url, EMAIL, "wrong"), database_url=url, status=1
    )
    assert "INVALID_CREDENTIALS" in refused
