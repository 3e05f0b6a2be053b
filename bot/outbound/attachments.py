"""Results that carry their videos: which are fetched, and how a message goes with those there are.

A planned message knows nothing of files, so that a crash repeats it to the letter; they are added when it is
sent. A video is never a reason for a result to wait longer than its fetch and its upload may take.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from bot.cards.text import CONTENT_LIMIT
from bot.core.card import Card
from bot.core.delivery import Message
from bot.core.watch import Watch
from bot.videos.downloader import VideoDownloader, VideoFile

UPLOADED_SECONDS: Final = 60.0
"""After the end was seen: what is not uploaded by then goes without videos, in time for 75 s in all."""
TOTAL: Final = 25 * 2**20
"""Bytes of all videos of a result, unless a single one may be larger."""


@dataclass(frozen=True, slots=True)
class Videos:
    """The videos on disk by their links; `until` is when their upload must have ended (the loop's time)."""

    files: Mapping[str, VideoFile] = field(default_factory=dict)
    until: float = 0.0

    def up_to(self, limit: int) -> "Videos":
        """Return those of at most `limit` bytes each."""
        return Videos({url: file for url, file in self.files.items() if file.size <= limit}, self.until)


class Preparation(Protocol):
    """What happens before a result takes its turn in the channel, and is cleared away after it."""

    async def prepare(self, card: Card, watch: Watch) -> Videos:
        """Return what the result shall carry."""

    def discard(self, videos: Videos) -> None:
        """Clear away what a result has carried."""


class NoCopies:
    """Results carry links alone."""

    async def prepare(self, _card: Card, _watch: Watch) -> Videos:
        return Videos()

    def discard(self, _videos: Videos) -> None:
        pass


class VideoCopies:
    """Results carry the videos that fit; `limit_of` returns a server's limit for each file."""

    def __init__(self, limit_of: Callable[[int], int], downloader: VideoDownloader) -> None:
        self._limit_of: Final = limit_of
        self._copier: Final = downloader

    async def prepare(self, card: Card, watch: Watch) -> Videos:
        task = watch.outcome.task if watch.outcome is not None else None
        if task is None or not task.videos:
            return Videos()
        until = asyncio.get_running_loop().time() + UPLOADED_SECONDS
        limit = self._limit_of(card.guild_id)
        files = await self._copier.fetch(task.videos, limit, max(TOTAL, limit))
        if not files:
            return Videos()
        # Where nothing is tried for long, the channel being closed to us for now, nothing is kept for long.
        asyncio.get_running_loop().call_at(until, self._copier.discard, list(files.values()))
        return Videos(files, until)

    def discard(self, videos: Videos) -> None:
        self._copier.discard(videos.files.values())


def with_attachments(message: Message, videos: Videos) -> tuple[str, list[VideoFile]]:
    """Return a message's content and the videos that go with it; their links are not unfurled as well."""
    lines = message.content.splitlines()
    carried = [videos.files[line] for line in lines if line in videos.files]
    # Two characters more a link: where they do not fit, the message goes with its links alone.
    content = "\n".join(f"<{line}>" if line in videos.files else line for line in lines)
    return (content, carried) if len(content) <= CONTENT_LIMIT else (message.content, [])
