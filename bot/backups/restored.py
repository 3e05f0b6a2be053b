"""`restored TIME`: says of data that was restored by other means when its backup was made.

From then on the bot searches each unfinished watch's channel for its result before it sends one
(`bot.store.unconfirmed`). `restore` does the same by itself.
"""

from datetime import UTC, datetime

from bot.store.errors import StoreError
from bot.store.location import Location, database_at, shown
from bot.store.unconfirmed import mark_unconfirmed


class BadTime(StoreError):
    """The time of the backup cannot be used; the text says why."""


async def mark_restored(location: Location, given: str, now: float) -> str:
    """Mark the data as that of a backup; `now` is in Unix seconds. No bot may run on it.

    Raises:
        BadTime: `given` is no time, or in the future.
        AnotherBot, StoreUnusable, StoreFailed: nothing was marked.
    """
    since = read_time(given, now)
    database = database_at(location, None)
    await database.open()
    try:
        marked = await database.write(lambda connection: mark_unconfirmed(connection, since))
    finally:
        await database.close()
    if not marked:
        return f"{shown(location)} has no unfinished watch: no result can be sent twice"
    at = datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds")
    return (
        f"{shown(location)}: results that may have been sent since {at} are searched for before they are sent"
    )


def read_time(given: str, now: float) -> float:
    """Return the Unix time that somebody typed: ISO 8601, in UTC unless it has an offset.

    Raises:
        BadTime: it is none, or in the future.
    """
    try:
        at = datetime.fromisoformat(given.strip())
        since = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise BadTime(f"{given[:40]!r} is no time: write it as 2026-11-25T18:00Z") from None
    if not 0 <= since <= now:
        raise BadTime(f"{given[:40]!r} is not in the past: name when the backup was begun")
    return since
