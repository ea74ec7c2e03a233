"""Static files, under names that carry a hash of their content and may be cached for a year."""

import hashlib
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

DIRECTORY = Path(__file__).parents[1] / "static"
HASH_CHARACTERS = 12
ONE_YEAR = "public, max-age=31536000, immutable"


def _address(name: str) -> str:
    digest = hashlib.sha256((DIRECTORY / name).read_bytes()).hexdigest()[:HASH_CHARACTERS]
    return f"{digest}/{name}"


FILES = frozenset(
    path.relative_to(DIRECTORY).as_posix() for path in DIRECTORY.rglob("*") if path.is_file()
)
"""All that is ever read, whatever a request names."""

ADDRESSES = {name: _address(name) for name in FILES}


def static_url(name: str) -> str:
    """Return the address of a static file; it changes when the file does."""
    return f"/static/{ADDRESSES[name]}"


class HashedStaticFiles(StaticFiles):
    """Serves ``/static/<hash>/<name>``. A wrong hash finds nothing, so no cache keeps old bytes."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file if the hash is its own, or if none is given."""
        address = Path(path).as_posix()
        name = address.partition("/")[2]
        if ADDRESSES.get(name) == address:
            response = await super().get_response(name, scope)
            response.headers["Cache-Control"] = ONE_YEAR
            return response
        if address in FILES:
            return await super().get_response(address, scope)
        raise HTTPException(404)


static_files = HashedStaticFiles(directory=DIRECTORY)
