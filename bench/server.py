"""The shop as ``bookstore serve`` runs it, with one more route: the ceiling of this very process.

``python -m bench.server PORT WORKERS`` serves it on 127.0.0.1.
"""

import sys

from fastapi.routing import APIRoute

from app.main import create_app
from app.server import serve

HOST = "127.0.0.1"
BARE_PATH = "/bench/bare"


async def bare() -> dict[str, str]:
    """Answer with a small JSON that nothing had to be asked for."""
    return {"status": "ok"}


app = create_app()
# The first route, so that the ceiling does not pay for the paths of all others.
app.router.routes.insert(0, APIRoute(BARE_PATH, bare))


def main() -> None:
    """Serve until told to stop, with the settings of ``bookstore serve``."""
    port, workers = map(int, sys.argv[1:])
    serve("bench.server:app", host=HOST, port=port, workers=workers)


if __name__ == "__main__":
    main()
