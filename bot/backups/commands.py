"""The commands that need only the data and no secrets: `backup`, `restore`, `restored`, `move`, `watches`.

Each returns what to print, or raises `StoreError`.
"""

import asyncio
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from bot.backups.backup import BackupFailed, back_up
from bot.backups.moving import MoveFailed, move
from bot.backups.postgres import how_to_dump, how_to_restore, read
from bot.backups.restore import RestoreFailed, restore
from bot.backups.restored import mark_restored
from bot.store.data_folder import real_path
from bot.store.errors import StoreUnusable
from bot.store.location import Location, location_of
from bot.store.readonly import reading, why_unreadable
from bot.store.schema import DONE, LIVE

_UNFINISHED: Final = """
    SELECT w.task_id, w.state, w.started_at, c.guild_id, c.channel_id, c.message_id,
           (SELECT count(*) FROM followers f WHERE f.card_id = c.id)
    FROM watches w JOIN cards c ON c.id = w.card_id
    WHERE w.state != :done ORDER BY w.started_at, w.id
"""


class UnfinishedWatch(NamedTuple):
    """A watch whose result is not fully posted. Times are Unix seconds."""

    task_id: str
    state: str
    started_at: float
    guild_id: int
    channel_id: int
    message_id: int
    followers: int


def backup(database: Location, target: Path | None) -> str:
    if not isinstance(database, Path):
        raise BackupFailed(how_to_dump(database, target or Path("veo-watch-bot.dump")))
    file = back_up(database, target or database.parent, time.time())
    return f"{file}: {file.stat().st_size} bytes"


def restore_backup(database: Location, file: Path) -> str:
    if not isinstance(database, Path):
        raise RestoreFailed(how_to_restore(database, file))
    earlier = restore(file, database, time.time())
    return f"{database} is now what {file} was" + (f"; the earlier data is {earlier}" if earlier else "")


def restored(database: Location, at: str) -> str:
    return asyncio.run(mark_restored(database, at, time.time()))


def move_data(source: str, target: str) -> str:
    try:
        locations = location_of(source), location_of(target)
    except ValueError as error:
        raise MoveFailed(f"each database {error}") from None
    return asyncio.run(move(*locations, time.time()))


def watches(database: Location) -> str:
    found = unfinished(database)
    lines = []
    for watch in found:
        since = datetime.fromtimestamp(watch.started_at, UTC).strftime("since %Y-%m-%d %H:%M UTC")
        state = "watched" if watch.state == LIVE else "ended, not posted"
        url = f"https://discord.com/channels/{watch.guild_id}/{watch.channel_id}/{watch.message_id}"
        lines.append(f"{watch.task_id:<36}  {state:<17}  {since}  {watch.followers:>3} following  {url}")
    live = sum(watch.state == LIVE for watch in found)
    return "\n".join([*lines, f"{live} watched, {len(found) - live} ended and not fully posted"])


def unfinished(database: Location) -> list[UnfinishedWatch]:
    """Return the watches that are not done, oldest first. Nothing is written.

    Raises:
        StoreUnusable: there is no database, or it is not the bot's.
    """
    if not isinstance(database, Path):
        return [UnfinishedWatch(*row) for row in read(database, _UNFINISHED, {"done": DONE})]
    database = real_path(database)
    if (why := why_unreadable(database)) is not None:
        raise StoreUnusable(why)
    try:
        with reading(database) as connection:
            return [UnfinishedWatch(*row) for row in connection.execute(_UNFINISHED, {"done": DONE})]
    except sqlite3.Error as error:
        raise StoreUnusable(f"{database} could not be read ({error})") from None
