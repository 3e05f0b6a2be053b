"""A backup put back in the place of the data, while no bot runs on it.

The earlier data is kept beside it, under a new name each time, as a backup itself. Then SQLite writes the
backup over the data in one transaction, so that a crash leaves the one or the other. Data that is damaged is
kept as it is and replaced as a file.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bot.backups.backup import BackupFailed, back_up, copy_to, sync
from bot.store.errors import AnotherBot, StoreError, StoreUnusable
from bot.store.lock import held, lock_of
from bot.store.ownership import beside, give_to_the_bot, refused, there, whose
from bot.store.readonly import Examined, Kind, examined, reading, why_unreadable
from bot.store.unconfirmed import mark_copy
from bot.store.video_folder import empty_beside

_WANTED: Final = "name a file that `backup` wrote"
_LOGS: Final = ("-wal", "-shm", "-journal")


class RestoreFailed(StoreError):
    """The data is as it was; the text says why and what to do."""


def restore(backup: Path, database: Path, at: float) -> Path | None:
    """Put a backup in the place of a database at a Unix time, the present one.

    Returns:
        Where the earlier data is now, None if there was none.

    Raises:
        RestoreFailed, StoreUnusable, AnotherBot: the data is as it was.
    """
    backup, database = backup.resolve(), database.resolve()
    if (why := _no_backup(backup, database)) is not None:
        raise RestoreFailed(why)
    if closed := refused(database):
        raise StoreUnusable(f"{closed[0]} cannot be written: {whose(closed, database)}")
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with held(database):
            give_to_the_bot(Path(lock_of(database).lock_file), database.parent)
            empty_beside(database)
            return _put_back(backup, database, at)
    except AnotherBot:
        raise AnotherBot(f"a bot is running on {database}: stop it, then put the backup back") from None
    except BackupFailed as error:
        raise RestoreFailed(f"the present data could not be kept: {error}") from None
    except sqlite3.Error as error:
        raise RestoreFailed(f"{backup} could not be put back ({error})") from None
    except OSError as error:
        raise RestoreFailed(f"cannot write in {database.parent} ({error.strerror})") from None


def _no_backup(backup: Path, database: Path) -> str | None:
    """Return why a file cannot be put back, and what to do."""
    if os.path.isdir(backup):  # noqa: PTH112 Path.is_dir raises where a folder is closed
        return f"{backup} is a folder: name one of its files{_backups_in(backup, database)}"
    if (why := why_unreadable(backup, _WANTED)) is not None:
        return why
    if backup == database:
        return f"{backup} is the data itself: {_WANTED}"
    found = examined(backup)
    if found.kind is Kind.NEWER:
        return f"{found.fault}: update the bot first"
    if found.kind is not Kind.OURS:
        return f"{found.fault or f'{backup} is empty'}: {_WANTED}"
    return None


def _backups_in(folder: Path, database: Path) -> str:
    """Return what may be meant, newest first."""
    try:
        files = sorted(folder.glob(f"{database.stem}-*.db"), key=lambda file: file.stat().st_mtime)
    except OSError:
        return ""
    return f", such as {' '.join(file.name for file in files[:-9:-1])}" if files else ""


def _put_back(backup: Path, database: Path, at: float) -> Path | None:
    present = examined(database) if there(database) else Examined(Kind.EMPTY)
    if present.kind is Kind.EMPTY:
        _make(backup, database)
        return None
    if present.kind in {Kind.THEIRS, Kind.UNREADABLE}:
        raise RestoreFailed(f"{present.fault}: {present.advice}")
    name = f"{database.stem}-replaced-{datetime.fromtimestamp(at, UTC):%Y-%m-%d-%H%M%S}.db"
    aside = database.with_name(name)
    if present.kind is Kind.DAMAGED:
        _keep_as_it_is(database, aside)
        _make(backup, database)
    else:
        back_up(database, aside, at)
        give_to_the_bot(aside, database.parent)
        _write_over(backup, database)
    return aside


def _write_over(backup: Path, database: Path) -> None:
    with reading(backup) as source, closing(sqlite3.connect(database)) as target:
        target.execute("PRAGMA synchronous = FULL")
        source.backup(target)
        mark_copy(target, backup.stat().st_mtime)


def _make(backup: Path, database: Path) -> None:
    """Write a backup beside the data, and let it have its place once it is whole."""
    part = beside(database, ".part")
    try:
        copy_to(part, backup, backup.stat().st_mtime)
        give_to_the_bot(part, database.parent)
        for ending in _LOGS:
            beside(database, ending).unlink(missing_ok=True)
        sync(database.parent)  # before the new file comes: it must never meet the logs of the old
        part.replace(database)
        sync(database.parent)
    finally:
        part.unlink(missing_ok=True)


def _keep_as_it_is(database: Path, aside: Path) -> None:
    for ending in ("", *_LOGS):
        if there(beside(database, ending)):
            kept = beside(aside, ending)
            kept.touch(mode=0o600, exist_ok=False)
            shutil.copyfile(beside(database, ending), kept)
            sync(kept)
            give_to_the_bot(kept, database.parent)
