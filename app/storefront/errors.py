"""The page that a browser gets when something went wrong."""

from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from app.storefront.templating import render


@dataclass(frozen=True)
class Words:
    """What an error page says."""

    title: str
    text: str


NOT_FOUND = Words(
    "This page is out of print",
    "Perhaps it was moved to another shelf. Try a search, or browse from the front table.",
)
BROKEN = Words(
    "We dropped a stack of books",
    "Something went wrong on our side, and it has been written down. Nothing you did was lost.",
)
BUSY = Words(
    "The shop is very full",
    "Please try again in a moment. Your basket is where you left it.",
)


async def lead_to_sign_in(request: Request, error: Exception) -> Response:
    """Send a browser to the form for signing in, and back to where it was."""
    del error
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = here if request.method == "GET" else "/"
    return RedirectResponse(f"/sign-in?{urlencode({'next': back})}", 303)


async def lead_to_two_step(request: Request, error: Exception) -> Response:
    """Send a browser to where two-step sign-in is set up."""
    del request, error
    return RedirectResponse("/account/two-step", 303)


async def error_page(request: Request, status: int, sentence: str) -> Response:
    """Draw the page for an error. ``sentence`` is used where the status alone says too little."""
    if status == 404:  # noqa: PLR2004 (Not Found)
        words = NOT_FOUND
    elif status == 503:  # noqa: PLR2004 (Service Unavailable)
        words = BUSY
    elif status >= 500:  # noqa: PLR2004 (any fault of ours)
        words = BROKEN
    else:
        words = Words("That did not work", sentence)
    return render(request, "error.html", status=status, words=words, error_status=status)
