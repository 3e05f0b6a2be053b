"""Folders in the system's temporary one: each process on a machine has its own, empties it and reuses it.

The temporary folder is open to all users of the machine. What another user has made in it is never used.
"""

import os
import tempfile
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Final

import filelock

from bot.store.data_folder import empty_video_folder
from bot.store.errors import StoreUnusable


class TemporaryFolder:
    """The first folder for a name that no running process holds."""

    def __init__(self, name: str) -> None:
        named = sha256(name.encode()).hexdigest()[:12]
        self._parent: Final = Path(tempfile.gettempdir()) / f"veo-watch-bot-{_uid()}-{named}"
        self._lock: filelock.FileLock | None = None
        self.path = self._parent / "1"
        """Where it is, once it is held."""

    def hold(self) -> None:
        """Hold a folder until `release` or the end of the process, and empty it.

        Raises:
            StoreUnusable: there is none that this user may use.
        """
        _make(self._parent)
        for number in count(1):
            self.path = self._parent / str(number)
            lock = filelock.FileLock(self._parent / f"{number}.lock")
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                continue
            except OSError as error:
                raise StoreUnusable(
                    f"{self._parent} cannot be written ({error.strerror}): delete it"
                ) from None
            self._lock = lock
            empty_video_folder(self.path)
            return

    def release(self) -> None:
        if self._lock is not None:
            self._lock.release()


def _make(folder: Path) -> None:
    """Create a folder that only this user may use, unless there is one."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = folder.lstat().st_uid
    except OSError as error:
        text = f"{folder} cannot be made ({error.strerror}): delete it, or set TMPDIR to another folder"
        raise StoreUnusable(text) from None
    if owner != _uid():
        raise StoreUnusable(f"{folder} belongs to uid {owner}: delete it, or set TMPDIR to another folder")


def _uid() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0
