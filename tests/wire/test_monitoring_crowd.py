"""Whoever opens connections to the health port, and however, takes nothing from the bot or from a probe."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from wire.place import Place, place
from wire.process import PATIENCE, process

from bot.monitoring.server import MAX_CONNECTIONS, REQUEST_SECONDS, RESPONSE_SECONDS

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Crowd:
    """Clients of a port, all of them gone at the end."""

    port: int
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connected(self, sent: bytes = b"") -> Connection:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        writer.write(sent)
        return reader, writer


@asynccontextmanager
async def crowded(data: Path) -> AsyncIterator[tuple[Place, Crowd]]:
    async with place(data, monitored=True) as here, crowd_at(here.monitoring_port) as crowd:
        yield here, crowd


@asynccontextmanager
async def crowd_at(port: int) -> AsyncIterator[Crowd]:
    crowd = Crowd(port)
    try:
        yield crowd
    finally:
        for writer in crowd.writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in crowd.writers), return_exceptions=True)


async def answer(connection: Connection) -> bytes:
    """Return one answer, head and body."""
    head = await connection[0].readuntil(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    assert length is not None
    return head + await connection[0].readexactly(int(length[1]))


async def closed(connection: Connection) -> bool:
    with suppress(ConnectionError):
        return await connection[0].read() == b""
    return True


async def seconds_until_closed(here: Place, connection: Connection) -> float:
    begun = here.clock()
    assert await closed(connection)
    return here.clock() - begun


@pytest.mark.looptime
@pytest.mark.parametrize("sent", [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_that_does_not_come_ends_its_connection(sent: bytes, tmp_path: Path) -> None:
    async with crowded(tmp_path) as (here, crowd):
        took = await seconds_until_closed(here, await crowd.connected(sent))
        assert REQUEST_SECONDS - 1 < took < REQUEST_SECONDS + 1


@pytest.mark.looptime
async def test_a_head_that_drips_in_is_given_no_longer(tmp_path: Path) -> None:
    async with crowded(tmp_path) as (here, crowd):
        reader, writer = await crowd.connected(b"GET /healthz HTTP/1.1\r\n")
        begun = here.clock()
        with suppress(ConnectionError):
            while not reader.at_eof() and here.clock() < begun + 100:
                writer.write(b"X: x\r\n")
                with suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(), 1)
        assert here.clock() - begun < REQUEST_SECONDS + 2


@pytest.mark.looptime
async def test_requests_in_a_row_are_answered_and_idling_after_them_ends(tmp_path: Path) -> None:
    async with crowded(tmp_path) as (here, crowd):
        connection = await crowd.connected(3 * HEALTH)
        for _ in range(3):
            assert (await answer(connection)).startswith(b"HTTP/1.1 200")
        await here.sleep(REQUEST_SECONDS - 1)
        connection[1].write(HEALTH + HEALTH[:-2])
        assert (await answer(connection)).startswith(b"HTTP/1.1 200")
        assert await seconds_until_closed(here, connection) < REQUEST_SECONDS + 1


@pytest.mark.looptime
async def test_the_oldest_silent_connection_makes_room_for_a_new_one(tmp_path: Path) -> None:
    async with crowded(tmp_path) as (_, crowd):
        silent = [await crowd.connected(HEALTH[:-2]) for _ in range(MAX_CONNECTIONS)]
        for _ in range(3):
            assert b"alive" in await answer(await crowd.connected(HEALTH))
        assert [await closed(connection) for connection in silent[:3]] == [True] * 3
        silent[3][1].write(b"\r\n")
        assert b"alive" in await answer(silent[3])
        for _ in range(10 * MAX_CONNECTIONS):
            await crowd.connected()
        assert b"alive" in await answer(await crowd.connected(HEALTH))


@pytest.mark.slow
@pytest.mark.looptime
async def test_who_takes_no_answer_is_let_go_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with crowded(tmp_path) as (here, crowd):
        reader, writer = await crowd.connected(5_000 * HEALTH.replace(b"healthz", b"metrics"))
        transport: Any = writer.transport
        transport.pause_reading()
        await here.sleep(3 * RESPONSE_SECONDS)
        transport.resume_reading()
        answers = 0
        with suppress(ConnectionError):
            while received := await reader.read(1 << 20):
                answers += received.count(b"HTTP/1.1 200")
        assert answers < 5_000
    assert not [record for record in caplog.records if record.name == "aiohttp.server"]


@pytest.mark.slow
async def test_garbage_on_the_port_is_one_short_line_for_who_debugs(tmp_path: Path) -> None:
    garbage = b"GET /" + b"http://" * 9_000 + b"\r\n\r\n"
    async with process(tmp_path, HTTP_PORT="0") as here:
        for level, lines in (("INFO", 0), ("DEBUG", 1)):
            here.said.clear()
            await here.start(LOG_LEVEL=level)
            port = re.search(r"port=(\d+)", here.log)
            assert port is not None
            here.said.clear()
            async with crowd_at(int(port[1])) as crowd:
                for sent, code in ((garbage, b"400"), (HEALTH, b"200")):
                    reader, _ = await crowd.connected(sent)
                    assert code in await asyncio.wait_for(reader.readline(), PATIENCE)
            await here.stop()
            about = [line for line in here.said if "aiohttp" in line]
            assert len(about) == lines
            assert all(len(line) < 120 and "DEBUG" in line for line in about)
            assert "Traceback" not in here.log
            assert "http://http://" not in here.log
