"""The HTTP client of the task API: sends requests with aiohttp and leaves reading to `bot.veo.protocol`."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Literal, Self

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError
from multidict import CIMultiDict
from yarl import URL

from bot.core.budget import Quota
from bot.core.task import Task
from bot.core.task_ids import is_task_id
from bot.http_client import USER_AGENT, make_connector, why_unanswered
from bot.veo.envelope import of_status
from bot.veo.errors import BrokenAnswer, KeyRefused, Unavailable, VeoError
from bot.veo.protocol import BODY_LIMIT, decode
from bot.veo.quotas import read_quotas, retry_after

TIMEOUT_SECONDS: Final = 15.0
"""Time limit of a whole request, so that a body that arrives byte by byte is cut off as well."""
CONNECTIONS: Final = 0
"""No limit beside that of the polls in flight: waiting for a connection would use up the time limit."""

AuthScheme = Literal["raw", "bearer"]


class VeoClient:
    """One session with the task API; use as an async context manager.

    `auth` is how the key is sent: `raw` without a prefix, `bearer` as `Bearer …`. `auto` tries the raw key
    first, then `Bearer` if that is refused, and remembers which was accepted.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        auth: Literal["auto", "raw", "bearer"] = "auto",
        *,
        clock: Callable[[], float] = time.time,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._base: Final = URL(base_url)
        self._path: Final = self._base.raw_path.rstrip("/") + "/v1/videos/tasks/"
        self._quoted: Final = {key.encode(), key.replace("/", r"\/").encode()}  # as JSON may quote it
        common = {"Accept": "application/json", "User-Agent": USER_AGENT}
        self._headers: Final = {
            "raw": CIMultiDict({"Authorization": key, **common}),
            "bearer": CIMultiDict({"Authorization": f"Bearer {key}", **common}),
        }
        self._scheme: AuthScheme = "bearer" if auth == "bearer" else "raw"
        self._scheme_is_known = auth != "auto"
        self._clock: Final = clock
        self._timeout_seconds: Final = timeout_seconds
        self._session: aiohttp.ClientSession | None = None
        self.on_quotas: Callable[[list[Quota], float], None] = lambda _quotas, _now: None
        """Is passed what the headers of each answer say about the requests that are left."""
        self.before_second_try: Callable[[], Awaitable[None]] = _at_once
        """Is awaited before a poll sends another request."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=make_connector(CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=None),  # one limit for all of it: `_request`
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def poll(self, task_id: str, known: Task | None = None) -> Task:
        """Ask for one task; return `known`, an earlier answer, if the body has not changed.

        Raises:
            ValueError: `task_id` is not a task id; nothing was sent.
            VeoError: the API returned no task.
        """
        if not is_task_id(task_id):
            raise ValueError("not a task id")
        scheme = self._scheme
        try:
            return await self._request(task_id, known, scheme)
        except KeyRefused:
            # Meanwhile another poll may have learned which form of the key is accepted.
            if self._scheme_is_known and scheme == self._scheme:
                raise
        await self.before_second_try()
        return await self._request(task_id, known, "raw" if scheme == "bearer" else "bearer")

    async def _request(self, task_id: str, known: Task | None, scheme: AuthScheme) -> Task:
        if self._session is None:
            raise RuntimeError("the client is used outside its context")
        response: aiohttp.ClientResponse | None = None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                # Redirects are not followed: aiohttp would send the key to another origin.
                response = await self._session.get(
                    self._base.with_path(
                        self._path + task_id, encoded=True
                    ),  # not parsed again: a third of the time
                    headers=self._headers[scheme],
                    allow_redirects=False,
                    middlewares=(self._counted(),),
                )
                if quotas := read_quotas(response.headers, self._clock()):
                    self.on_quotas(quotas, self._clock())
                body = await _read(response)
        except TimeoutError:
            raise Unavailable("no answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Not chained: the repr of some of these errors contains the request's headers.
            raise _unread(error, response, self._clock()) from None
        # A server may quote our key in its message, which people will see.
        for form in self._quoted:
            body = body.replace(form, b"***")
        task = decode(response.status, response.headers, body, task_id, self._clock(), known=known)
        # Only a task proves that the key was accepted: some servers return 404 for a wrong key.
        if not self._scheme_is_known:
            self._scheme, self._scheme_is_known = scheme, True
        return task

    def _counted(self) -> aiohttp.ClientMiddlewareType:
        """Return what holds back the request that aiohttp sends by itself once a connection was cut."""
        is_first = True

        async def send(
            request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            nonlocal is_first
            if not is_first:
                await self.before_second_try()
            is_first = False
            return await handler(request)

        return send


async def _at_once() -> None:
    pass


class _TooLong(ValueError):
    """A body is longer than `BODY_LIMIT`."""


def _unread(error: Exception, response: aiohttp.ClientResponse | None, now: float) -> VeoError:
    """Return the error for a response that is incomplete or cannot be decompressed."""
    text = str(error) if isinstance(error, _TooLong) else f"no answer: {why_unanswered(error)}"
    if response is None:
        return Unavailable(text)
    damaged = isinstance(error, _TooLong) or isinstance(error.__cause__, ContentEncodingError)
    known = of_status(response.status, retry_after(response.headers, now))
    return known or (BrokenAnswer if damaged else Unavailable)(text)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Read a body in chunks, so that a compression bomb is stopped at `BODY_LIMIT` bytes.

    Raises:
        _TooLong: it is longer.
    """
    body = bytearray()
    async with response:  # closes the connection if the body is not read completely
        async for chunk in response.content.iter_chunked(64 * 1024):
            body += chunk
            if len(body) > BODY_LIMIT:
                raise _TooLong(f"the answer is longer than {BODY_LIMIT} bytes")
    return bytes(body)
