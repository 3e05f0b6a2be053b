"""A file that was copied to the place of the data while no bot ran, beside another file's log of writes.

After a kill SQLite's log of writes lies beside the data. It belongs to the file that was there; SQLite cannot
tell, and would write it over any other.
"""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bot.store.ownership import beside

log = logging.getLogger(__name__)

_DAMAGE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def is_newer_than_its_log(database: Path) -> bool:
    """Tell whether a file was changed after its log: put there by hand, or by SQLite just before a kill.

    A log with which the file is damaged, and without which it is whole, is put aside.
    """
    writes = beside(database, "-wal")
    try:
        if not writes.stat().st_size or database.stat().st_ctime_ns <= writes.stat().st_mtime_ns:
            return False
    except OSError:
        return False
    if _is_damaged(database, "") and not _is_damaged(database, "&immutable=1"):
        aside = beside(database, "-wal.aside")
        log.warning(
            "the log of writes beside the database is another file's, putting it aside",
            extra={"file": str(aside)},
        )
        writes.replace(aside)
        beside(database, "-shm").unlink(missing_ok=True)
    return True


def _is_damaged(database: Path, options: str) -> bool:
    """Tell whether a file is damaged together with its log, or if it is opened as immutable, without it."""
    where = f"file:{quote(str(database))}?mode=ro{options}"
    try:
        with closing(sqlite3.connect(where, uri=True)) as connection:
            found: str = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            return found != "ok"
    except sqlite3.Error as error:  # what it is else, opening it will say
        return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF in _DAMAGE
