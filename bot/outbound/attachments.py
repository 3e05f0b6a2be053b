"""Videos that go with a result: fetching them, and attaching them to a message.

A planned message knows nothing about files, so that a crash repeats it to the letter; they are added when it
is sent. A video never delays a result for longer than its download and its upload may take.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.cards.text import CONTENT_LIMIT
from bot.core.outcome import Message
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


async def fetch_videos(downloader: VideoDownloader, urls: Sequence[str], limit: int) -> Videos:
    """Fetch the videos of a result, each of at most `limit` bytes; they are deleted after their time."""
    loop = asyncio.get_running_loop()
    until = loop.time() + UPLOADED_SECONDS
    files = await downloader.fetch(urls, limit, max(TOTAL, limit))
    if files:
        # Where nothing is sent for long, because the channel is closed to the bot, nothing is kept for long.
        loop.call_at(until, downloader.discard, list(files.values()))
    return Videos(files, until)


def with_attachments(message: Message, videos: Videos) -> tuple[str, list[VideoFile]]:
    """Return a message's content and the videos that go with it; their links are not unfurled as well."""
    lines = message.content.splitlines()
    carried = [videos.files[line] for line in lines if line in videos.files]
    # Two characters more a link: where they do not fit, the message goes with its links alone.
    content = "\n".join(f"<{line}>" if line in videos.files else line for line in lines)
    return (content, carried) if len(content) <= CONTENT_LIMIT else (message.content, [])
