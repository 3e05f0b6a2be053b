"""What a restart costs: many live watches are read from the file, put on the board and scheduled."""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.measure import Say, Section, median, percentile, span
from bench.world import CHANNELS, GUILD, NullAudience, task_id
from bot.board import Board
from bot.core.pace import Pace
from bot.core.task import Task
from bot.learning import Learning
from bot.metrics import Metrics
from bot.poller import Poller
from bot.store.database import Database
from bot.store.store import Store
from bot.upstream import Upstream
from bot.watching import Watching

QUERIES: Final = (
    "SELECT * FROM watches WHERE state != 'done' ORDER BY position",
    "SELECT * FROM cards ORDER BY id",
    "SELECT * FROM followers ORDER BY card_id, since",
)
TIMES: Final = 15
MOST: Final = 3.0
"""How many times as long as the bare reading a restart may take."""


@contextmanager
def filled_file(count: int) -> Iterator[Path]:
    """Make a database with so many cards of one live watch each."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bot.db"
        asyncio.run(_make(path))
        now = time.time()
        connection = sqlite3.connect(path)
        with connection:
            numbers = range(1, count + 1)
            connection.executemany(
                "INSERT INTO cards VALUES (?, ?, ?, ?, ?, 'en', ?)",
                (
                    (n, GUILD, GUILD + 1 + n % CHANNELS, GUILD + 1000 + n, GUILD + 500 + n % 100, now)
                    for n in numbers
                ),
            )
            connection.executemany(
                "INSERT INTO followers VALUES (?, ?, ?)", ((n, GUILD + 500 + n % 100, now) for n in numbers)
            )
            connection.executemany(
                "INSERT INTO watches (id, card_id, channel_id, position, task_id, state, started_at, seen_at)"
                " VALUES (?, ?, ?, 0, ?, 'live', ?, ?)",
                ((n, n, GUILD + 1 + n % CHANNELS, task_id(n), now, now) for n in numbers),
            )
        connection.close()
        yield path


async def _make(path: Path) -> None:
    database = Database(path, None)
    await database.open()
    await database.close()


def bare(path: Path) -> int:
    """Read the same rows with nothing but sqlite3; return how many there were."""
    connection = sqlite3.connect(path)
    try:
        return sum(len(connection.execute(query).fetchall()) for query in QUERIES)
    finally:
        connection.close()


async def look(_task: str, _known: Task | None = None) -> Task:
    await asyncio.Event().wait()
    raise AssertionError


def parts(database: Database) -> tuple[Watching, Board, Poller]:
    """Build what a restart needs, around an open database."""
    store, pace, audience = Store(database), Pace(), NullAudience()
    nobody: Any = audience
    board = Board(store, nobody, Learning(store, pace), time.time)
    metrics = Metrics()
    poller = Poller(Upstream(look, board, time.time, metrics), board, pace, time.time, metrics=metrics)
    return Watching(store, board, poller, time.time), board, poller


async def _ours(path: Path) -> tuple[float, Poller]:
    database = Database(path, None)
    await database.open()
    watching, _, poller = parts(database)
    with span() as taken:
        await watching.resume()
    await database.close()
    return taken.wall, poller


def run(*, short: bool, say: Say) -> Section:
    """Compare a restart with the bare reading of its rows."""
    section = Section("Restart")
    rows: list[list[object]] = []
    ratio, busiest, count = 0.0, 0, 1
    seconds: list[int] = [0]
    for count in (10_000,) if short else (10_000, 100_000):
        with filled_file(count) as path:
            bares, ours = [], []
            for turn in range(TIMES):
                say(f"{count:,} watches, {turn + 1} of {TIMES}")
                with span() as taken:
                    bare(path)
                bares.append(taken.wall)
                wall, poller = asyncio.run(_ours(path))
                ours.append(wall)
                seconds = [int(due) for due in poller._schedule._due.values()]
        ratio = median([own / bare_ for bare_, own in zip(bares, ours, strict=True)])
        rows.append([f"{count:,}", "sqlite3, the rows alone", f"{median(bares) * 1e3:.0f}", "1"])
        rows.append(
            [f"{count:,}", "ours, until all is scheduled", f"{median(ours) * 1e3:.0f}", f"{ratio:.1f}"]
        )
        busiest = max(seconds.count(second) for second in set(seconds))
    section.table(["watches", "reading", "ms", "ratio"], *rows)
    section.text = (
        f"The first looks are spread: the busiest second has {busiest:,} of them, half of them lie within"
        f" {percentile(seconds, 0.5) - min(seconds)} s."
    )
    section.headline = (
        "restart with 10,000 live watches",
        f"{rows[1][2]} ms",
        f"sqlite3 reading the rows: {rows[0][2]} ms",
    )
    section.goal("10,000 watches in three times the bare reading, or less", met=ratio <= MOST)
    section.goal("no burst: the first looks are spread over the interval", met=busiest <= count / 10)
    return section
