"""Sending mail: over SMTP, or into a folder where there is no SMTP server."""

import asyncio
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol

import aiosmtplib

from app.core.config import Settings


class MailSender(Protocol):
    """Hands a complete message to the outside world, or raises."""

    async def send(self, message: EmailMessage) -> None:
        """Return once the message was accepted for delivery."""


class SmtpMailSender:
    """Sends over SMTP, with a deadline for every step, so that a dead server holds nobody."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def send(self, message: EmailMessage) -> None:
        """Deliver the message to the configured server."""
        settings = self._settings
        password = settings.smtp_password
        await aiosmtplib.send(
            message,
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username,
            password=password.get_secret_value() if password else None,
            start_tls=settings.smtp_starttls,
            timeout=settings.smtp_timeout_seconds,
        )


class FolderMailSender:
    """Writes each message as an ``.eml`` file, which any mail program opens."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def send(self, message: EmailMessage) -> None:
        """Write the message under its Message-ID, so that a repeated delivery is one file."""
        name = message["Message-ID"].strip("<>").partition("@")[0]
        await asyncio.to_thread(self._write, f"{name}.eml", message.as_bytes())

    def _write(self, name: str, content: bytes) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / name
        path.touch(mode=0o600)  # it tells who bought what
        path.write_bytes(content)


def mail_sender(settings: Settings) -> MailSender:
    """Return the sender that the settings ask for."""
    if settings.smtp_host:
        return SmtpMailSender(settings)
    return FolderMailSender(settings.mail_directory)
