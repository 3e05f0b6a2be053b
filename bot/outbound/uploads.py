"""Uploads of videos: which files a server accepts, how long that may take, how many run at a time.

No result is lost or late because of an upload: if anything goes wrong, `NotUploaded` is raised in time to
send the message without files, after at most two uploads.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final, TypeVar

import discord

from bot.core.outcome import Message
from bot.core.watch import Card
from bot.outbound.attachments import Videos, with_attachments
from bot.outbound.discord_errors import (
    NOT_THE_FILES,
    ErrorAction,
    certainly_unsent,
    describe,
    error_action,
)
from bot.outbound.rest import DiscordRest

T = TypeVar("T")
log = logging.getLogger(__name__)

SLOTS: Final = 3
"""Concurrent uploads, few enough to finish in time on a slow connection."""
START_SECONDS: Final = 10.0
SLOWEST: Final = 250_000
"""Bytes per second of the slowest connection that is good enough for videos."""
LONGEST_SECONDS: Final = 45.0

MEBIBYTE: Final = 2**20
USUAL_LIMIT: Final = 20 * MEBIBYTE
"""Bytes that a file may have in most servers since 2026 (discord-api-docs#8578); discord.py says 10."""
SAFE_LIMIT: Final = 10 * MEBIBYTE
"""Bytes that a file may have in every server."""
REMEMBERED_SECONDS: Final = 24 * 3600.0


class NotUploaded(Exception):
    """A message could not be sent with its videos; `perhaps_sent` unless it is certainly not there."""

    def __init__(self, reason: str, *, perhaps_sent: bool) -> None:
        super().__init__(reason)
        self.perhaps_sent = perhaps_sent


class NoTimeLeft(Exception):
    """An upload was not started because it could not have finished in time."""


def upload_seconds(size: int) -> float:
    """Return how long an upload may take, waiting for a slot included."""
    return min(LONGEST_SECONDS, START_SECONDS + size / SLOWEST)


class UploadLimits:
    """How large a file may be in each server: the boost level's limit, or less after a refusal."""

    def __init__(self, client: discord.Client, clock: Callable[[], float] | None = None) -> None:
        self._client: Final = client
        self._clock = clock
        self._learned: dict[int, tuple[int, float]] = {}
        """By server: the limit, and when it expires."""

    def certain(self, guild_id: int) -> int:
        """Return the size that a server certainly accepts, unless it has just refused it."""
        guild = self._client.get_guild(guild_id)
        known = guild.filesize_limit if guild is not None else SAFE_LIMIT
        return min(known, self._taught(guild_id, known))

    def likely(self, guild_id: int) -> int:
        """Return the size to try first."""
        guild = self._client.get_guild(guild_id)
        known = max(USUAL_LIMIT, guild.filesize_limit if guild is not None else 0)
        return min(known, self._taught(guild_id, known))

    def learn(self, guild_id: int, size: int) -> None:
        """Remember for a day that a server has refused a single file of this size."""
        self._learned[guild_id] = (max(SAFE_LIMIT, size - 1), self._now() + REMEMBERED_SECONDS)

    def _taught(self, guild_id: int, otherwise: int) -> int:
        limit, until = self._learned.get(guild_id, (otherwise, 0.0))
        return limit if until > self._now() else otherwise

    def _now(self) -> float:
        return self._clock() if self._clock is not None else asyncio.get_running_loop().time()


class UploadSlots:
    """Runs a few uploads at a time, each within its time; the longest waiting goes first."""

    def __init__(self) -> None:
        self._free: Final = asyncio.Semaphore(SLOTS)
        self._seconds_a_byte = 0.0
        """Measured by the upload that ended last."""

    async def run(self, size: int, until: float, upload: Callable[[], Coroutine[Any, Any, int]]) -> int:
        """Return what `upload` returns, if it ends by `until` (the loop's time) and within its own time.

        Raises:
            NoTimeLeft: it was not started.
            TimeoutError: it was cancelled.
        """
        loop = asyncio.get_running_loop()
        asked = loop.time()
        whole = upload_seconds(size)
        until = min(until, asked + whole)
        try:
            async with asyncio.timeout_at(until):
                await self._free.acquire()
        except TimeoutError:
            raise NoTimeLeft from None
        try:
            began = loop.time()
            # If the connection is too slow for all of them, an upload that has waited this long would be
            # cancelled near its end, and so would all after it. One with all its time left may try.
            if until - began < min(size * self._seconds_a_byte, whole - 1.0):
                raise NoTimeLeft
            try:
                sent = await finish_within(until - began, upload())
            except TimeoutError:
                self._seconds_a_byte = (loop.time() - began) / max(1, size)
                raise
            self._seconds_a_byte = (loop.time() - began) / max(1, size)
            return sent
        finally:
            self._free.release()


async def finish_within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns, or cancel it when its time is over.

    Raises:
        TimeoutError: it took too long; its request may still take effect.
    """
    task = asyncio.ensure_future(work)
    try:
        # Not `asyncio.timeout`: discord.py may hold on to a cancelled request until its limit is over.
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


class Uploads:
    """Posts messages with videos."""

    def __init__(self, rest: DiscordRest, limits: UploadLimits, slots: UploadSlots) -> None:
        self._rest: Final = rest
        self.limits: Final = limits
        self._slots: Final = slots

    async def post(self, card: Card, message: Message, nonce: str, videos: Videos) -> int:
        """Send a message with those of its videos that its server accepts; return its id.

        Raises:
            NotUploaded: send it without files.
            discord.HTTPException: it would be refused without files as well.
        """
        videos = videos.up_to(self.limits.likely(card.guild_id))
        try:
            return await self._post(card, message, nonce, videos)
        except discord.HTTPException as error:
            if error.code in NOT_THE_FILES:
                raise
            if error_action(error) is not ErrorAction.TOO_LARGE:
                raise _not_uploaded(error) from None
            sizes = [video.size for video in with_attachments(message, videos)[1]]
            if len(sizes) == 1:
                self.limits.learn(card.guild_id, sizes[0])
            log.info("a server refused files for their size", extra={"card": card.id, "bytes": sizes})
        except Exception as error:
            raise _not_uploaded(error) from None
        try:
            return await self._post(card, message, nonce, videos.up_to(self.limits.certain(card.guild_id)))
        except Exception as error:
            raise _not_uploaded(error) from None

    async def _post(self, card: Card, message: Message, nonce: str, videos: Videos) -> int:
        content, files = with_attachments(message, videos)
        if not files:
            raise NotUploaded("too large for the server", perhaps_sent=False)
        size = sum(video.size for video in files)
        message = replace(message, content=content)
        return await self._slots.run(
            size, videos.until, lambda: self._rest.post(card, message, nonce, videos=files)
        )


def _not_uploaded(error: Exception) -> NotUploaded:
    if isinstance(error, NotUploaded):
        return error
    unsent = certainly_unsent(error) or isinstance(error, NoTimeLeft | FileNotFoundError)
    return NotUploaded(describe(error), perhaps_sent=not unsent)
