"""The real server on real sockets: slow, broken and stopped."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.live import LiveShop, live_shop


async def raw(shop: LiveShop, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send bytes as they are, with pauses between, until they are answered; return the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", shop.port)
    answer = asyncio.create_task(reader.read(65536))
    with suppress(ConnectionError):
        for part in parts:
            writer.write(part)
            await writer.drain()
            if pause:
                await asyncio.wait({answer}, timeout=pause)
            if answer.done():
                break
    try:
        return await asyncio.wait_for(answer, 20)
    finally:
        writer.close()


def post(path: str, length: int) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode()


async def test_hostile_requests_over_the_wire(live_database: str, tmp_path: Path) -> None:
    settings = {"BODY_DEADLINE_SECONDS": "1"}
    with live_shop(live_database, tmp_path, workers=1, settings=settings) as shop:
        # Of what it promises to send only a byte comes: the answer does not wait for the rest.
        huge = await raw(shop, post("/api/v1/auth/login", 100_000_000), b"{")
        assert huge.startswith(b"HTTP/1.1 413 ")
        assert b'"code":"BODY_TOO_LARGE"' in huge

        drops = [b"x"] * 40
        trickled = await raw(shop, post("/api/v1/auth/login", 1000), *drops, pause=0.05)
        assert trickled.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"REQUEST_TIMEOUT"' in trickled

        deep = b"[" * 100_000 + b"]" * 100_000
        nested = await raw(shop, post("/api/v1/auth/login", len(deep)), deep)
        assert nested.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 422 "))

        climbing = b"/static/" + b"../" * 30 + b"etc/passwd"
        encoded = b"/static/..%2f..%2fetc/passwd"
        for target in (b"/%00", b"/books/%00", b"/static/%00/x", encoded, climbing):
            line = b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            answer = await raw(shop, line)
            assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ", b"HTTP/1.1 422 ")), target

        async with httpx.AsyncClient(base_url=shop.base_url) as client:
            assert (await client.get("/health")).status_code == 200


@pytest.mark.alone
async def test_tricklers_do_not_keep_others_waiting(live_database: str, tmp_path: Path) -> None:
    settings = {"BODY_DEADLINE_SECONDS": "3"}
    with live_shop(live_database, tmp_path, workers=1, settings=settings) as shop:
        slow = [
            asyncio.create_task(
                raw(shop, post("/api/v1/auth/login", 1000), *[b"x"] * 100, pause=0.1)
            )
            for _ in range(100)
        ]
        await asyncio.sleep(0.5)
        async with httpx.AsyncClient(base_url=shop.base_url, timeout=10) as client:
            answers = [await client.get("/api/v1/books") for _ in range(20)]
        assert [answer.status_code for answer in answers] == [200] * 20
        answers_to_slow = await asyncio.gather(*slow)
        assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers_to_slow)


async def test_a_request_in_flight_outlives_the_stop(live_database: str, tmp_path: Path) -> None:
    with live_shop(live_database, tmp_path, workers=1) as shop:
        body = json.dumps({"email": "a@example.com", "password": "a few words of mine"}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", shop.port)
        writer.write(post("/api/v1/auth/register", len(body)) + body[:10])
        await writer.drain()
        await asyncio.sleep(0.5)
        shop.server.process.terminate()
        async with asyncio.timeout(20):
            await until_refused(shop.port)
        writer.write(body[10:])
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(65536), 20)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 201 ")
        assert await asyncio.to_thread(shop.server.process.wait, 30) == 0


async def test_a_client_that_goes_away_is_no_fault_of_ours(
    live_database: str, tmp_path: Path
) -> None:
    head = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
    form = b"Content-Type: application/x-www-form-urlencoded\r\n\r\nemail="
    with live_shop(live_database, tmp_path, workers=1) as shop:
        _, writer = await asyncio.open_connection("127.0.0.1", shop.port)
        writer.write(head + form)
        await writer.drain()
        await asyncio.sleep(0.5)
        writer.close()
        await asyncio.sleep(0.5)
    lines = [json.loads(line) for line in shop.server.output().splitlines() if "{" in line]
    ours = [line for line in lines if line.get("path") == "/sign-in"]
    assert [line["event"] for line in ours] == ["client went away", "request"]
    assert {line["level"] for line in ours} == {"info"}
    assert "Traceback" not in shop.server.output()


async def until_refused(port: int) -> None:
    """Wait until nobody listens on the port."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            return
        writer.close()
        await asyncio.sleep(0.05)
