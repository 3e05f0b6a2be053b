"""The files of a message as discord.py takes them: videos from disk, and texts that do not fit into it."""

import io
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import discord

from bot.cards.results import ERROR_FILE, URLS_FILE
from bot.core.outcome import Message
from bot.videos.downloader import VideoFile


class NotRepeated(Exception):
    """A request with videos has failed, and discord.py has not sent it again."""


class _VideoFile(discord.File):
    """A file that prevents retries, and whose name people see in their own script.

    discord.py rewinds files before a retry; this one then raises. Discord keeps only the ASCII letters and
    digits of a file's name (discord.js#11302); an attachment's `title` keeps all, without the ending.
    """

    def reset(self, *, seek: int | bool = True) -> None:
        if seek:
            raise NotRepeated
        super().reset(seek=seek)

    def to_dict(self, index: int) -> dict[str, Any]:
        titled = {} if self.filename.isascii() else {"title": PurePath(self.filename).stem}
        return {**super().to_dict(index), **titled}


def text_files(message: Message) -> list[discord.File]:
    """Return a message's texts that are files. A request reads them to their end, so each needs new ones."""
    urls = "".join(f"{url}\n" for url in message.urls_file)
    texts = {URLS_FILE: urls, ERROR_FILE: message.error_file}
    return [discord.File(io.BytesIO(text.encode()), name) for name, text in texts.items() if text]


def opened(videos: Sequence[VideoFile]) -> list[discord.File]:
    """Open videos for one request, which discord.py does not repeat."""
    files: list[discord.File] = []
    try:
        for video in videos:
            files.append(_VideoFile(video.path, video.name))  # noqa: PERF401  # what is open must be closed
    except OSError:
        for file in files:
            file.close()
        raise
    return files
