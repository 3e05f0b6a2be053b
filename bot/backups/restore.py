"""Restoring a backup while no bot runs on the data.

The current data is first saved beside it as a backup with a new name. Then SQLite writes the backup over the
data in one transaction, so that a crash leaves either the old or the new data. Damaged data cannot be backed
up; its files are copied unchanged, and then replaced.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bot.backups.backup import BackupFailed, back_up, copy_to, sync
from bot.store.data_folder import (
    beside,
    empty_video_folder,
    exists,
    give_to_owner,
    how_to_use,
    locked,
    real_path,
    unusable,
    video_folder,
)
from bot.store.errors import AnotherBot, StoreError, StoreUnusable
from bot.store.readonly import Examined, Kind, examine, reading, why_unreadable
from bot.store.unconfirmed import mark_copy

_NAME_A_BACKUP: Final = "name a file that `backup` wrote"
_WAL_FILES: Final = ("-wal", "-shm", "-journal")


class RestoreFailed(StoreError):
    """The data is unchanged; the text says why and what to do."""


def restore(backup: Path, database: Path, at: float) -> Path | None:
    """Replace a database by a backup; `at` is now in Unix seconds.

    Returns:
        Where the earlier data is now, None if there was none.

    Raises:
        RestoreFailed, StoreUnusable, AnotherBot: the data is unchanged.
    """
    backup, database = real_path(backup), real_path(database)
    if (why := _why_not(backup, database)) is not None:
        raise RestoreFailed(why)
    if closed := unusable(database):
        raise StoreUnusable(f"{closed[0]} is not writable: {how_to_use(closed, database)}")
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with locked(database):
            give_to_owner(beside(database, ".lock"), database.parent)
            empty_video_folder(video_folder(database))
            return _replace(backup, database, at)
    except AnotherBot:
        raise AnotherBot(f"a bot is running on {database}: stop it, then restore the backup") from None
    except BackupFailed as error:
        raise RestoreFailed(f"the current data could not be saved first: {error}") from None
    except sqlite3.Error as error:
        raise RestoreFailed(f"{backup} could not be restored ({error})") from None
    except OSError as error:
        raise RestoreFailed(f"cannot write in {database.parent} ({error.strerror})") from None


def _why_not(backup: Path, database: Path) -> str | None:
    """Return why a file cannot be restored and what to do, None if it can."""
    if os.path.isdir(backup):  # noqa: PTH112 Path.is_dir raises in a closed folder
        return f"{backup} is a folder: name one of its files{_backups_in(backup, database)}"
    if (why := why_unreadable(backup, _NAME_A_BACKUP)) is not None:
        return why
    if backup == database:
        return f"{backup} is the data itself: {_NAME_A_BACKUP}"
    found = examine(backup)
    if found.kind is Kind.NEWER:
        return f"{found.fault}: update the bot first"
    if found.kind is not Kind.OURS:
        return f"{found.fault or f'{backup} is empty'}: {_NAME_A_BACKUP}"
    return None


def _backups_in(folder: Path, database: Path) -> str:
    """Return the end of a sentence that names the newest backups in a folder."""
    try:
        files = sorted(folder.glob(f"{database.stem}-*.db"), key=lambda file: file.stat().st_mtime)
    except OSError:
        return ""
    return f", such as {' '.join(file.name for file in files[:-9:-1])}" if files else ""


def _replace(backup: Path, database: Path, at: float) -> Path | None:
    present = examine(database) if exists(database) else Examined(Kind.EMPTY)
    if present.kind is Kind.EMPTY:
        _put_in_place(backup, database)
        return None
    if present.kind in {Kind.THEIRS, Kind.UNREADABLE}:
        raise RestoreFailed(f"{present.fault}: {present.advice}")
    name = f"{database.stem}-replaced-{datetime.fromtimestamp(at, UTC):%Y-%m-%d-%H%M%S}.db"
    aside = database.with_name(name)
    if present.kind is Kind.DAMAGED:
        _keep_as_it_is(database, aside)
        _put_in_place(backup, database)
    else:
        back_up(database, aside, at)
        give_to_owner(aside, database.parent)
        _write_over(backup, database)
    return aside


def _write_over(backup: Path, database: Path) -> None:
    with reading(backup) as source, closing(sqlite3.connect(database)) as target:
        target.execute("PRAGMA synchronous = FULL")
        source.backup(target)
        mark_copy(target, backup.stat().st_mtime)


def _put_in_place(backup: Path, database: Path) -> None:
    """Write a backup beside the data, and move it into place once it is complete."""
    part = beside(database, ".part")
    try:
        copy_to(part, backup, backup.stat().st_mtime)
        give_to_owner(part, database.parent)
        for ending in _WAL_FILES:
            beside(database, ending).unlink(missing_ok=True)
        sync(database.parent)  # before the move: the new file must never meet the old one's log
        part.replace(database)
        sync(database.parent)
    finally:
        part.unlink(missing_ok=True)


def _keep_as_it_is(database: Path, aside: Path) -> None:
    for ending in ("", *_WAL_FILES):
        if exists(beside(database, ending)):
            kept = beside(aside, ending)
            kept.touch(mode=0o600, exist_ok=False)
            shutil.copyfile(beside(database, ending), kept)
            sync(kept)
            give_to_owner(kept, database.parent)
