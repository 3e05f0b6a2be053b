"""Copies of finished videos on disk, so that a result still plays when its links have expired.

A copy is made only of a whole video that fits; everything else stays a link. Nothing that a server does is
raised from here, and a fetch ends in its time. What may be asked, and what a video is: `bot.videos.source`.
"""

import asyncio
import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import BinaryIO, Final, Self, TypeVar, TypeVarTuple

import aiohttp

from bot.store.data_folder import empty
from bot.videos.disk_budget import DiskBudget, DiskUsage
from bot.videos.source import AddressPolicy, Refused, guarded_client, is_global, opened, why

log = logging.getLogger(__name__)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

SECONDS: Final = 15.0
"""For a whole fetch, however many videos."""
MOST: Final = 9
"""Videos of one fetch: Discord takes ten files with a message, one place is left for a list of links."""
PARALLEL: Final = 3
"""Downloads at a time in one fetch, so that slow servers hold up no fetch but their own."""


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A video on disk, `size` bytes; `name` is what to upload it as, such as `video-1.mp4`."""

    url: str
    path: Path
    name: str
    size: int


@dataclass(slots=True)
class _Draft:
    """A file in the making; the methods are for the disk's thread."""

    path: Path
    budget: DiskBudget
    size: int = 0
    _file: BinaryIO | None = None

    def claim(self, size: int) -> None:
        """Have space on the disk for a whole video, or raise Refused."""
        self.budget.claim(self.path, max(size, self.size), self.size)

    def write(self, chunk: bytes, size: int) -> None:
        """Write some more of a video that is said to have so many bytes."""
        if self._file is None:
            self._file = self.path.open("xb")
        self.budget.claim(self.path, max(size, self.size + len(chunk)), self.size)
        self._file.write(chunk)
        self.size += len(chunk)

    def close(self) -> None:
        """Have the whole of it on the disk."""
        self._close()
        self.claim(self.size)

    def delete(self) -> None:
        with suppress(OSError):  # what a full disk has not taken is not missed
            self._close()
        self.budget.release(self.path)
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("a copy could not be deleted", extra={"reason": why(error)})

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


@dataclass(slots=True)
class _Fetch:
    """What the downloads of one fetch share: limits in bytes, and turns."""

    http: aiohttp.ClientSession
    each: int
    total: int
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PARALLEL))
    taken: dict[int, int] = field(default_factory=dict)

    def claim(self, number: int, size: int) -> None:
        """Let a video have `size` bytes in all, or refuse it."""
        if size > self.each:
            raise Refused("too large for the server")
        if sum(self.taken.values()) - self.taken.get(number, 0) + size > self.total:
            raise Refused("too large beside the others")
        self.taken[number] = size


class VideoDownloader:
    """Fetches videos into a folder of its own, which it empties at both ends; an async context manager.

    `disk` runs what touches files, by default in a thread; a simulation runs it inline. `usage` says how full
    the disk is.
    Leave the context when nobody reads copies any more.
    """

    def __init__(
        self,
        folder: Path,
        *,
        may_connect: AddressPolicy = is_global,
        seconds: float = SECONDS,
        most: int = MOST,
        disk: Executor | None = None,
        usage: Callable[[Path], DiskUsage] = shutil.disk_usage,
    ) -> None:
        self._folder: Final = folder
        self._budget: Final = DiskBudget(folder, usage)
        self._may_connect: Final = may_connect
        self._seconds: Final = seconds
        self._most: Final = most
        self._files: Final = count(1)
        self._running: Final[set[asyncio.Task[VideoFile | None]]] = set()
        self._http: aiohttp.ClientSession | None = None
        # A disk that stalls must not hold up the bot, so files are touched in a thread; in one thread, so
        # that it happens in order: no file is closed or deleted under a write that still goes on.
        self._disk: Final = disk or ThreadPoolExecutor(1, thread_name_prefix="copies")

    async def __aenter__(self) -> Self:
        """Empty the folder, making it if need be; raise OSError if that is impossible."""
        await self._on_disk(_make, self._folder)
        self._http = guarded_client(self._may_connect)
        return self

    async def __aexit__(self, *_: object) -> None:
        http, self._http = self._http, None
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if http is not None:
            await http.close()
        try:
            await self._on_disk(empty, self._folder)
        except OSError as error:
            log.warning("copies could not be deleted", extra={"reason": why(error)})
        self._disk.shutdown()

    async def fetch(self, urls: Sequence[str], each: int, total: int) -> dict[str, VideoFile]:
        """Return copies by their links, of at most so many bytes each and in total, in the time of a fetch.

        A link that is missing has no copy. The caller discards the copies.
        """
        if self._http is None:
            raise RuntimeError("the downloader is used outside its context")
        fetch = _Fetch(self._http, each, total)
        tasks: list[asyncio.Task[VideoFile | None]] = []
        try:
            async with asyncio.TaskGroup() as group:
                for number, url in enumerate(list(dict.fromkeys(urls))[: self._most], 1):
                    tasks.append(group.create_task(self._copy(fetch, url, number)))
                self._running.update(tasks)
        except BaseException:  # cancelled: nobody takes what is there already
            self.discard(_made(tasks))
            raise
        finally:
            self._running.difference_update(tasks)
        return {copy.url: copy for copy in _made(tasks)}

    def discard(self, copies: Iterable[VideoFile]) -> None:
        """Delete the files of copies; one that is gone already is no fault."""
        for copy in copies:
            _Draft(copy.path, self._budget).delete()

    def drop(self) -> None:
        """Delete every video, also those that are being fetched: the disk is needed for something else."""
        for task in self._running:
            task.cancel()
        for path in self._budget.files:
            _Draft(path, self._budget).delete()

    async def _copy(self, fetch: _Fetch, url: str, number: int) -> VideoFile | None:
        draft = _Draft(self._folder / f"{next(self._files)}.part", self._budget)
        asked: list[str] = []
        copy = None
        try:
            async with (
                asyncio.timeout(self._seconds),  # waiting for a turn counts
                fetch.turns,
                opened(fetch.http, url, asked) as video,
            ):
                fetch.claim(number, video.length)
                await self._on_disk(draft.claim, video.length)
                extension, chunk = await video.begin()
                while chunk:
                    fetch.claim(number, max(video.length, draft.size + len(chunk)))
                    await self._on_disk(draft.write, chunk, video.length)
                    chunk = await video.more()
                await self._on_disk(draft.close)
            copy = VideoFile(url, draft.path, f"video-{number}.{extension}", draft.size)
        except Exception as error:
            log.info("a video stays a link", extra={"host": " > ".join(asked), "reason": why(error)})
        finally:
            if copy is None:
                fetch.taken.pop(number, None)
                await asyncio.shield(self._on_disk(draft.delete))
        return copy

    def _on_disk(self, work: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._disk, work, *args)


def _made(tasks: Iterable[asyncio.Task[VideoFile | None]]) -> list[VideoFile]:
    ended = (task for task in tasks if task.done() and not task.cancelled() and task.exception() is None)
    return [copy for task in ended if (copy := task.result()) is not None]


def _make(folder: Path) -> None:
    """Have an empty folder."""
    empty(folder)
    folder.mkdir(parents=True, exist_ok=True)
