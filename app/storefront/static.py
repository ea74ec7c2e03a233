"""Static files, under names that carry a hash of their content and may be cached for a year."""

import hashlib
from functools import cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

DIRECTORY = Path(__file__).parents[1] / "static"
HASH_CHARACTERS = 12
ONE_YEAR = "public, max-age=31536000, immutable"


@cache
def static_url(name: str) -> str:
    """Return the address of a static file; it changes when the file does."""
    digest = hashlib.sha256((DIRECTORY / name).read_bytes()).hexdigest()[:HASH_CHARACTERS]
    return f"/static/{digest}/{name}"


class HashedStaticFiles(StaticFiles):
    """Serves ``/static/<hash>/<name>``. A wrong hash finds nothing, so no cache keeps old bytes."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file if the hash is the one that it has now."""
        digest, _, name = path.partition("/")
        if name and (DIRECTORY / name).is_file() and static_url(name) == f"/static/{digest}/{name}":
            response = await super().get_response(name, scope)
            response.headers["Cache-Control"] = ONE_YEAR
            return response
        return await super().get_response(path, scope)


static_files = HashedStaticFiles(directory=DIRECTORY)
