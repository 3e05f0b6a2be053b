"""Several processes on one database: a shard sees its own cards only, and writes nothing once it is taken."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest
from made import NOW, STARTER, TASK
from sqlalchemy import URL, Connection, text
from store.places import add, opened, sql

from bot.core.outcome import Ending, Message, Outcome, Summary
from bot.core.shards import Shard
from bot.core.watch import CardState
from bot.store.database import Database, T
from bot.store.deliveries import Deliveries
from bot.store.errors import LeaseLost, StoreError, StoreFailed
from bot.store.fenced import FencedDatabase
from bot.store.location import Location
from bot.store.pruning import prune
from bot.store.records import Placeholder
from bot.store.schema import DATA
from bot.store.store import Store

Change = Callable[[], Coroutine[Any, Any, Any]]
GUILDS = (1, 2**22, 5 * 2**22 + 7, 197_038_439_483_310_086, 2**63 - 1)


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_each_shard_lists_what_belongs_to_its_servers(count: int, place: Location) -> None:
    async with opened(place) as database:
        store = Store(database)
        for number, guild_id in enumerate(GUILDS):
            state = await add(store, "final", "live", message_id=number, channel_id=number, guild_id=guild_id)
            await store.save_outcomes([(state.watches[0].id, Outcome(Ending.EMPTY, NOW))])
            await store.placeholders.add(Placeholder(number, number, "Checking", NOW, guild_id))
        await store.placeholders.add(Placeholder(99, 99, "Checking", NOW, None))
        cards, final, waiting = (
            await store.unfinished(),
            await store.to_announce(),
            await store.placeholders.all(),
        )
        assert len(cards) == len(final) == len(GUILDS)
        for shard in (Shard(number, count) for number in range(count)):
            part = Store(database, shard)
            here = [state for state in cards if shard.has(state.card.guild_id)]
            assert await part.unfinished() == here
            assert await part.to_announce() == [state.watches[0].id for state in here]
            left = await part.placeholders.all()
            assert left == [one for one in waiting if shard.has(one.guild_id or 0)]


def changes(store: Store, database: Database, state: CardState) -> list[Change]:
    """Return everything that changes the data of a server, in an order in which it can happen."""
    card, (watch, other) = state.card, state.watches
    ended = [(one.id, Outcome(Ending.EMPTY, NOW)) for one in state.watches]
    placeholder = Placeholder(1, 2, "Checking", NOW)
    return [
        partial(add, store, "third", message_id=2000),
        partial(store.save_seen, [watch.id], NOW),
        partial(store.rename, watch.id, "Shot 12"),
        partial(store.people.follow, card.id, 5, NOW),
        partial(store.people.follow_watch, watch, 6, NOW),
        partial(store.people.unfollow, card.id, STARTER),
        partial(store.save_outcomes, ended, {card.id: Summary(other.id, NOW, early=False)}),
        *_plan_and_send(store.results, other.id),
        *_plan_and_send(store.summaries, other.id),
        partial(store.summaries.drop, card.id),
        partial(store.finish, [watch.id, other.id]),
        partial(store.remember, "key", "value"),
        partial(store.placeholders.add, placeholder),
        partial(store.placeholders.delete, 1),
        partial(prune, database, NOW + 1),
    ]


def _plan_and_send(table: Deliveries, watch_id: int) -> list[Change]:
    return [
        partial(table.plan, watch_id, [Message("done")]),
        partial(table.mark_sending, watch_id, 1, NOW),
        partial(table.mark_unsent, watch_id, 1),
        partial(table.sent, watch_id, 1, 77),
    ]


class ReadsOnly(FencedDatabase):
    """Lets only what is fenced write."""

    async def run(self, work: Callable[[Connection], T]) -> T:
        def reading(connection: Connection) -> T:
            connection.execute(text("SET TRANSACTION READ ONLY"))
            return work(connection)

        return await super().run(reading)

    async def write(self, work: Callable[[Connection], T]) -> T:
        return await self._whole.run(work)


async def test_whatever_writes_is_fenced(postgres_place: URL) -> None:
    async with opened(postgres_place) as whole:
        database = ReadsOnly(whole, lambda _connection: None)
        with pytest.raises(StoreFailed, match="read-only"):
            await database.try_to_write()
        store = Store(database)
        state = await add(store, TASK, "other", now=NOW - 1)
        for change in changes(store, database, state):
            await change()


async def test_who_was_taken_over_can_commit_nothing(place: Location) -> None:
    fallen: list[StoreError] = []

    def fence(_connection: Connection) -> None:
        raise LeaseLost("shard 0 is another process's")

    def contents() -> list[object]:
        return [sql(place, f"SELECT * FROM {table.name}") for table in DATA]

    async with opened(place) as whole:
        whole.on_taken = fallen.append
        state = await add(Store(whole), TASK, "other")
        before = contents()
        database = FencedDatabase(whole, fence)
        store = Store(database)
        late = changes(store, database, state)
        for change in late:
            with pytest.raises(StoreFailed, match="another process's"):
                await change()
        assert contents() == before
        assert [type(error) for error in fallen] == [LeaseLost] * len(late)
        assert await store.unfinished() == [state], "it can still read"
