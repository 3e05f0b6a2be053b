"""Data on PostgreSQL: backups are made and restored by its own tools, of which this names the commands."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.store.errors import StoreUnusable
from bot.store.location import Postgres, no_driver, shown


def how_to_dump(url: Postgres, target: Path) -> str:
    """Return what to do in place of `backup`."""
    if target.is_dir():
        target /= f"{url.database}.dump"
    command = shlex.join(["pg_dump", "--format=custom", f"--file={target}", shown(url)])
    return f"the data is on PostgreSQL, which has its own tool for this. Run: {command}"


def how_to_restore(url: Postgres, file: Path) -> str:
    """Return what to do in place of `restore`."""
    options = ["--clean", "--if-exists", "--no-owner", "--single-transaction"]
    command = shlex.join(["pg_restore", *options, f"--dbname={shown(url)}", str(file)])
    return (
        f"the data is on PostgreSQL, which has its own tool for this. Stop the bot, then run: {command} && "
        "veo-watch-bot restored TIME (when the backup was begun, such as 2026-11-25T18:00Z)"
    )


def read(url: Postgres, query: str, values: dict[str, Any]) -> Sequence[Any]:
    """Return the rows of a query. Nothing is written.

    Raises:
        StoreUnusable: the database cannot be reached or read; the text says what to do.
    """
    try:
        from bot.store.postgres_facts import read_rows  # noqa: PLC0415 needs PostgreSQL's driver
    except ImportError as error:
        raise StoreUnusable(no_driver(error)) from None
    return read_rows(url, query, values)
