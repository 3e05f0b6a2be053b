"""What is pruned, and what never is."""

from pathlib import Path

import pytest
from made import NOW
from store.places import add, opened, sql

from bot.core.outcome import Ending, Message, Outcome
from bot.store.pruning import BATCH, prune
from bot.store.store import Store

DAY = 86_400.0
TABLES = ("cards", "watches", "followers", "deliveries")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


def rows(path: Path) -> list[int]:
    return [sql(path, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES]


async def ended(store: Store, at: float, *tasks: str, message_id: int, done: bool = True) -> None:
    """Store a card whose watches ended and were announced."""
    state = await add(store, *tasks, message_id=message_id, channel_id=message_id, now=NOW)
    for watch in state.watches:
        await store.save_outcomes([(watch.id, Outcome(Ending.FAILED, at))])
        await store.results.plan(watch.id, [Message("posted")])
    if done:
        await store.finish([watch.id for watch in state.watches])


async def test_what_ended_long_ago_is_pruned_with_all_that_belongs_to_it(path: Path) -> None:
    async with opened(path) as database:
        store = Store(database)
        await ended(store, NOW + DAY, "a", "b", message_id=1)
        await ended(store, NOW + 3 * DAY, "c", message_id=2)
        assert rows(path) == [2, 3, 2, 3]
        assert await prune(database, NOW + 2 * DAY) == 1
        assert rows(path) == [1, 1, 1, 1]
        assert await prune(database, NOW + 2 * DAY) == 0


async def test_nothing_unfinished_is_ever_pruned(path: Path) -> None:
    async with opened(path) as database:
        store = Store(database)
        await add(store, "live", message_id=1, channel_id=1)
        await ended(store, NOW + 1, "final", message_id=2, done=False)
        half = await add(store, "ended", "going on", message_id=3, channel_id=3)
        await store.save_outcomes([(half.watches[0].id, Outcome(Ending.STOPPED, NOW + 1))])
        await store.finish([half.watches[0].id])
        before = rows(path)
        assert await prune(database, NOW + 1000 * DAY) == 0
        assert rows(path) == before


async def test_many_are_pruned_in_several_transactions_and_their_space_is_used_again(path: Path) -> None:
    async with opened(path) as database:
        store = Store(database)
        pages = set()
        for start in (1, 1_001):
            for number in range(start, start + BATCH + 5):
                await ended(store, NOW + 1, f"task-{number}", message_id=number)
            pages.add(sql(path, "PRAGMA page_count")[0])
            assert await prune(database, NOW + DAY) == BATCH + 5
            assert rows(path) == [0, 0, 0, 0]
        assert len(pages) == 1
