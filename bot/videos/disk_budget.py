"""How much of the disk videos may take: so much in all, and never the last of it, which the database needs.

Not for the loop's thread: it asks the file system. One thread at a time may claim.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from bot.videos.source import Refused

MOST: Final = 512 * 2**20
"""Bytes of all videos together."""
SPARED: Final = 256 * 2**20
"""Bytes that stay free on the disk, or on a small one that share of it:"""
SPARED_SHARE: Final = 0.05


class DiskUsage(Protocol):
    """What `shutil.disk_usage` returns, in bytes."""

    @property
    def total(self) -> int: ...
    @property
    def free(self) -> int: ...


class _Claim(NamedTuple):
    size: int
    written: int


class DiskBudget:
    """Gives out the disk's space to files in a folder; `usage` says how the disk is."""

    def __init__(self, folder: Path, usage: Callable[[Path], DiskUsage] = shutil.disk_usage) -> None:
        self._folder: Final = folder
        self._usage: Final = usage
        self._claims: dict[Path, _Claim] = {}

    @property
    def files(self) -> list[Path]:
        """The files that have space."""
        return list(self._claims)

    def claim(self, path: Path, size: int, written: int) -> None:
        """Let a file have `size` bytes in all, of which `written` are on the disk, or refuse it."""
        others = [claim for other, claim in list(self._claims.items()) if other != path]
        if sum(claim.size for claim in others) + size > MOST:
            raise Refused("the videos' share of the disk is used up")
        unwritten = size - written + sum(claim.size - claim.written for claim in others)
        usage = self._usage(self._folder)
        if usage.free - unwritten < min(SPARED, usage.total * SPARED_SHARE):
            raise Refused("the disk is nearly full")
        self._claims[path] = _Claim(size, written)

    def release(self, path: Path) -> None:
        """Have a file's space back; for any thread."""
        self._claims.pop(path, None)
