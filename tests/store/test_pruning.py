"""What is pruned, and what never is."""

from pathlib import Path

from made import NOW
from sqlalchemy import Connection, insert
from store.places import add, opened, sql

from bot.core.outcome import Ending, Message, Outcome
from bot.store.database import Database
from bot.store.location import Location
from bot.store.pruning import BATCH, prune
from bot.store.schema import DONE, cards, watches
from bot.store.store import Store

DAY = 86_400.0
TABLES = ("cards", "watches", "followers", "deliveries")


def rows(place: Location) -> list[int]:
    return [sql(place, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES]


async def ended(store: Store, at: float, *tasks: str, message_id: int, done: bool = True) -> None:
    """Store a card whose watches ended and were announced."""
    state = await add(store, *tasks, message_id=message_id, channel_id=message_id, now=NOW)
    for watch in state.watches:
        await store.save_outcomes([(watch.id, Outcome(Ending.FAILED, at))])
        await store.results.plan(watch.id, [Message("posted")])
    if done:
        await store.finish([watch.id for watch in state.watches])


async def test_what_ended_long_ago_is_pruned_with_all_that_belongs_to_it(place: Location) -> None:
    async with opened(place) as database:
        store = Store(database)
        await ended(store, NOW + DAY, "a", "b", message_id=1)
        await ended(store, NOW + 3 * DAY, "c", message_id=2)
        assert rows(place) == [2, 3, 2, 3]
        assert await prune(database, NOW + 2 * DAY) == 1
        assert rows(place) == [1, 1, 1, 1]
        assert await prune(database, NOW + 2 * DAY) == 0


async def test_nothing_unfinished_is_ever_pruned(place: Location) -> None:
    async with opened(place) as database:
        store = Store(database)
        await add(store, "live", message_id=1, channel_id=1)
        await ended(store, NOW + 1, "final", message_id=2, done=False)
        half = await add(store, "ended", "going on", message_id=3, channel_id=3)
        await store.save_outcomes([(half.watches[0].id, Outcome(Ending.STOPPED, NOW + 1))])
        await store.finish([half.watches[0].id])
        before = rows(place)
        assert await prune(database, NOW + 1000 * DAY) == 0
        assert rows(place) == before


async def many(database: Database, numbers: range) -> None:
    """Store cards whose watches ended and were announced, in one transaction."""

    def work(connection: Connection) -> None:
        card = {"guild_id": 1, "channel_id": 2, "starter_id": 3, "language": "en", "created_at": NOW}
        connection.execute(insert(cards), [{**card, "id": n, "message_id": n} for n in numbers])
        watch = {"channel_id": 2, "position": 0, "state": DONE, "started_at": NOW, "ended_at": NOW + 1}
        rows = [{**watch, "id": n, "card_id": n, "task_id": f"task-{n}"} for n in numbers]
        connection.execute(insert(watches), rows)

    await database.run(work)


async def test_many_are_pruned_in_several_transactions(place: Location) -> None:
    seconds: list[float] = []
    async with opened(place) as database:
        await many(database, range(1, 2 * BATCH + 6))
        database.on_transaction = seconds.append
        assert await prune(database, NOW + DAY) == 2 * BATCH + 5
        assert len(seconds) == 4
        assert rows(place) == [0, 0, 0, 0]


async def test_the_space_of_what_is_pruned_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    async with opened(path) as database:
        pages = set()
        for _ in range(3):
            await many(database, range(1, 401))
            pages.add(sql(path, "PRAGMA page_count")[0])
            assert await prune(database, NOW + DAY) == 400
        assert len(pages) == 1
