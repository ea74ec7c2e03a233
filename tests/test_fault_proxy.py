"""The bad line does what it is told, and nothing else."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.fault_proxy import Fault, FaultProxy

GREETING = b"hello, server"


@pytest_asyncio.fixture
async def echo_port() -> AsyncIterator[int]:
    """A server that answers a connection with all that came, in capitals, at its end."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write((await reader.read()).upper())
            await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def say(port: int) -> bytes:
    """Send the greeting and return what comes back before the connection ends or breaks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GREETING)
    writer.write_eof()
    heard = b""
    try:
        while part := await reader.read(1):
            heard += part
    except ConnectionError:
        pass
    writer.close()
    return heard


@pytest.mark.parametrize(
    ("fault", "heard"),
    [
        (Fault(), GREETING.upper()),
        (Fault(delay=0.01), GREETING.upper()),
        (Fault(cut_request_after=5), b""),
        (Fault(cut_request_after=5, half_close=True), b"HELLO"),
        (Fault(cut_answer_after=0), b""),
        (Fault(cut_answer_after=5), b"HELLO"),
        (Fault(cut_answer_after=500), GREETING.upper()),
    ],
)
async def test_what_passes(echo_port: int, fault: Fault, heard: bytes) -> None:
    async with FaultProxy(echo_port, fault) as proxy:
        # What was written before a connection is torn down may be lost with it, never changed.
        got = await say(proxy.port)
        assert got == heard or (fault.cut_answer_after == 5 and heard.startswith(got))
        proxy.fault = Fault()
        assert await say(proxy.port) == GREETING.upper()
        assert proxy.connections == 2


async def test_nothing_comes_out_of_a_black_hole(echo_port: int) -> None:
    async with FaultProxy(echo_port, Fault(black_hole=True)) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(GREETING)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await reader.read()
        writer.close()
