"""Whether the data folder and the database can be used; nothing is written, also beside a running bot."""

import os
import shutil
from pathlib import Path
from typing import Final

from bot.check.findings import Finding
from bot.store.ownership import nearest, refused, there, whose
from bot.store.readonly import Kind, examined
from bot.store.schema import HEAD

ROOM: Final = 16 * 1024 * 1024
"""Bytes that a disk should have to spare: what is written is little, but not to be lost."""


def data_findings(path: Path) -> list[Finding]:
    """Say what is the case with the folder of a database and with the file."""
    path = path.resolve()
    folder = _folder(path)
    # What is in a folder that this user may not enter is not to be known.
    return [folder, _database(path)] if folder.ok else [folder]


def _folder(database: Path) -> Finding:
    subject = "data folder"
    folder, first = database.parent, nearest(database.parent)
    if os.path.isdir(database):  # noqa: PTH112 Path.is_dir raises where a folder is closed
        return Finding(subject, ok=False, text=f"{database} is a folder: set DATABASE_URL to a file in it")
    if not first.is_dir():
        return Finding(subject, ok=False, text=f"{first} is no folder: set DATABASE_URL")
    if closed := refused(database):
        return Finding(subject, ok=False, text=f"{closed[0]} cannot be written: {whose(closed, database)}")
    if (free := shutil.disk_usage(first).free) < ROOM:
        text = f"only {free // 1024} KiB are free on the disk of {first}: make room"
        return Finding(subject, ok=False, text=text)
    if first != folder:
        return Finding(subject, ok=True, text=f"{folder} will be made at the start")
    return Finding(subject, ok=True, text=f"{folder} can be written")


def _database(path: Path) -> Finding:
    subject = "database"
    if not there(path):
        return Finding(subject, ok=True, text="there is none yet, the start makes it")
    found = examined(path)
    if found.fault is not None:
        return Finding(subject, ok=False, text=f"{found.fault}: {found.advice}")
    if found.kind is Kind.EMPTY:
        return Finding(subject, ok=True, text="empty, the start fills it")
    if found.version == HEAD:
        return Finding(subject, ok=True, text=f"version {found.version}")
    return Finding(subject, ok=True, text=f"version {found.version}, the start brings it to {HEAD}")
