"""The tests never touch a database that is not theirs."""

import asyncio
import os
import sys

import pytest
from sqlalchemy import make_url

from tests.servers import PROJECT, configured_url


@pytest.mark.parametrize("database", ["bookstore", "bookstore_dev"])
async def test_a_database_that_is_not_for_tests_is_refused(database: str) -> None:
    """Where the guard is missing nothing is lost: the database does not exist on this port."""
    url = make_url(configured_url()).set(database=database, port=1)
    environment = os.environ | {"TEST_DATABASE_URL": url.render_as_string(hide_password=False)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_health.py"),
        cwd=PROJECT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"TEST_DATABASE_URL names the database '{database}'" in output
    assert "Traceback" not in output
