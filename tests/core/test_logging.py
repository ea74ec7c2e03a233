import json
import logging

import pytest
import structlog

from app.core.config import LogFormat, Settings, get_settings
from app.core.logging import HIDDEN, configure_logging, hide_secrets


@pytest.mark.parametrize(
    "name", ["password", "new_password", "SECRET_KEY", "access_token", "Authorization", "cookie"]
)
def test_fields_that_say_they_are_secret_are_hidden(name: str) -> None:
    assert hide_secrets(None, "info", {"event": "x", name: "swordfish"})[name] == HIDDEN


def test_harmless_fields_stay() -> None:
    event = {"event": "token issued", "path": "/books"}
    assert hide_secrets(None, "info", dict(event)) == event


def test_json_lines_without_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_format=LogFormat.JSON))
    try:
        password = "swordfish"
        try:
            raise ValueError("wrong")
        except ValueError:
            structlog.get_logger("test").exception("failed", password=password)
        logging.getLogger("library").warning("from a library")
    finally:
        configure_logging(get_settings())
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["failed", "from a library"]
    assert lines[0]["password"] == HIDDEN
    assert lines[0]["exception"][0]["exc_value"] == "wrong"
    assert "swordfish" not in json.dumps(lines)
