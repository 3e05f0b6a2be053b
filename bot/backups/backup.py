"""A consistent copy of the database while the bot runs on it.

`VACUUM INTO` reads one snapshot, does not block the bot's writes (the file is in WAL mode), and writes a
single file without free pages. The copy gets its name only once it is complete and on the disk.
"""

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from bot.store.data_folder import beside, exists, real_path
from bot.store.errors import StoreError
from bot.store.readonly import Kind, examine, reading, why_unreadable
from bot.store.unconfirmed import mark_copy


class BackupFailed(StoreError):
    """No copy was made; the text says why and what to do."""


def back_up(database: Path, target: Path, at: float) -> Path:
    """Copy a database to a new file and return that; `at` is now in Unix seconds.

    If `target` is a folder, the file in it is named after the time.

    Raises:
        BackupFailed: no file `target` was written.
    """
    database = real_path(database)
    if (why := why_unreadable(database)) is not None:
        raise BackupFailed(why)
    if os.path.isdir(target):  # noqa: PTH112 Path.is_dir raises in a closed folder
        target /= f"{database.stem}-{datetime.fromtimestamp(at, UTC):%Y-%m-%d-%H%M%S}.db"
    if exists(target):
        raise BackupFailed(f"{target} exists already: name a new file")
    part = beside(target, ".part")
    try:
        copy_to(part, database, at)
        part.replace(target)
        sync(target.parent)
    except sqlite3.Error as error:
        found = examine(database)
        why = found.fault or (f"{database} is empty" if found.kind is Kind.EMPTY else str(error))
        raise BackupFailed(f"there is no copy: {why}") from None
    except OSError as error:
        raise BackupFailed(f"cannot write {target} ({error.strerror})") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return target


def copy_to(part: Path, database: Path, at: float) -> None:
    """Copy a database to a file that nobody else may read, mark it as a copy, and flush it to the disk."""
    part.unlink(missing_ok=True)
    part.touch(mode=0o600, exist_ok=False)
    with reading(database) as source:
        source.execute("VACUUM INTO ?", (str(part),))
    with closing(sqlite3.connect(part)) as copy:
        if (found := copy.execute("PRAGMA quick_check(1)").fetchone()) != ("ok",):
            raise sqlite3.DatabaseError(f"the copy is damaged: {found[0]}")
        mark_copy(copy, at)
    sync(part)


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
