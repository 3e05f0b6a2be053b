"""The database file read beside a running bot, without its lock and without a chance to change it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bot.store.ownership import beside, nearest, readable, there, whose_to_read
from bot.store.schema import MIGRATIONS

VERSIONS: Final = frozenset(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("0*.py"))
"""Those that this bot knows."""
_REPLACE: Final = "put a backup back (`python -m bot restore FILE`)"
_START_EMPTY: Final = f"{_REPLACE}, or move the file away to start empty"
_ADVICE: Final = {
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_IOERR: "look at its disk, which may be full or lost",
    sqlite3.SQLITE_READONLY: "make the file writable for this user",
    sqlite3.SQLITE_CANTOPEN: "make it a file that this user may write",
    sqlite3.SQLITE_BUSY: "end the other program that writes it",
}
"""What to do, by SQLite's primary result code; else the file is damaged."""
_CLOSED: Final = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
"""What SQLite says where it may not make the files that it wants beside a database."""


def advice_for(error: object) -> str:
    """Return what to do about an error of SQLite's."""
    return _ADVICE.get(_code(error), _START_EMPTY)


def _code(error: object) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


class Kind(Enum):
    """What a file is."""

    OURS = auto()
    EMPTY = auto()
    """It has no table; a start fills it."""
    NEWER = auto()
    """Ours, of a version that this bot does not know."""
    THEIRS = auto()
    """Another program's."""
    DAMAGED = auto()
    UNREADABLE = auto()
    """Nobody knows: the disk or the system does not let us read it now."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A file's kind and its schema's version, or what keeps this bot from using it and what to do then."""

    kind: Kind
    version: str = ""
    fault: str | None = None
    advice: str = ""


def examined(database: Path) -> Examined:
    """Say what is in a file; nothing is raised."""
    try:
        with reading(database) as connection:
            damage = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0]).splitlines()[-1]
            version = _version(connection)
    except sqlite3.Error as error:
        kind = Kind.UNREADABLE if _code(error) in _ADVICE else Kind.DAMAGED
        return Examined(kind, fault=f"{database} cannot be read ({error})", advice=advice_for(error))
    if damage != "ok":
        return Examined(Kind.DAMAGED, fault=f"{database} is damaged ({damage})", advice=_REPLACE)
    if version is None:
        advice = "set DATABASE_URL to a file of its own"
        return Examined(Kind.THEIRS, fault=f"{database} is another program's", advice=advice)
    if version and version not in VERSIONS:
        fault = f"{database} is of a newer version of this bot ({version})"
        return Examined(Kind.NEWER, version, fault, "run that one, or put a backup back")
    return Examined(Kind.OURS if version else Kind.EMPTY, version)


def _version(connection: sqlite3.Connection) -> str | None:
    """Return the version that a file says it has, none if it has no table; None if it is not ours."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not tables:
        return ""
    if "alembic_version" not in tables:
        return None
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if found is None else str(found[0])


def why_unreadable(database: Path, advice: str = "run this where the bot runs") -> str | None:
    """Return why there is nothing to read, and what to do; None if there is a file that can be read."""
    place = nearest(database)
    if not readable(place):
        return f"{place} cannot be read: {whose_to_read(place)}"
    if place != database or place.is_dir():
        return f"there is no database at {database}: {advice}"
    return None


@contextmanager
def reading(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading only.

    Raises:
        sqlite3.Error: it cannot be opened or read.
    """
    with closing(_connected(database)) as connection:
        yield connection


def _connected(database: Path) -> sqlite3.Connection:
    where = f"file:{quote(str(database))}?mode=ro"
    connection = sqlite3.connect(where, uri=True)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        log = beside(database, "-wal")
        if _code(error) not in _CLOSED or (there(log) and log.stat().st_size):
            raise
        # Also to be read, a file with a log of writes wants files beside it; without any it can do without.
        return sqlite3.connect(f"{where}&immutable=1", uri=True)
    return connection
