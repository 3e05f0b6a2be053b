"""Answers that the simulated task API can give on demand, and builders for hostile ones.

An Answer is exactly what is sent, byte for byte; nothing here knows about tasks or keys.
"""

import asyncio
import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Self

from aiohttp import web

MEBIBYTE: Final = 2**20
JSON_TYPE: Final = "application/json; charset=utf-8"

# A body without a drip is sent in chunks of this size, so that a large one is never in memory twice.
_WHOLE: Final = (2**16, 0.0)


def _json_headers() -> dict[str, str]:
    return {"Content-Type": JSON_TYPE}


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer: `body` is sent as it is, under `headers`; a missing Content-Length is added.

    `delay` is the time in seconds before anything is sent. `drip` is (chunk size in bytes, seconds between
    two chunks). `drop` cuts the connection after the delay instead of answering.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=_json_headers)
    body: bytes = b""
    delay: float = 0.0
    drip: tuple[int, float] | None = None
    drop: bool = False

    @classmethod
    def json(cls, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Self:
        """Return an answer with `body` as JSON; NaN and Infinity are sent as those literals."""
        return cls(status, {**_json_headers(), **(headers or {})}, json.dumps(body).encode())


async def send(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Send `answer`, byte for byte and at its own pace."""
    await asyncio.sleep(answer.delay)
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    if answer.drop:
        if request.transport is not None:
            request.transport.abort()
        return response
    if response.content_length is None:
        response.content_length = len(answer.body)
    size, pause = answer.drip or _WHOLE
    with suppress(ConnectionError):  # the client may hang up in the middle of a hostile answer
        await response.prepare(request)
        for start in range(0, len(answer.body), size):
            if start:
                await asyncio.sleep(pause)
            await response.write(answer.body[start : start + size])
    return response


@lru_cache(maxsize=1)
def gzip_bomb(mebibytes: int = 400) -> Answer:
    """Return a gzip body of zeros that unpacks to `mebibytes`, about a thousand times its size."""
    # A block that ends in a full flush does not refer to earlier data, so one compressed block can be
    # repeated; compressing everything would take seconds.
    block = bytes(MEBIBYTE)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(mebibytes):
        checksum = zlib.crc32(block, checksum)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    size = mebibytes * MEBIBYTE % 2**32
    tail = packer.flush() + checksum.to_bytes(4, "little") + size.to_bytes(4, "little")
    return Answer(
        headers={**_json_headers(), "Content-Encoding": "gzip"}, body=head + packed * mebibytes + tail
    )


def huge_body(mebibytes: int = 32) -> Answer:
    """Return a valid JSON object whose message is `mebibytes` long."""
    return Answer(body=b'{"message": "' + b"x" * (mebibytes * MEBIBYTE) + b'"}')


def html_page(status: int = 200) -> Answer:
    """Return the HTML page of a proxy that expects a browser."""
    page = b"<!doctype html><html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>"
    return Answer(status, {"Content-Type": "text/html; charset=utf-8"}, page)


def deep_json(levels: int = 100_000) -> Answer:
    """Return valid JSON that overflows a recursive parser: `levels` nested arrays."""
    return Answer(body=b"[" * levels + b"]" * levels)


def redirect(to: str, status: int = 302) -> Answer:
    """Return a redirect to the absolute URL `to`, such as another origin that must not get the key."""
    return Answer(status, {"Location": to, "Content-Type": "text/plain"}, b"Moved")


def nan_progress(task_id: str) -> Answer:
    """Return a running task with progress NaN: invalid JSON, but Python's parser accepts it."""
    return Answer.json(
        {
            "id": task_id,
            "state": "running",
            "data": {"videos": []},
            "progress": float("nan"),
            "create_time": 1_700_000_000,
            "update_time": 1_700_000_000,
            "message": "",
            "action": "generate",
        }
    )


def error_envelope(code: int = 403, message: str = "invalid api key") -> Answer:
    """Return an error disguised as a success: the real status is in the body of a 200."""
    return Answer.json({"code": code, "msg": message})
