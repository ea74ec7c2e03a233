"""Cookies that only this host gets back, and no script reads."""

from dataclasses import dataclass

from fastapi import Request, Response

from app.core.config import Settings


@dataclass(frozen=True)
class Cookie:
    """A cookie of the shop's.

    Over HTTPS its name has the prefix ``__Host-``, by which browsers refuse to take it from
    another host or over plain HTTP.
    """

    plain_name: str

    def name(self, settings: Settings) -> str:
        """Return the name under which browsers know it."""
        return f"__Host-{self.plain_name}" if settings.uses_secure_cookies else self.plain_name

    def read(self, request: Request, settings: Settings) -> str | None:
        """Return what the browser sent."""
        return request.cookies.get(self.name(settings))

    def write(
        self, response: Response, value: str, settings: Settings, *, seconds: int | None = None
    ) -> None:
        """Let the browser keep the value for so long, or until it is closed."""
        response.set_cookie(
            self.name(settings),
            value,
            max_age=seconds,
            path="/",
            secure=settings.uses_secure_cookies,
            httponly=True,
            samesite="lax",
        )

    def clear(self, response: Response, settings: Settings) -> None:
        """Let the browser forget it."""
        self.write(response, "", settings, seconds=0)
