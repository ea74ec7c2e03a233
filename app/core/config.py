"""Settings, read once from the environment, ``.env`` and the local demo's own file."""

import os
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    Field,
    FilePath,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

LOCAL_DIRECTORY = Path(os.environ.get("LOCAL_DIRECTORY", "var"))
"""Everything that a local shop keeps: its database, its secrets, its mail folder.

Below the folder that a command is started in, unless said otherwise: a shop belongs to its folder,
and two folders are two shops.
"""

LOCAL_SETTINGS_FILE = LOCAL_DIRECTORY / "local.env"
"""Written by ``bookstore db up`` and ``bookstore demo``: where the database listens, the secret."""

DEFAULT_SECRET = "insecure-development-secret-change-me"  # noqa: S105 (refused in production)
MINIMUM_SECRET_BYTES = 32


class Environment(StrEnum):
    """Where the application runs."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class LogFormat(StrEnum):
    """How log lines look; ``auto`` is JSON in production and readable elsewhere."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class GatewayName(StrEnum):
    """Who takes the money. ``demo`` sells for nothing; ``in_shop`` is paid at the counter."""

    DEMO = "demo"
    STRIPE = "stripe"
    IN_SHOP = "in_shop"


class TwoStepRule(StrEnum):
    """Who must sign in with a code besides the password."""

    OPTIONAL = "optional"
    REQUIRED = "required"


class TaxRounding(StrEnum):
    """What is rounded: the tax on each line, or that on all lines of one rate."""

    LINE = "line"
    ORDER = "order"


class Reviewers(StrEnum):
    """Who may review a book: those who bought it here, or every reader."""

    BUYERS = "buyers"
    READERS = "readers"


class Moderation(StrEnum):
    """When staff look at a review: before it is public, or after."""

    BEFORE = "before"
    AFTER = "after"


class SilentRegistration(StrEnum):
    """Where opening an account tells nobody whether the address has one; a mail tells its owner."""

    NOWHERE = "nowhere"
    PAGES = "pages"
    EVERYWHERE = "everywhere"


class Settings(BaseSettings):
    """All settings of the application. A name in capitals is the environment variable."""

    model_config = SettingsConfigDict(
        env_file=(LOCAL_SETTINGS_FILE, ".env"),
        env_file_encoding="utf-8",
        extra="ignore",
        hide_input_in_errors=True,
    )

    env: Environment = Environment.DEVELOPMENT
    secret_key: SecretStr = SecretStr(DEFAULT_SECRET)
    secret_keys_former: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = ()

    database_url: Annotated[str, Field(repr=False)] = (
        "postgresql+asyncpg://postgres:postgres@localhost:5432/bookstore_dev"
    )
    database_pool_size: Annotated[int, Field(ge=1, le=100)] = 5
    database_pool_wait_seconds: Annotated[float, Field(gt=0)] = 2.0
    database_statement_timeout_seconds: Annotated[float, Field(gt=0)] = 10.0

    shop_name: str = "Bookstore"
    public_url: str = "http://127.0.0.1:8000"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "US"
    locale: str = "en_US"
    time_zone: str = "UTC"

    prices_include_tax: bool = True
    tax_rounding: TaxRounding = TaxRounding.LINE
    tax_one_stop_shop: bool = True
    default_weight_g: Annotated[int, Field(ge=0, le=100_000)] = 400

    seller_name: str | None = None
    seller_address: Annotated[tuple[str, ...], NoDecode] = ()
    seller_vat_id: str | None = None
    document_fonts: Annotated[tuple[FilePath, ...], NoDecode] = ()

    silent_registration: SilentRegistration = SilentRegistration.PAGES
    access_token_minutes: Annotated[int, Field(ge=1)] = 15
    refresh_token_days: Annotated[int, Field(ge=1)] = 30
    session_days: Annotated[int, Field(ge=1)] = 30
    staff_two_step: TwoStepRule = TwoStepRule.OPTIONAL

    google_client_id: str | None = None
    google_client_secret: SecretStr | None = None
    google_client_ids_of_programs: Annotated[tuple[str, ...], NoDecode] = ()
    google_discovery_url: str = "https://accounts.google.com/.well-known/openid-configuration"
    github_client_id: str | None = None
    github_client_secret: SecretStr | None = None
    github_url: str = "https://github.com"
    github_api_url: str = "https://api.github.com"
    oauth_timeout_seconds: Annotated[float, Field(gt=0)] = 5.0

    reviews_from: Reviewers = Reviewers.BUYERS
    review_moderation: Moderation = Moderation.AFTER

    reservation_minutes: Annotated[int, Field(ge=1)] = 15
    payment_gateway: GatewayName = GatewayName.DEMO
    gateway_timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    stripe_secret_key: SecretStr | None = None
    stripe_webhook_secret: SecretStr | None = None
    stripe_url: Annotated[str, Field(pattern=r"^https?://\S+$")] = "https://api.stripe.com"

    smtp_host: str | None = None
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 587
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_starttls: bool = True
    smtp_timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    mail_from: str = "Bookstore <shop@example.com>"
    mail_logo: FilePath | None = None
    """The sign at the head of mails, a PNG or JPEG file; a book where there is none."""
    mail_directory: Path = LOCAL_DIRECTORY / "mail"

    log_level: str = "INFO"
    log_format: LogFormat = LogFormat.AUTO

    max_body_bytes: Annotated[int, Field(ge=1024)] = 1024 * 1024
    body_deadline_seconds: Annotated[float, Field(gt=0)] = 15.0
    max_upload_bytes: Annotated[int, Field(ge=1024)] = 10 * 1024 * 1024
    upload_deadline_seconds: Annotated[float, Field(gt=0)] = 60.0

    max_import_bytes: Annotated[int, Field(ge=1024)] = 4 * 1024 * 1024 * 1024
    import_upload_deadline_seconds: Annotated[float, Field(gt=0)] = 3600.0
    import_file_days: Annotated[int, Field(ge=1)] = 14

    media_directory: Path = LOCAL_DIRECTORY / "media"
    media_url: Annotated[str, Field(pattern=r"^s3://[^/\s]+(/\S*)?$")] | None = None
    media_endpoint: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    media_region: str | None = None
    media_access_key_id: str | None = None
    media_secret_access_key: SecretStr | None = None

    worker_in_process: bool = False

    @field_validator("database_url")
    @classmethod
    def _use_asyncpg(cls, url: str) -> str:
        """Say it as asyncpg does: others write ``postgres://``, which means another driver here."""
        scheme, _, rest = url.partition("://")
        if scheme not in {"postgres", "postgresql", "postgresql+asyncpg"}:
            raise ValueError("must be a postgresql:// URL")
        named = f"postgresql+asyncpg://{rest}"
        try:
            parsed = make_url(named)
        except (ArgumentError, ValueError):  # their messages repeat it, password and all
            raise ValueError("must be a postgresql:// URL") from None
        query = dict(parsed.query)
        if "sslmode" in query:  # libpq's word, which asyncpg's driver calls by another
            query["ssl"] = query.pop("sslmode")
            return parsed.set(query=query).render_as_string(hide_password=False)
        return named

    @field_validator("public_url")
    @classmethod
    def _without_trailing_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @field_validator("seller_address", mode="before")
    @classmethod
    def _split_at_semicolons(cls, value: object) -> object:
        """Lines of an address have commas of their own."""
        if isinstance(value, str):
            return [part.strip() for part in value.split(";") if part.strip()]
        return value

    @field_validator(
        "secret_keys_former",
        "trusted_proxies",
        "google_client_ids_of_programs",
        "document_fonts",
        mode="before",
    )
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @model_validator(mode="after")
    def _refuse_what_only_suits_a_trial(self) -> Self:
        """Refuse what would let strangers in, sell for nothing or keep silent about it.

        Secrets must be good everywhere but in development; the rest is asked of production.
        """
        faults = [] if self.env is Environment.DEVELOPMENT else self._weak_secrets()
        if self.is_production and "payment_gateway" not in self.model_fields_set:
            faults.append(
                "PAYMENT_GATEWAY must be set in production: stripe, in_shop, or demo, which takes "
                "test cards and no money."
            )
        if self.payment_gateway is GatewayName.STRIPE and not self.knows_stripe:
            faults.append(
                "STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET must be set for "
                "PAYMENT_GATEWAY=stripe: without the first nothing is charged, without the second "
                "nobody could tell what Stripe writes from what anybody else does."
            )
        if (
            self.is_production
            and not self.smtp_host
            and "mail_directory" not in self.model_fields_set
        ):
            faults.append(
                "SMTP_HOST must be set in production, or else MAIL_DIRECTORY, the folder that "
                "mails are then written to instead of being sent."
            )
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _weak_secrets(self) -> list[str]:
        faults = []
        if is_weak(self.secret_key):
            faults.append(
                f"SECRET_KEY must be set to at least {MINIMUM_SECRET_BYTES} random bytes in "
                f"{self.env}, for example the output of: "
                'python -c "import secrets; print(secrets.token_urlsafe(48))"'
            )
        if any(is_weak(secret) for secret in self.secret_keys_former):
            faults.append(
                f"SECRET_KEYS_FORMER must name only secrets of at least {MINIMUM_SECRET_BYTES} "
                "random bytes, with commas between them: what a former one signed is believed."
            )
        return faults

    @property
    def signing_secrets(self) -> tuple[str, ...]:
        """The secret that signs, and behind it the former ones, whose signatures still count."""
        secrets = (self.secret_key, *self.secret_keys_former)
        return tuple(secret.get_secret_value() for secret in secrets)

    @property
    def knows_stripe(self) -> bool:
        """Whether there are the keys for Stripe, whichever gateway takes the money now."""
        return all(
            key is not None and key.get_secret_value()
            for key in (self.stripe_secret_key, self.stripe_webhook_secret)
        )

    @property
    def is_production(self) -> bool:
        """Whether strangers shop here."""
        return self.env is Environment.PRODUCTION

    @property
    def uses_secure_cookies(self) -> bool:
        """Whether the shop is reached over HTTPS, which ``__Host-`` cookies need."""
        return self.public_url.startswith("https://")


def is_weak(secret: SecretStr) -> bool:
    """Tell whether a secret is the one that everybody can read here, or too short."""
    value = secret.get_secret_value()
    return value == DEFAULT_SECRET or len(value.encode()) < MINIMUM_SECRET_BYTES


@lru_cache
def get_settings() -> Settings:
    """Return the settings, read at the first call and kept.

    Raises:
        SystemExit: a setting is wrong; the message names it and repeats no value.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = [
            " ".join([*(str(part).upper() for part in fault["loc"]), fault["msg"]])
            for fault in error.errors()
        ]
        raise SystemExit("\n".join(["Bookstore cannot start:", *faults])) from None
