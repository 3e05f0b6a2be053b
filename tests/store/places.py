"""Opened databases of both kinds: files in a folder of the test's own, or a database of the tests' server."""

import os
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Collection, Coroutine, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import psycopg
from made import NOW, STARTER, TASK
from sqlalchemy import URL, text

from bot.core.watch import CardState
from bot.store.database import Database, T
from bot.store.location import Location, database_at, location_of
from bot.store.sqlite import SqliteDatabase
from bot.store.store import Store

GUILD: Final = 10
CHANNEL: Final = 20
NOBODY: Final = 65534


@asynccontextmanager
async def opened(
    place: Location, executor: Executor | None = None, *, alone: bool = True
) -> AsyncIterator[Database]:
    database = database_at(place, executor, alone=alone)
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
            run_inline(work)
        return path.read_bytes()


def migrate(url: str) -> Location:
    """Bring a server's empty database to the newest version; templates are made so."""
    database = database_at(location_of(url), None)
    for work in (database.open(), database.close()):
        run_inline(work)
    return location_of(url)


@asynccontextmanager
async def stored(place: Location) -> AsyncIterator[Store]:
    async with opened(place) as database:
        yield Store(database)


async def add(
    store: Store,
    *tasks: str,
    message_id: int = 1000,
    guild_id: int = GUILD,
    channel_id: int = CHANNEL,
    now: float = NOW,
    known: Collection[str] = (),
    names: Mapping[str, str] | None = None,
    per_person: int | None = None,
) -> CardState:
    return await store.add_card(
        guild_id=guild_id,
        channel_id=channel_id,
        message_id=message_id,
        starter_id=STARTER,
        language="en",
        task_ids=tasks or (TASK,),
        now=now,
        known=known,
        names=names,
        per_person=per_person,
    )


def sql(place: Location, statement: str) -> list[Any]:
    """Run one statement on the data from outside."""
    if not isinstance(place, Path):
        arguments = place.translate_connect_args(username="user", database="dbname")
        with psycopg.connect(**arguments, autocommit=True) as server:
            cursor = server.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []
    with closing(sqlite3.connect(place)) as connection:
        rows = connection.execute(statement).fetchall()
        connection.commit()
        return rows


def wait_for_waiting(place: URL, sessions: int) -> None:
    """Wait until so many sessions wait for others in the database."""
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    end = time.monotonic() + 60
    while sql(place, query) != [(sessions,)]:
        assert time.monotonic() < end, "they do not wait"


async def let_others_in(database: Database) -> None:
    """Release the lock that keeps a second bot off the data."""
    if isinstance(database, SqliteDatabase):
        database._lock.release()
    else:
        await database.run(lambda connection: connection.execute(text("SELECT pg_advisory_unlock_all()")))


def run_inline(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine of an inline database, which never waits, to its end."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    raise AssertionError("it waited")


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
