"""The commands that work on the data alone, with the bot or without it: `backup`, `restore`, `watches`."""

import time
from datetime import UTC, datetime
from pathlib import Path

from bot.backups.backup import back_up
from bot.backups.live import unfinished
from bot.backups.restore import restore

# Each returns what to print and raises `StoreError`.


def backup(database: Path, target: Path) -> str:
    file = back_up(database, target, time.time())
    return f"{file}: {file.stat().st_size} bytes"


def put_back(database: Path, file: Path) -> str:
    earlier = restore(file, database, time.time())
    return f"{database} is now what {file} was" + (f"; the earlier data is {earlier}" if earlier else "")


def watches(database: Path) -> str:
    found = unfinished(database)
    lines = []
    for watch in found:
        since = datetime.fromtimestamp(watch.started_at, UTC).strftime("since %Y-%m-%d %H:%M UTC")
        state = "ended, to be told" if watch.ended else "watched"
        followers = f"{watch.followers:>3} following"
        lines.append(f"{watch.task_id:<36}  {state:<17}  {since}  {followers}  {watch.url}")
    ended = sum(watch.ended for watch in found)
    return "\n".join([*lines, f"{len(found) - ended} watched, {ended} ended and still to be told"])
