"""The file that says how far the last run has come, kept beside the data and its lock.

It holds the count of messages that were about to be sent. Data with a lower count is an older file that
somebody has copied into place (`bot.store.unconfirmed`). Without this file nobody knows.
"""

import os
import re
import time
from pathlib import Path
from typing import Final

from bot.store.ownership import beside

_NAME: Final = ".last-run"
_TOLERANCE: Final = 5.0
"""Seconds between the time in a mark and that of its file: one that was copied to its place says nothing."""


class LastRun:
    """The mark beside a database."""

    def __init__(self, database: Path) -> None:
        self.path: Final = beside(database, _NAME)

    def read(self) -> int | None:
        """Return the count, None if there is no mark that this bot has written here."""
        try:
            written = self.path.read_bytes()
            found = self.path.stat()
        except OSError:
            return None
        if (parts := re.fullmatch(rb"(\d{20}) (\d{20})\n", written)) is None:
            return None
        changed = max(found.st_ctime, found.st_mtime)  # on Windows the first is when it was made
        return int(parts[1]) if abs(changed - int(parts[2]) / 1e9) <= _TOLERANCE else None

    def write(self, count: int) -> None:
        """Note the count, in place: a full disk does not keep it from being written. Raises OSError."""
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.write(file, b"%020d %020d\n" % (count, time.time_ns()))
        finally:
            os.close(file)
