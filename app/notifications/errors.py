"""What can be wrong with a message."""

from typing import ClassVar

from app.core.exceptions import AppError


class MailNotFoundError(AppError):
    """There is no such message."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "MAIL_NOT_FOUND"
    detail = "There is no such message."


class MailTemplateNotFoundError(AppError):
    """The shop writes no such messages."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "MAIL_TEMPLATE_NOT_FOUND"
    detail = "The shop writes no messages of this name."


class MailForgottenError(AppError):
    """The words of the message were emptied."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "MAIL_FORGOTTEN"
    detail = "This message was sent long ago, and its words are kept no longer."


class StopLinkInvalidError(AppError):
    """The link that ends messages is none of ours."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "MAIL_STOP_LINK_INVALID"
    detail = "This link is not complete. Please copy all of it, or change it in your account."
