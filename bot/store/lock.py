"""The lock beside a database that lets one bot alone have it."""

from contextlib import suppress
from pathlib import Path

import filelock

from bot.store.ownership import there, usable


def lock_of(database: Path) -> filelock.FileLock:
    """Return the lock of a database; the path must be resolved, or another name of the file escapes it."""
    return filelock.FileLock(f"{database}.lock")


def is_held(database: Path) -> bool:
    """Tell whether a bot runs on a database; no lock file is made where there is none."""
    lock = lock_of(database.resolve())
    place = Path(lock.lock_file)
    if not (there(place) and usable(place)):
        return False
    with suppress(OSError):
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return True
        lock.release()
    return False
