"""How a PDF is answered."""

from typing import Any

from fastapi import Response

PDF: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}
}


def pdf_response(drawn: bytes, *, name: str) -> Response:
    """Return a file that a browser shows, and saves under a name."""
    return Response(
        drawn,
        media_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )
