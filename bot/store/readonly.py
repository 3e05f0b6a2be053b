"""The database file, read without the lock and without changing it: what it is, and whether it is damaged."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bot.store.data_folder import beside, exists, how_to_read, is_readable, nearest_existing
from bot.store.schema import MIGRATIONS

log = logging.getLogger(__name__)

VERSIONS: Final = frozenset(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("0*.py"))
"""The schema versions that this bot knows."""
_RESTORE: Final = "restore a backup (`veo-watch-bot restore FILE`)"
_START_EMPTY: Final = f"{_RESTORE}, or move the file away to start empty"
_ADVICE: Final = {
    sqlite3.SQLITE_FULL: "free some space on its disk",
    sqlite3.SQLITE_IOERR: "check its disk, which may be full or lost",
    sqlite3.SQLITE_READONLY: "make the file writable for this user",
    sqlite3.SQLITE_CANTOPEN: "make it a file that this user may write",
    sqlite3.SQLITE_BUSY: "end the other program that writes it",
}
"""What to do, by SQLite's primary result code. With any other code the file is damaged."""
_CLOSED: Final = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
"""SQLite's codes where it may not create the files that it needs beside a database."""
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def advice_for(error: object) -> str:
    """Return what to do about an error of SQLite."""
    return _ADVICE.get(_code(error), _START_EMPTY)


def _code(error: object) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


class Kind(Enum):
    """What a file is."""

    OURS = auto()
    EMPTY = auto()
    """It has no tables; a start creates them."""
    NEWER = auto()
    """Ours, with a schema version that this bot does not know."""
    THEIRS = auto()
    """Another program's."""
    DAMAGED = auto()
    UNREADABLE = auto()
    """Unknown: the disk or the system does not let us read it now."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A file's kind and schema version, or why this bot cannot use it and what to do."""

    kind: Kind
    version: str = ""
    fault: str | None = None
    advice: str = ""


def examine(database: Path) -> Examined:
    """Find out what a file is. Nothing is raised."""
    try:
        with reading(database) as connection:
            damage = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0]).splitlines()[-1]
            version = _version(connection)
    except sqlite3.Error as error:
        kind = Kind.UNREADABLE if _code(error) in _ADVICE else Kind.DAMAGED
        return Examined(kind, fault=f"{database} cannot be read ({error})", advice=advice_for(error))
    if damage != "ok":
        return Examined(Kind.DAMAGED, fault=f"{database} is damaged ({damage})", advice=_RESTORE)
    if version is None:
        advice = "set DATABASE_URL to a file of its own"
        return Examined(Kind.THEIRS, fault=f"{database} is another program's", advice=advice)
    if version and version not in VERSIONS:
        fault = f"{database} is of a newer version of this bot ({version})"
        return Examined(Kind.NEWER, version, fault, "run that version, or restore a backup")
    return Examined(Kind.OURS if version else Kind.EMPTY, version)


def _version(connection: sqlite3.Connection) -> str | None:
    """Return a file's schema version, "" if it has no tables, None if it is not ours."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not tables:
        return ""
    if "alembic_version" not in tables:
        return None
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if found is None else str(found[0])


def why_unreadable(database: Path, advice: str = "run this where the bot runs") -> str | None:
    """Return why a file cannot be read and what to do, None if it can be."""
    place = nearest_existing(database)
    if not is_readable(place):
        return f"{place} cannot be read: {how_to_read(place)}"
    if place != database or place.is_dir():
        return f"there is no database at {database}: {advice}"
    return None


@contextmanager
def reading(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading only.

    Raises:
        sqlite3.Error: it cannot be opened or read.
    """
    with closing(_connect(database)) as connection:
        yield connection


def _connect(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(_uri(database), uri=True)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        wal = beside(database, "-wal")
        if _code(error) not in _CLOSED or (exists(wal) and wal.stat().st_size):
            raise
        # Even reading a database in WAL mode needs files beside it, which this user may not create.
        # With an empty log SQLite can do without them.
        return sqlite3.connect(_uri(database, immutable=True), uri=True)
    return connection


def _uri(database: Path, *, immutable: bool = False) -> str:
    return f"file:{quote(str(database))}?mode=ro{'&immutable=1' if immutable else ''}"


def is_newer_than_its_log(database: Path) -> bool:
    """Return whether a file was changed after its log: copied into place, or by SQLite just before a kill.

    After a kill SQLite's write-ahead log lies beside the data. If another file is copied over the data,
    SQLite cannot tell that the log is not that file's and would apply it. So a log with which the file is
    damaged, but without which it is whole, is renamed.
    """
    wal = beside(database, "-wal")
    try:
        if not wal.stat().st_size or database.stat().st_ctime_ns <= wal.stat().st_mtime_ns:
            return False
    except OSError:
        return False
    if _is_damaged(database) and not _is_damaged(database, immutable=True):
        aside = beside(database, "-wal.aside")
        log.warning(
            "the write-ahead log beside the database is another file's, renaming it",
            extra={"file": str(aside)},
        )
        wal.replace(aside)
        beside(database, "-shm").unlink(missing_ok=True)
    return True


def _is_damaged(database: Path, *, immutable: bool = False) -> bool:
    """Return whether a file is damaged together with its log or, opened as immutable, without it."""
    try:
        with closing(sqlite3.connect(_uri(database, immutable=immutable), uri=True)) as connection:
            return str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok"
    except sqlite3.Error as error:  # opening the file will report any other fault
        return _code(error) in _DAMAGED
