"""Why somebody is not let in."""

from typing import ClassVar

from app.core.exceptions import AppError


class InvalidCredentialsError(AppError):
    """E-mail or password is wrong; which one is not told."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "AUTH_INVALID_CREDENTIALS"
    detail = "Invalid email or password"


class AccountDeactivatedError(AppError):
    """The account was closed by the shop."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "AUTH_ACCOUNT_DEACTIVATED"
    detail = "Account deactivated. Contact support."


class OAuthOnlyAccountError(AppError):
    """The account has no password; told only on a device on which it was signed in to."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "AUTH_OAUTH_ONLY_ACCOUNT"
    detail = "This account has no password. Sign in as you did before."


class EmailConflictError(AppError):
    """An account with this e-mail exists."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "AUTH_EMAIL_CONFLICT"
    detail = "An account with this e-mail exists already."


class RefreshInvalidError(AppError):
    """The refresh token is unknown, has expired or was signed out."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "AUTH_REFRESH_INVALID"
    detail = "The refresh token is not valid."


class RefreshReplacedError(RefreshInvalidError):
    """The refresh token was used a moment ago; the pair that it brought works."""

    detail = "The refresh token was replaced a moment ago. Use the pair that replaced it."

    def __init__(self) -> None:
        super().__init__(extra={"replaced": True})


class TokenReuseError(AppError):
    """A refresh token came a second time: it was stolen, so its whole family ended."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "AUTH_TOKEN_REUSE"
    detail = "This refresh token was used before. Please sign in again."


class UserInactiveError(AppError):
    """The refresh token's account was deactivated."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "AUTH_USER_INACTIVE"
    detail = "Account deactivated. Contact support."


class TooManyAttemptsError(AppError):
    """Somebody tried too often; the sentence and ``Retry-After`` say when to try again."""

    status: ClassVar[int] = 429
    code: ClassVar[str] = "AUTH_TOO_MANY_ATTEMPTS"
    detail = "Too many attempts. Please try again later."


class SignInRequiredError(AppError):
    """The page is for signed-in readers; the browser is led to the form and back."""

    status: ClassVar[int] = 303
    code: ClassVar[str] = "SIGN_IN_REQUIRED"
    detail = "Please sign in."


class InvalidEmailError(AppError):
    """No mail can be sent to the address, and no form takes it."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "AUTH_EMAIL_INVALID"
    detail = "This is not an e-mail address."


class UserNotFoundError(AppError):
    """No such account."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "USER_NOT_FOUND"
    detail = "There is no such account."


class CannotDeactivateAdminError(AppError):
    """Admins are closed by nobody."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "ADMN_CANNOT_DEACTIVATE_ADMIN"
    detail = "Cannot deactivate admin accounts"


class CannotChangeAdminError(AppError):
    """Admins have every right, and no other admin takes them."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "ADMN_CANNOT_CHANGE_ADMIN"
    detail = "Admins have every right, and nobody changes them."


class LinkInvalidError(AppError):
    """The mailed link was used, has expired, or never was; which of these is not told."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "ACCOUNT_LINK_INVALID"
    detail = "This link is no longer valid. Please ask for a new one."


class WrongPasswordError(AppError):
    """The account's own password was asked for, and this is not it."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "ACCOUNT_PASSWORD_WRONG"
    detail = "This is not your present password."


class PasswordGuessableError(AppError):
    """The new password is made of what is known of the account."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "ACCOUNT_PASSWORD_GUESSABLE"
    detail = "Please choose a password that is not made of your address."


class PasswordMissingError(AppError):
    """The account has a password, and it was not sent along."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "ACCOUNT_PASSWORD_REQUIRED"
    detail = "Please enter your present password."


class SignInStaleError(AppError):
    """The account has no password to ask for, and its sign-in is not of a moment ago."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "AUTH_SIGN_IN_STALE"
    detail = "You signed in some time ago. Please sign out and in again, and do this at once then."


class AddressUnprovedError(AppError):
    """What outlives a new password must not be set up by who does not read the address's mail."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "AUTH_EMAIL_UNVERIFIED"
    detail = "Please confirm the e-mail address of your account first."


class SameEmailError(AppError):
    """The account has this address already."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ACCOUNT_EMAIL_UNCHANGED"
    detail = "This is your address already."


class SessionNotFoundError(AppError):
    """The account has no such session, or none any more."""

    status: ClassVar[int] = 404
    code: ClassVar[str] = "ACCOUNT_SESSION_NOT_FOUND"
    detail = "This session has ended."


class LastAdminError(AppError):
    """Nobody else runs the shop, and nobody could let in another."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ACCOUNT_LAST_ADMIN"
    detail = "You are the only one who runs the shop. Let somebody else do so first."


class PasswordExpectedError(AppError):
    """The account has a password, which proves more than a link."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "ACCOUNT_PASSWORD_EXPECTED"
    detail = "Please enter your password instead."
