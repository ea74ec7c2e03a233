import pytest
from pydantic import SecretStr, ValidationError

from app.core.config import DEFAULT_SECRET, Environment, Settings


@pytest.mark.parametrize("secret", [DEFAULT_SECRET, "short", "x" * 31])
def test_production_refuses_a_weak_secret_and_names_the_setting(secret: str) -> None:
    with pytest.raises(ValidationError, match="SECRET_KEY must be set to at least 32 random"):
        Settings(env=Environment.PRODUCTION, secret_key=SecretStr(secret))


def test_production_starts_with_a_strong_secret() -> None:
    settings = Settings(env=Environment.PRODUCTION, secret_key=SecretStr("x" * 32))
    assert settings.is_production


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


def test_another_database_is_refused() -> None:
    with pytest.raises(ValidationError, match="must be a postgresql:// URL"):
        Settings(database_url="sqlite:///books.db")


def test_secrets_do_not_show() -> None:
    settings = Settings(secret_key=SecretStr("swordfish"), smtp_password=SecretStr("mackerel"))
    assert "swordfish" not in repr(settings)
    assert "mackerel" not in repr(settings)


def test_secure_cookies_follow_the_public_address() -> None:
    assert Settings(public_url="https://books.example/").uses_secure_cookies
    assert Settings(public_url="https://books.example/").public_url == "https://books.example"
    assert not Settings(public_url="http://books.example").uses_secure_cookies
