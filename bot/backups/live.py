"""What is watched, read from the file alone: for the shell, while the bot runs or not."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.store.errors import StoreUnusable
from bot.store.readonly import reading, why_unreadable
from bot.store.schema import DONE, LIVE

_QUERY: Final = """
    SELECT w.task_id, w.state, w.started_at, c.guild_id, c.channel_id, c.message_id,
           (SELECT count(*) FROM followers f WHERE f.card_id = c.id)
    FROM watches w JOIN cards c ON c.id = w.card_id
    WHERE w.state != ? ORDER BY w.started_at, w.id
"""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A watch with something still to be done. Times are Unix seconds."""

    task_id: str
    ended: bool
    """Whether the task has ended and only the channel has not been told everything."""
    started_at: float
    guild_id: int
    channel_id: int
    message_id: int
    followers: int

    @property
    def url(self) -> str:
        """The address of its card."""
        return f"https://discord.com/channels/{self.guild_id}/{self.channel_id}/{self.message_id}"


def unfinished(database: Path) -> list[Unfinished]:
    """Return the watches that are not done, oldest first; nothing is written.

    Raises:
        StoreUnusable: there is no database, or none of ours.
    """
    database = database.resolve()
    if (why := why_unreadable(database)) is not None:
        raise StoreUnusable(why)
    try:
        with reading(database) as connection:
            rows = connection.execute(_QUERY, (DONE,)).fetchall()
    except sqlite3.Error as error:
        raise StoreUnusable(f"{database} could not be read ({error})") from None
    return [Unfinished(task, state != LIVE, *rest) for task, state, *rest in rows]
