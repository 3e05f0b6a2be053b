"""The videos that go with a message: fetching them, and what the message says once it carries them.

A planned message knows nothing about videos, so that a crash repeats it to the letter; they are added when it
is sent.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bot.cards.render_parts import short_link
from bot.cards.results import replace_links
from bot.cards.text import CONTENT_LIMIT
from bot.core.outcome import Message
from bot.messages import ENGLISH
from bot.videos.downloader import VideoDownloader, VideoFile

UPLOADED_SECONDS: Final = 60.0
"""From the end of the task; a result not uploaded by then goes without videos, within 75 s in all."""
TOTAL: Final = 25 * 2**20
"""Bytes of all videos of a result, unless a single one may be larger."""
MOST_FILES: Final = 10
"""Files of one message (Discord's own limit)."""


@dataclass(frozen=True, slots=True)
class Videos:
    """The videos on disk by their links; `until` is when their upload must have ended (the loop's time)."""

    files: Mapping[str, VideoFile] = field(default_factory=dict)
    until: float = 0.0
    language: str = ENGLISH
    """In which their links are labelled."""

    def up_to(self, limit: int) -> "Videos":
        """Return those of at most `limit` bytes each."""
        return replace(self, files={url: file for url, file in self.files.items() if file.size <= limit})


async def fetch_videos(
    downloader: VideoDownloader, urls: Sequence[str], limit: int, stem: str, language: str
) -> Videos:
    """Fetch videos of at most `limit` bytes each; they are deleted when `until` has passed.

    `stem` begins the names of their files.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + UPLOADED_SECONDS
    files = await downloader.fetch(urls, limit, max(TOTAL, limit), stem)
    if files:
        # If the channel is closed to the bot, nothing may be sent for long: do not keep the files that long.
        loop.call_at(until, downloader.discard, list(files.values()))
    return Videos(files, until, language)


def with_attachments(message: Message, videos: Videos) -> tuple[str, list[VideoFile]]:
    """Return a message's content and the videos that go with it; their links are short and not unfurled."""
    linked = {*message.content.split("\n"), *message.urls_file}
    texts = bool(message.urls_file) + bool(message.error_file)
    carried = [file for url, file in videos.files.items() if url in linked][: MOST_FILES - texts]
    short = {file.url: short_link(videos.language, file.number, file.url) for file in carried}
    content = replace_links(message.content, short)
    # Only the plan of an older version can be too long: there, the links play beside the videos.
    return content if len(content) <= CONTENT_LIMIT else message.content, carried
