"""Why the second step is not taken."""

from typing import ClassVar

from app.core.exceptions import AppError


class SecondFactorRequiredError(AppError):
    """All but the second step is proved."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "AUTH_SECOND_FACTOR_REQUIRED"
    detail = "Please enter the code of your authenticator app, or a recovery code."


class SecondFactorInvalidError(AppError):
    """The code is wrong, too old, or was used before."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "AUTH_SECOND_FACTOR_INVALID"
    detail = "This code is wrong, or was used before. Please enter the one that is shown now."


class TooManyCodesError(AppError):
    """Many wrong codes were tried lately. Recovery codes work all the same."""

    status: ClassVar[int] = 429
    code: ClassVar[str] = "AUTH_SECOND_FACTOR_LIMIT"
    detail = "Too many codes were tried. Please wait, or use a recovery code."


class SignInExpiredError(AppError):
    """The first step is too long ago, was followed by too many wrong codes, or is outdated."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "AUTH_SIGN_IN_EXPIRED"
    detail = "That took too long or too many tries. Please sign in again."


class TwoStepIsOnError(AppError):
    """There is a second step already."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "AUTH_TWO_STEP_ON"
    detail = "Two-step sign-in is on already. Turn it off first to set up another device."


class TwoStepIsOffError(AppError):
    """There is no second step, or none that was begun."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "AUTH_TWO_STEP_OFF"
    detail = "Two-step sign-in is not set up."


class EnrolmentLateError(AppError):
    """Setting up was begun too long ago, or anew since, or by somebody else."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "AUTH_TWO_STEP_LATE"
    detail = "That took too long. Please begin to set it up anew."


class TwoStepRequiredError(AppError):
    """The shop asks a second step of its staff, and this account has none yet."""

    status: ClassVar[int] = 403
    code: ClassVar[str] = "AUTH_TWO_STEP_REQUIRED"
    detail = "Staff of this shop sign in in two steps. Please set that up first."


class EnrolFirstError(AppError):
    """The same, for a browser, which is led to where that is set up."""

    status: ClassVar[int] = 303
    code: ClassVar[str] = "AUTH_TWO_STEP_REQUIRED"
    detail = TwoStepRequiredError.detail
