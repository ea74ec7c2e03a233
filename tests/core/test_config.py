from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from app.core.config import DEFAULT_SECRET, Environment, GatewayName, Settings


@pytest.mark.parametrize("env", [Environment.PRODUCTION, Environment.TEST])
@pytest.mark.parametrize("secret", [DEFAULT_SECRET, "", "short", "x" * 31, "ü" * 15])
def test_a_weak_secret_is_refused_and_the_setting_named(env: Environment, secret: str) -> None:
    with pytest.raises(ValidationError, match="SECRET_KEY must be set to at least 32 random"):
        Settings(env=env, secret_key=SecretStr(secret))


@pytest.mark.parametrize("former", [DEFAULT_SECRET, "short", f"{'x' * 32},short"])
def test_a_weak_former_secret_is_refused_since_its_signatures_count(
    monkeypatch: pytest.MonkeyPatch, former: str
) -> None:
    monkeypatch.setenv("SECRET_KEYS_FORMER", former)
    with pytest.raises(ValidationError, match="SECRET_KEYS_FORMER must name only secrets"):
        Settings(env=Environment.TEST, secret_key=SecretStr("x" * 32))


def test_former_secrets_stand_behind_the_present_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "present")
    monkeypatch.setenv("SECRET_KEYS_FORMER", " younger ,, older,")
    assert Settings().signing_secrets == ("present", "younger", "older")
    monkeypatch.setenv("SECRET_KEYS_FORMER", "")
    assert Settings().signing_secrets == ("present",)


PRODUCTION: dict[str, Any] = {
    "env": Environment.PRODUCTION,
    "secret_key": SecretStr("x" * 32),
    "payment_gateway": GatewayName.DEMO,
    "smtp_host": "mail.example",
}


@pytest.mark.parametrize(
    "mail", [{"smtp_host": "mail.example"}, {"smtp_host": None, "mail_directory": Path("mail")}]
)
def test_production_starts_when_everything_is_said(mail: dict[str, Any]) -> None:
    assert Settings(**{**PRODUCTION, **mail}).is_production


def test_production_does_not_sell_for_nothing_unasked() -> None:
    said = {name: value for name, value in PRODUCTION.items() if name != "payment_gateway"}
    with pytest.raises(ValidationError, match="PAYMENT_GATEWAY must be set in production"):
        Settings(**said)
    assert Settings().payment_gateway is GatewayName.DEMO


STRIPE = {"stripe_secret_key": SecretStr("sk_x"), "stripe_webhook_secret": SecretStr("whsec_x")}


@pytest.mark.parametrize("missing", [{"stripe_secret_key"}, {"stripe_webhook_secret"}, {*STRIPE}])
def test_stripe_is_not_chosen_without_its_keys(missing: set[str]) -> None:
    keys: dict[str, Any] = {
        name: SecretStr("") if name in missing else key for name, key in STRIPE.items()
    }
    with pytest.raises(ValidationError, match="STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET must"):
        Settings(payment_gateway=GatewayName.STRIPE, **keys)
    keys = dict(STRIPE)
    chosen = Settings(payment_gateway=GatewayName.STRIPE, **keys)
    assert "sk_x" not in repr(chosen)
    assert "whsec_x" not in repr(chosen)


@pytest.mark.parametrize("host", [None, ""])
def test_production_does_not_keep_mails_in_a_folder_unasked(host: str | None) -> None:
    with pytest.raises(ValidationError, match="SMTP_HOST must be set in production"):
        Settings(**{**PRODUCTION, "smtp_host": host})


def test_every_fault_is_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / "none.env")
    with pytest.raises(ValidationError) as caught:
        Settings(env=Environment.PRODUCTION)
    for name in ("SECRET_KEY", "PAYMENT_GATEWAY", "SMTP_HOST"):
        assert f"{name} must be set" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgres://u:p@host/db",
        "postgresql://u:p@host/db",
        "postgresql+asyncpg://u:p@host/db",
    ],
)
def test_any_postgresql_url_means_asyncpg(url: str) -> None:
    assert Settings(database_url=url).database_url == "postgresql+asyncpg://u:p@host/db"


@pytest.mark.parametrize("url", ["sqlite:///books.db", "books", "postgresql://u:mackerel@h:x/db"])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must be a postgresql:// URL") as refusal:
        Settings(database_url=url)
    assert "mackerel" not in str(refusal.value)


def test_the_demand_for_tls_is_said_in_asyncpgs_word() -> None:
    url = Settings(database_url="postgres://u:p%40@host/db?sslmode=require").database_url
    assert url == "postgresql+asyncpg://u:p%40@host/db?ssl=require"


def test_secrets_do_not_show() -> None:
    settings = Settings(
        secret_key=SecretStr("swordfish"),
        smtp_password=SecretStr("mackerel"),
        database_url="postgresql://u:halibut@host/db",
    )
    for secret in ("swordfish", "mackerel", "halibut"):
        assert secret not in repr(settings)
        assert secret not in str(settings)
    assert "halibut" in settings.database_url


def test_secure_cookies_follow_the_public_address() -> None:
    assert Settings(public_url="https://books.example/").uses_secure_cookies
    assert Settings(public_url="https://books.example/").public_url == "https://books.example"
    assert not Settings(public_url="http://books.example").uses_secure_cookies
