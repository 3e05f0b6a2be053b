"""A backup put back in the place of the data, while no bot runs on it.

What is replaced is kept beside it, with what its log of writes (WAL) held. A crash on the way leaves the
earlier data or the backup in place, never a mixture of both.
"""

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from bot.store.backup import sync
from bot.store.errors import StoreError, StoreUnusable
from bot.store.lock import held
from bot.store.ownership import refused, there, whose
from bot.store.readonly import EMPTY, Examined, examined, why_unreadable

ASIDE: Final = ".replaced"
"""What the name of the earlier data gets."""
_WANTED: Final = "name a file that `backup` wrote"
_LOGS: Final = ("-wal", "-shm")


class RestoreFailed(StoreError):
    """The data is as it was; the text says why and what to do."""


def restore(backup: Path, database: Path) -> Path | None:
    """Put a backup in the place of a database; return where the earlier data is now, None if there was none.

    Raises:
        RestoreFailed, StoreUnusable, AnotherBot: the data is as it was.
    """
    backup, database = backup.resolve(), database.resolve()
    if (why := why_unreadable(backup, _WANTED)) is not None:
        raise RestoreFailed(why)
    found = Examined(EMPTY) if backup == database else examined(backup)
    if found.fault is not None or found.version == EMPTY:
        raise RestoreFailed(f"{found.fault or f'{backup} is no backup'}: {_WANTED}")
    if closed := refused(database):
        raise StoreUnusable(f"{closed[0]} cannot be written: {whose(closed, database.parent)}")
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with held(database):
            return _replace(backup, database)
    except OSError as error:
        raise RestoreFailed(f"cannot write in {database.parent} ({error.strerror})") from None


def _replace(backup: Path, database: Path) -> Path | None:
    part = database.with_name(f"{database.name}.part")
    _copy(backup, part)
    aside = None
    if there(database):
        aside = database.with_name(f"{database.name}{ASIDE}")
        with suppress(sqlite3.Error), closing(sqlite3.connect(database)) as earlier:
            earlier.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # a whole file needs no log of writes
        for ending in _LOGS:
            _beside(aside, ending).unlink(missing_ok=True)
        for ending in ("", "-wal"):
            if there(_beside(database, ending)):
                _copy(_beside(database, ending), _beside(aside, ending))
    for ending in _LOGS:
        _beside(database, ending).unlink(missing_ok=True)
    part.replace(database)
    sync(database.parent)
    return aside


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}{ending}")


def _copy(source: Path, target: Path) -> None:
    """Copy a file so that it is on the disk, for nobody else to read."""
    target.unlink(missing_ok=True)
    target.touch(mode=0o600, exist_ok=False)
    shutil.copyfile(source, target)
    sync(target)
