"""Moving the data between SQLite and PostgreSQL, in either direction, while no bot runs on either.

Everything is copied in one transaction of the new database, table by table as the schema lists them. Just
before it is committed the old data is marked as a backup of this moment, so that a bot that is started on it
by mistake searches for results before it sends them.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, Table, func, insert, select, text

from bot.backups.postgres import read
from bot.store.database import Database
from bot.store.errors import StoreError
from bot.store.location import Location, database_at, shown
from bot.store.readonly import Kind, examine, why_unreadable
from bot.store.schema import DATA, ORIGIN, meta
from bot.store.unconfirmed import mark_unconfirmed

BATCH: Final = 500
"""Rows per statement."""


class MoveFailed(StoreError):
    """Nothing was moved; the text says why and what to do."""


async def move(source: Location, target: Location, at: float) -> str:
    """Copy all data to an empty database; `at` is now in Unix seconds. Return what to do next.

    Raises:
        MoveFailed, AnotherBot, StoreUnusable, StoreFailed: nothing was moved.
    """
    if shown(source) == shown(target):
        raise MoveFailed(f"{shown(source)} is both where to move from and where to")
    _refuse_empty(source)
    old, new = database_at(source, None), database_at(target, None)
    await old.open()
    try:
        await new.open()
        try:
            counts = await new.write(lambda connection: _copy_all(old, connection, shown(target), at))
        finally:
            await new.close()
    finally:
        await old.close()
    moved = ", ".join(f"{count} {name}" for name, count in counts.items() if count and name != meta.name)
    return (
        f"moved {moved or 'an empty database'}. Set DATABASE_URL to {shown(target)} and start the bot; "
        f"{shown(source)} stays as it was until you delete it"
    )


def _refuse_empty(source: Location) -> None:
    """Refuse a database without the bot's data: opening it would create some."""
    if isinstance(source, Path):
        if (why := why_unreadable(source)) is not None:
            raise MoveFailed(why)
        found = examine(source)
        if found.kind is not Kind.OURS:
            raise MoveFailed(f"{found.fault or f'{source} is empty'}: there is nothing to move")
    elif not read(source, "SELECT 1 FROM pg_tables WHERE tablename = 'alembic_version'", {}):
        raise MoveFailed(f"{shown(source)} is empty: there is nothing to move")


def _copy_all(old: Database, new: Connection, target: str, at: float) -> dict[str, int]:
    for table in DATA:
        if table is not meta and new.scalar(select(func.count()).select_from(table)):
            raise MoveFailed(f"{target} has data already: name an empty database")
    new.execute(meta.delete().where(meta.c.key != ORIGIN))
    counts = old.transact(lambda connection: _copy(connection, new))
    old.transact(lambda connection: mark_unconfirmed(connection, at))
    return counts


def _copy(old: Connection, new: Connection) -> dict[str, int]:
    counts = {}
    for table in DATA:
        counts[table.name] = 0
        rows = old.execution_options(yield_per=BATCH).execute(select(table)).mappings()
        for batch in rows.partitions():
            values = [dict(row) for row in batch if row.get("key") != ORIGIN]
            if values:
                new.execute(insert(table), values)
            counts[table.name] += len(values)
        if (column := table.autoincrement_column) is not None:
            last = old.scalar(select(func.max(column))) or 0
            _set_counter(new, table, column, max(last, _counter(old, table, column)))
    return counts


def _counter(connection: Connection, table: Table, column: Column[int]) -> int:
    """Return the highest id that a table ever had, 0 if unknown: an id is never used again after its row."""
    if connection.dialect.name == "sqlite":
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :table")
        return int(connection.scalar(query, {"table": table.name}) or 0)
    query = text(
        "SELECT last_value FROM pg_sequences WHERE schemaname = current_schema()"
        " AND pg_get_serial_sequence(:table, :column) = format('%I.%I', schemaname, sequencename)"
    )
    return int(connection.scalar(query, {"table": table.name, "column": column.name}) or 0)


def _set_counter(connection: Connection, table: Table, column: Column[int], last: int) -> None:
    if not last:
        return
    values = {"table": table.name, "last": last}
    if connection.dialect.name == "sqlite":
        if table.dialect_options["sqlite"]["autoincrement"]:  # else it has no counter
            connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), values)
            connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)"), values)
        return
    query = text("SELECT setval(pg_get_serial_sequence(:table, :column), :last)")
    connection.execute(query, values | {"column": column.name})
