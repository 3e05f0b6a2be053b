"""Answers about renders that have already ended: links at once, their videos by one edit.

The first message shows no previews, so that no video plays twice. If none can be attached, the edit makes the
links bare, and Discord plays what they lead to.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from bot.cards.results import answer_message, replace_links
from bot.clock import WaitHook, WakeUp
from bot.commands.response import Response
from bot.commands.response_requests import RequestFailed, repeat
from bot.core.names import file_stem
from bot.core.outcome import Message
from bot.core.task import Task
from bot.outbound.attachments import Videos, fetch_videos, with_attachments
from bot.outbound.discord_errors import describe
from bot.outbound.files import opened, text_files
from bot.outbound.rest import NOBODY
from bot.outbound.uploads import UploadSlots
from bot.videos.downloader import VideoDownloader, VideoFile

log = logging.getLogger(__name__)

BARE_SECONDS: Final = 5.0
"""An edit that comes before a message's previews may be undone by them (discord-api-docs#7060)."""
AT_ONCE: Final = 2
"""Answers that get their videos at a time: one upload slot is always left to results."""
TURN_SECONDS: Final = 15.0
"""How long an answer waits for its turn; after that it keeps its links."""


class EndedRenders:
    """Answers about tasks after one poll, and adds their videos."""

    def __init__(self, downloader: VideoDownloader | None, slots: UploadSlots, wait: WaitHook) -> None:
        self._downloader: Final = downloader
        self._slots: Final = slots
        self._wait: Final = wait
        self._turns: Final = asyncio.Semaphore(AT_ONCE)
        self._running: Final[set[asyncio.Task[None]]] = set()

    async def answer(
        self, response: Response, tasks: Sequence[tuple[Task, str]], *, follow_up: bool = False
    ) -> None:
        """Send a message about each task and its name; `follow_up`: after the first message.

        Raises:
            ResponseFailed: one could not be sent.
        """
        language = response.channel_language
        messages = [answer_message(task, language, response.asked_at, name) for task, name in tasks]
        quiet = [
            replace(message, content=replace_links(message.content, {url: f"<{url}>" for url in task.videos}))
            for message, (task, _) in zip(messages, tasks, strict=True)
        ]
        sent = await (response.send_more(quiet) if follow_up else response.send_public(quiet))
        for message_id, message, (task, name) in zip(sent, messages, tasks, strict=True):
            if task.videos:
                work = asyncio.create_task(self._complete(response, message_id, message, task, name))
                self._running.add(work)
                work.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Leave the answers as they are: their links lead to the videos."""
        for work in self._running:
            work.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _complete(
        self, response: Response, message_id: int, message: Message, task: Task, name: str
    ) -> None:
        loop = asyncio.get_running_loop()
        sent_at = loop.time()
        about: dict[str, object] = {"task": task.id}
        try:
            if await self._attach(response, message_id, message, task, name):
                return
        except Exception as error:
            log.info("an answer stays without its videos", extra=about | {"refusal": describe(error)})
        await WakeUp(self._wait).sleep(sent_at + BARE_SECONDS - loop.time())
        try:
            # If only the answer to an upload was lost, its videos go: they would play beside their links.
            await _edit(response, message_id, message)
        except RequestFailed as error:
            log.info("the links of an answer stay quiet", extra=about | {"refusal": describe(error)})

    async def _attach(
        self, response: Response, message_id: int, message: Message, task: Task, name: str
    ) -> bool:
        """Add a message's videos; return whether there are any that its server takes."""
        if self._downloader is None:
            return False
        async with asyncio.timeout(TURN_SECONDS):
            await self._turns.acquire()
        videos = Videos()
        try:
            limit, stem = response.interaction.filesize_limit, file_stem(name, task.id)
            language = response.channel_language
            videos = await fetch_videos(self._downloader, task.videos, limit, stem, language)
            content, carried = with_attachments(message, videos)
            if carried:
                size = sum(video.size for video in carried)
                attached = replace(message, content=content)
                await self._slots.run(
                    size, videos.until, lambda: _upload(response, message_id, attached, carried)
                )
            return bool(carried)
        finally:
            self._turns.release()
            self._downloader.discard(videos.files.values())


async def _upload(response: Response, message_id: int, message: Message, videos: Sequence[VideoFile]) -> int:
    edited = await response.interaction.followup.edit_message(
        message_id,
        content=message.content,
        attachments=[*opened(videos), *text_files(message)],
        allowed_mentions=NOBODY,
    )
    return edited.id


async def _edit(response: Response, message_id: int, message: Message) -> None:
    def by(request: Callable[..., Awaitable[object]]) -> Callable[[], Awaitable[object]]:
        return lambda: request(
            content=message.content, attachments=text_files(message), allowed_mentions=NOBODY
        )

    followup = response.interaction.followup
    await repeat(
        by(lambda **fields: followup.edit_message(message_id, **fields)),
        by(response.message_by_bot(message_id).edit),
    )
