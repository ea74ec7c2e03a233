"""A request, for the load generator as bytes and for the recorder by its parts."""

import json
from dataclasses import dataclass
from typing import Any, Self

HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Request:
    """An HTTP request to the shop's JSON API."""

    method: str = "GET"
    path: str
    token: str | None = None
    idempotency_key: str | None = None
    body: bytes = b""

    @classmethod
    def post(
        cls, path: str, content: Any, *, token: str, idempotency_key: str | None = None
    ) -> Self:
        """Return a signed-in POST of JSON."""
        return cls(
            method="POST",
            path=path,
            token=token,
            idempotency_key=idempotency_key,
            body=json.dumps(content).encode(),
        )

    @property
    def headers(self) -> dict[str, str]:
        """What a program that uses the API sends."""
        headers = {"Host": HOST, "Accept": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.idempotency_key is not None:
            headers["Idempotency-Key"] = self.idempotency_key
        if self.body:
            headers["Content-Type"] = "application/json"
            headers["Content-Length"] = str(len(self.body))
        return headers

    def encode(self) -> bytes:
        """Return the request as HTTP/1.1."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{head}\r\n".encode() + self.body
