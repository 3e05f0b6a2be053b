"""Opened databases in a folder of the test's own."""

import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from made import NOW, STARTER, TASK

from bot.core.watch import CardState
from bot.store.sqlite import SqliteDatabase
from bot.store.store import Store

GUILD: Final = 10
CHANNEL: Final = 20
NOBODY: Final = 65534


@asynccontextmanager
async def opened(path: Path, executor: Executor | None = None) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path, executor)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@cache
def migrated() -> bytes:
    """Return the file that a first start makes: migrating takes longer than most tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bot.db"
        for work in ((database := SqliteDatabase(path, None)).open(), database.close()):
            with suppress(StopIteration):
                work.send(None)  # inline: it never waits
        return path.read_bytes()


@asynccontextmanager
async def stored(path: Path) -> AsyncIterator[Store]:
    async with opened(path) as database:
        yield Store(database)


async def add(
    store: Store,
    *tasks: str,
    message_id: int = 1000,
    channel_id: int = CHANNEL,
    now: float = NOW,
    known: Collection[str] = (),
    names: Mapping[str, str] | None = None,
) -> CardState:
    return await store.add_card(
        guild_id=GUILD,
        channel_id=channel_id,
        message_id=message_id,
        starter_id=STARTER,
        language="en",
        task_ids=tasks or (TASK,),
        now=now,
        known=known,
        names=names,
    )


def sql(path: Path, statement: str) -> list[Any]:
    """Run one statement on the file from outside."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(statement).fetchall()
        connection.commit()
        return rows


@contextmanager
def another_user(folder: Path) -> Iterator[None]:
    """Be nobody for a while, if this is root, in a folder that is nobody's; else stay who this is."""
    if os.geteuid() != 0:
        yield
        return
    os.chown(folder, NOBODY, NOBODY)
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
