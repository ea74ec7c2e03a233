"""Why somebody is not let in through a provider."""

from typing import ClassVar

from app.core.exceptions import AppError


class OAuthNotConfiguredError(AppError):
    """The shop does not offer this provider."""

    status: ClassVar[int] = 501
    code: ClassVar[str] = "AUTH_OAUTH_NOT_CONFIGURED"
    detail = "This shop does not offer that way of signing in."


class OAuthFailedError(AppError):
    """The way to the provider and back was not completed as it must be."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "AUTH_OAUTH_FAILED"
    detail = "Signing in did not work. Please start again from the shop."


class GoogleTokenInvalidError(AppError):
    """The ID token is not Google's, not for this shop, or not of now."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "AUTH_GOOGLE_INVALID_TOKEN"
    detail = "The token of Google is not valid."


class OAuthNoEmailError(AppError):
    """The provider tells no address, and an account needs one."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "AUTH_OAUTH_NO_EMAIL"
    detail = "No e-mail address came along, and an account needs one."


class OAuthEmailUnverifiedError(AppError):
    """The provider does not know whether the address is the reader's."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "AUTH_OAUTH_EMAIL_UNVERIFIED"
    detail = "The e-mail address is not confirmed there. Please confirm it, then come back."


class OAuthAccountUnprovedError(AppError):
    """An account has the address, but whoever opened it never proved that it is theirs."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "AUTH_EMAIL_CONFLICT"
    detail = (
        "An account with this e-mail exists already, and its address was never confirmed. "
        "Sign in with its password, confirm the address and connect it from your account, or set a "
        "new password first."
    )


class IdentityConflictError(AppError):
    """The identity opens another account, or the account has another identity there."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "AUTH_IDENTITY_CONFLICT"
    detail = "That is connected with another account, or this account with another one there."


class IdentityNotFoundError(AppError):
    """Nothing of this provider is connected with the account."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "AUTH_IDENTITY_NOT_FOUND"
    detail = "This is not connected with your account."


class LastWayInError(AppError):
    """Without a password and any other identity nobody could enter the account any more."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "AUTH_LAST_WAY_IN"
    detail = "This is the only way into your account. Set a password or connect another one first."
