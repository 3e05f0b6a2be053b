"""The lock beside a database that lets one bot alone have it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import filelock

from bot.store.errors import AnotherBot
from bot.store.ownership import there, usable

PATIENCE: Final = 0.3
"""Seconds for which a lock is waited for: `is_held` takes it for a moment."""


def lock_of(database: Path) -> filelock.FileLock:
    """Return the lock of a database; the path must be resolved, or another name of the file escapes it."""
    return filelock.FileLock(f"{database}.lock")


def take(lock: filelock.BaseFileLock, database: Path, patience: float = PATIENCE) -> None:
    """Take the lock of a database.

    Raises:
        AnotherBot: a running bot holds it.
        OSError: there can be no lock file.
    """
    try:
        lock.acquire(timeout=patience, poll_interval=0.02)
    except filelock.Timeout:
        raise AnotherBot(
            f"another bot is running on {database}: stop it, or give this one its own DATABASE_URL"
        ) from None


@contextmanager
def held(database: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock of a database for a while; raises as `take` does."""
    lock = lock_of(database)
    take(lock, database, patience)
    try:
        yield
    finally:
        lock.release()


def is_held(database: Path) -> bool:
    """Tell whether a bot runs on a database; no lock file is made where there is none."""
    place = Path(lock_of(database.resolve()).lock_file)
    if not (there(place) and usable(place)):
        return False
    with suppress(OSError):
        try:
            with held(database.resolve(), patience=0):
                pass
        except AnotherBot:
            return True
    return False
