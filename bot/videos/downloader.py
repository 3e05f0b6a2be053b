"""Downloads finished videos to disk, so that a result still plays when its links have expired.

Only a complete video that fits is kept; any other stays a link. A misbehaving server causes no exception, and
every download has a time limit. `bot.videos.source` decides which addresses are allowed and what is a video.
"""

import asyncio
import logging
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import BinaryIO, Final, Self, TypeVar, TypeVarTuple

import aiohttp

from bot.store.data_folder import empty
from bot.videos.source import AddressPolicy, Refused, guarded_client, is_global, opened, why

log = logging.getLogger(__name__)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

SECONDS: Final = 15.0
"""For all downloads of one result together."""
MOST: Final = 9
"""Videos of one result: Discord takes ten files with a message, and one may be a list of links."""
PARALLEL: Final = 3
"""Downloads at a time for one result, so that slow servers delay only their own result."""
DISK_BYTES: Final = 512 * 2**20  # for all videos together
FREE_BYTES: Final = 256 * 2**20
"""These stay free on the disk, or on a small disk this share of it:"""
FREE_SHARE: Final = 0.05

DiskUsage = Callable[[Path], tuple[int, int, int]]
"""Returns the bytes of a disk as `shutil.disk_usage` does: total, used, free."""


@dataclass(frozen=True, slots=True)
class VideoFile:
    """Video `number` (from 1) of a result on disk, `size` bytes; `name` is what to upload it as."""

    url: str
    path: Path
    number: int
    name: str
    size: int


class DiskBudget:
    """Grants disk space to files, but never the last of it, which the database needs."""

    def __init__(self, folder: Path, usage: DiskUsage = shutil.disk_usage) -> None:
        self._folder: Final = folder
        self._usage: Final = usage
        self.claims: Final[dict[Path, tuple[int, int]]] = {}
        """By file: the bytes it may have in all, and those that are already on the disk."""

    def claim(self, path: Path, size: int, written: int) -> None:
        """Grant a file `size` bytes in all, of which `written` are on the disk, or raise Refused."""
        others = [claim for other, claim in list(self.claims.items()) if other != path]
        if sum(claimed for claimed, _ in others) + size > DISK_BYTES:
            raise Refused("the videos' share of the disk is used up")
        unwritten = size - written + sum(claimed - on_disk for claimed, on_disk in others)
        total, _, free = self._usage(self._folder)
        if free - unwritten < min(FREE_BYTES, total * FREE_SHARE):
            raise Refused("the disk is nearly full")
        self.claims[path] = (size, written)


@dataclass(slots=True)
class _Draft:
    """A file being written. The methods run in the disk's thread."""

    path: Path
    budget: DiskBudget
    size: int = 0
    _file: BinaryIO | None = None

    def claim(self, size: int) -> None:
        """Claim disk space for a video of `size` bytes, or raise Refused."""
        self.budget.claim(self.path, max(size, self.size), self.size)

    def write(self, chunk: bytes, size: int) -> None:
        """Write the next bytes of a video that is said to have `size`."""
        if self._file is None:
            self._file = self.path.open("xb")
        self.claim(max(size, self.size + len(chunk)))
        self._file.write(chunk)
        self.size += len(chunk)

    def close(self) -> None:
        """Flush the complete video to the file system."""
        self._close()
        self.claim(self.size)

    def delete(self) -> None:
        with suppress(OSError):  # data that a full disk did not accept is not needed
            self._close()
        self.budget.claims.pop(self.path, None)
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("a video could not be deleted", extra={"reason": why(error)})

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


@dataclass(slots=True)
class _Fetch:
    """What the downloads of one result share: their limits in bytes, and their turns."""

    http: aiohttp.ClientSession
    each: int
    total: int
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PARALLEL))
    taken: dict[int, int] = field(default_factory=dict)

    def claim(self, number: int, size: int) -> None:
        """Grant a video `size` bytes in all, or raise Refused."""
        if size > self.each:
            raise Refused("too large for the server")
        if sum(self.taken.values()) - self.taken.get(number, 0) + size > self.total:
            raise Refused("too large beside the others")
        self.taken[number] = size


class VideoDownloader:
    """Downloads videos into its own folder, which it empties on entry and exit; an async context manager.

    `disk` runs everything that touches files, by default in a thread; simulations run it inline. Leave the
    context only when nobody reads the files any more.
    """

    def __init__(
        self,
        folder: Path,
        *,
        may_connect: AddressPolicy = is_global,
        seconds: float = SECONDS,
        disk: Executor | None = None,
        usage: DiskUsage = shutil.disk_usage,
    ) -> None:
        self._folder: Final = folder
        self._budget: Final = DiskBudget(folder, usage)
        self._may_connect: Final = may_connect
        self._seconds: Final = seconds
        self._files: Final = count(1)
        self._running: Final[set[asyncio.Task[VideoFile | None]]] = set()
        self._http: aiohttp.ClientSession | None = None
        # A slow disk must not block the event loop, so files are accessed in a thread. It is a single one, so
        # that operations run in order: no file is closed or deleted during a write to it.
        self._disk: Final = disk or ThreadPoolExecutor(1, thread_name_prefix="videos")

    async def __aenter__(self) -> Self:
        """Empty the folder, or create it; raise OSError if that fails."""
        await self._on_disk(empty, self._folder)
        await self._on_disk(lambda: self._folder.mkdir(parents=True, exist_ok=True))
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
            log.warning("videos could not be deleted", extra={"reason": why(error)})
        self._disk.shutdown()

    async def fetch(self, urls: Iterable[str], each: int, total: int, stem: str) -> dict[str, VideoFile]:
        """Download videos of at most so many bytes each and in total; return the files by their links.

        Their names are the `stem` and a number from 1.
        A link that is missing could not be downloaded. The caller discards the files.
        """
        if self._http is None:
            raise RuntimeError("the downloader is used outside its context")
        fetch = _Fetch(self._http, each, total)
        tasks: list[asyncio.Task[VideoFile | None]] = []
        try:
            async with asyncio.TaskGroup() as group:
                for number, url in enumerate(list(dict.fromkeys(urls))[:MOST], 1):
                    tasks.append(group.create_task(self._download(fetch, url, f"{stem}-{number}", number)))
                self._running.update(tasks)
        except BaseException:  # cancelled: nobody will use the complete ones
            self.discard(_completed(tasks))
            raise
        finally:
            self._running.difference_update(tasks)
        return {file.url: file for file in _completed(tasks)}

    def discard(self, files: Iterable[VideoFile]) -> None:
        """Delete files, if they still exist."""
        for file in files:
            _Draft(file.path, self._budget).delete()

    def drop(self) -> None:
        """Delete all videos, including unfinished ones: something more important needs the disk."""
        for task in self._running:
            task.cancel()
        for path in list(self._budget.claims):
            _Draft(path, self._budget).delete()

    async def _download(self, fetch: _Fetch, url: str, name: str, number: int) -> VideoFile | None:
        draft = _Draft(self._folder / f"{next(self._files)}.part", self._budget)
        asked: list[str] = []
        file = None
        try:
            async with (
                asyncio.timeout(self._seconds),  # which includes the wait for a turn
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
            file = VideoFile(url, draft.path, number, f"{name}.{extension}", draft.size)
        except Exception as error:
            log.info("a video stays a link", extra={"host": " > ".join(asked), "reason": why(error)})
        finally:
            if file is None:
                fetch.taken.pop(number, None)
                # Shielded: a download that is cancelled here must still release its disk space.
                await asyncio.shield(self._on_disk(draft.delete))
        return file

    def _on_disk(self, work: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._disk, work, *args)


def _completed(tasks: Iterable[asyncio.Task[VideoFile | None]]) -> list[VideoFile]:
    ended = (task for task in tasks if task.done() and not task.cancelled() and task.exception() is None)
    return [file for task in ended if (file := task.result()) is not None]
