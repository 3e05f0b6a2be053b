"""The client against servers that are slow, broken or hostile, on real sockets."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import pytest
from made import TASK
from veo.asking import KEY, MEBIBYTE, OK, asked

from bot.core.task import TaskState
from bot.veo.client import VeoClient
from bot.veo.errors import BrokenAnswer, KeyRefused, RateLimited, TaskNotFound, Unavailable, VeoError
from sim.task_api.answers import Answer, gzip_bomb, html_page, huge_body
from sim.task_api.renders import SUCCEEDS
from sim.task_api.server import RenderApi


@pytest.fixture
async def api() -> AsyncIterator[RenderApi]:
    async with RenderApi(key=KEY) as api:
        yield api


def packed(body: bytes, encoding: str = "gzip", status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": "application/json", "Content-Encoding": encoding}, body)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer.json({}, 404), TaskNotFound),
        (Answer.json({}, 429, {"Retry-After": "3"}), RateLimited),
        (Answer.json({}, 503), Unavailable),
        (Answer(drop=True), Unavailable),
        (html_page(), Unavailable),
        (html_page(403), Unavailable),
        (html_page(404), Unavailable),
        (html_page(502), Unavailable),
        (Answer(404, {"Content-Type": "text/plain"}, b"404 page not found\n"), Unavailable),  # traefik#5332
        (Answer(204), Unavailable),
        (packed(b"not packed"), BrokenAnswer),
        (packed(gzip.compress(OK.body)[:-8] + b"another!"), BrokenAnswer),  # its checksum is wrong
        (packed(gzip.compress(OK.body)[:20]), BrokenAnswer),
        (packed(zlib.compress(OK.body)[:-4] + b"sum!", "deflate"), BrokenAnswer),
        (packed(b"not packed", status=503), Unavailable),
        (packed(b"not packed", status=401), KeyRefused),
        (packed(b"not packed", status=429), RateLimited),
        (packed(b"xx", "br"), Unavailable),
        (replace(huge_body(), status=502), Unavailable),
    ],
)
async def test_each_bad_answer_is_one_error(api: RenderApi, answer: Answer, kind: type[VeoError]) -> None:
    api.set(TASK, answer)
    async with asked(api) as client:
        with pytest.raises(kind):
            await client.poll(TASK)
        api.set(TASK, OK)
        assert (await client.poll(TASK)).progress == 5


@pytest.mark.parametrize("build", [gzip_bomb, huge_body])
async def test_a_body_that_grows_costs_no_memory(api: RenderApi, build: Callable[[], Answer]) -> None:
    api.set(TASK, build())
    async with asked(api) as client:
        tracemalloc.start()
        try:
            with pytest.raises(BrokenAnswer, match="longer than"):
                await client.poll(TASK)
            assert tracemalloc.get_traced_memory()[1] < 8 * MEBIBYTE
        finally:
            tracemalloc.stop()


async def test_a_body_of_exactly_the_limit_is_read(api: RenderApi) -> None:
    empty = b'{"state": "running", "message": ""}'
    api.set(TASK, Answer(body=empty[:-2] + b"x" * (MEBIBYTE - len(empty)) + b'"}'))
    async with asked(api) as client:
        assert (await client.poll(TASK)).state is TaskState.RUNNING


@pytest.mark.looptime
@pytest.mark.parametrize(
    "slow", [Answer(delay=60), Answer(body=b"x" * 100, drip=(1, 2.0))], ids=["silent", "drip"]
)
async def test_a_poll_ends_in_time_however_slowly_the_answer_comes(slow: Answer) -> None:
    loop = asyncio.get_running_loop()
    async with RenderApi(key=KEY, clock=loop.time) as api, asked(api, seconds=15.0) as client:
        api.set(TASK, slow)
        began = loop.time()
        with pytest.raises(Unavailable, match=r"^no answer in time$"):
            await client.poll(TASK)
        assert 15 <= loop.time() - began < 16


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json; charset=zlib"},
        {"Content-Type": 'text/html; charset="none"'},
        {"Content-Type": ";;;"},
        {"Content-Encoding": "aws-chunked"},
        {"Content-Encoding": "utf-8"},
        {"Content-Encoding": ""},
    ],
    ids=str,
)
async def test_what_headers_say_of_a_good_body_does_not_matter(
    api: RenderApi, headers: dict[str, str]
) -> None:
    api.set(TASK, Answer(headers=headers, body=OK.body))
    async with asked(api) as client:
        assert (await client.poll(TASK)).progress == 5


async def test_an_api_that_is_not_there_is_unavailable_and_found_again(api: RenderApi) -> None:
    async with asked(api) as client:
        await client.poll(SUCCEEDS.id)
        await api.stop()
        with pytest.raises(Unavailable):
            await client.poll(SUCCEEDS.id)
        await api.start()
        assert (await client.poll(SUCCEEDS.id)).state is TaskState.PENDING


# Raw bytes


@asynccontextmanager
async def wire(answers: list[bytes]) -> AsyncIterator[tuple[str, list[int]]]:
    """Serve bytes in turn; yield the address and how many requests came over each connection."""
    counts: list[int] = []
    left = iter(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counts.append(0)
        number = len(counts) - 1
        try:
            while (await reader.readuntil(b"\r\n\r\n")) and (answer := next(left, None)) is not None:
                counts[number] += 1
                writer.write(answer)
                await writer.drain()
                if answer is not GOOD:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", counts


BODY: Final = b'{"state": "running", "progress": 5}'
GOOD: Final = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


async def test_sequential_polls_share_one_connection() -> None:
    async with wire([GOOD] * 5) as (address, counts), VeoClient(address, KEY) as client:
        for _ in range(5):
            assert (await client.poll(TASK)).progress == 5
        assert counts == [5]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff garbage\r\n\r\n",
        b"{}",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-\xff: y\r\nX: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc",
        b"HTTP/1.1 302 X\r\nLocation: http://[::bad\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 429 X\r\nRetry-After: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: \xff;charset=\xff\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=lambda raw: str(raw[:40]),
)
async def test_bytes_that_are_no_http_are_no_answer(raw: bytes) -> None:
    async with wire([raw, raw]) as (address, _), VeoClient(address, KEY, timeout_seconds=2) as client:
        with pytest.raises(RateLimited if raw.startswith(b"HTTP/1.1 429") else Unavailable):
            await client.poll(TASK)


async def test_polls_at_the_same_time_do_not_wait_for_each_other(api: RenderApi) -> None:
    ids = [f"task-{number}" for number in range(16)]
    for task_id in ids:
        api.set(task_id, Answer(body=OK.body, delay=0.05))
    async with asked(api) as client:
        tasks: list[Any] = await asyncio.gather(*map(client.poll, ids))
    assert [task.id for task in tasks] == ids
    assert api.max_in_flight == len(ids)
