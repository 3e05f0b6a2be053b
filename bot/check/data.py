"""Whether the data folder and the database can be used; nothing is written, also beside a running bot."""

import sqlite3
from pathlib import Path
from typing import Final

from bot.check.findings import Finding
from bot.store.database import MIGRATIONS
from bot.store.ownership import nearest, refused, there, whose
from bot.store.readonly import reading
from bot.store.schema import HEAD

EMPTY: Final = ""
"""The version of a file without a table."""
_VERSIONS: Final = frozenset(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("0*.py"))


def data_findings(path: Path) -> list[Finding]:
    """Say what is the case with the folder of a database and with the file."""
    path = path.resolve()
    folder = _folder(path)
    # What is in a folder that this user may not enter is not to be known.
    return [folder, _database(path)] if folder.ok else [folder]


def _folder(database: Path) -> Finding:
    subject = "data folder"
    folder, first = database.parent, nearest(database.parent)
    if not first.is_dir():
        return Finding(subject, ok=False, text=f"{first} is no folder: set DATABASE_URL")
    if closed := refused(database):
        return Finding(subject, ok=False, text=f"{closed[0]} cannot be written: {whose(closed, folder)}")
    if first != folder:
        return Finding(subject, ok=True, text=f"{folder} will be made at the start")
    return Finding(subject, ok=True, text=f"{folder} can be written")


def _database(path: Path) -> Finding:
    subject = "database"
    if not there(path):
        return Finding(subject, ok=True, text="there is none yet, the start makes it")
    try:
        version, damage = _read(path)
    except sqlite3.Error as error:
        replace = "put a backup in its place, or move the file away to start empty"
        return Finding(subject, ok=False, text=f"{path} cannot be read ({error}): {replace}")
    if damage != "ok":
        return Finding(subject, ok=False, text=f"{path} is damaged ({damage}): put a backup in its place")
    if version == EMPTY:
        return Finding(subject, ok=True, text="empty, the start fills it")
    if version is None:
        text = f"{path} is another program's: set DATABASE_URL to a file of its own"
        return Finding(subject, ok=False, text=text)
    if version == HEAD:
        return Finding(subject, ok=True, text=f"version {version}")
    if version in _VERSIONS:
        return Finding(subject, ok=True, text=f"version {version}, the start brings it to {HEAD}")
    text = f"version {version} is of a newer bot: run that one, or put a backup back"
    return Finding(subject, ok=False, text=text)


def _read(path: Path) -> tuple[str | None, str]:
    """Return the schema's version (`EMPTY`; None if it is not ours), and what SQLite says of the file."""
    with reading(path) as connection:
        damage = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0]).splitlines()[-1]
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if not tables:
            return EMPTY, damage
        if "alembic_version" not in tables:
            return None, damage
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if found is None else str(found[0]), damage
