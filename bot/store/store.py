"""Everything that must survive a restart; each method is one transaction.

Times are Unix seconds, `intended_at` of a delivery by Discord's clock: it is compared with messages.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Connection, Insert, bindparam, func, insert, select, update

from bot.core.outcome import Outcome, Summary
from bot.core.shards import Shard
from bot.core.watch import Card, CardState, Watch
from bot.store.database import Database
from bot.store.deliveries import Deliveries
from bot.store.errors import AlreadyWatched, TooManyWatches
from bot.store.followers import Followers
from bot.store.placeholders import Placeholders
from bot.store.records import (
    CARD,
    WATCH,
    is_in,
    outcome_record,
    read_followers,
    watch_from,
)
from bot.store.schema import (
    DONE,
    FINAL,
    LIVE,
    cards,
    deliveries,
    followers,
    meta,
    summary_deliveries,
    watches,
)
from bot.store.summaries import Summaries, add_summaries, read_summaries

if TYPE_CHECKING:  # one process with a file needs none of it
    from bot.store.answers import Answers

# Made once: to make a statement and to recognize it takes SQLAlchemy several times as long as to execute it.
_TAKEN: Final = select(watches.c.task_id, watches.c.card_id).where(
    watches.c.channel_id == bindparam("channel"),
    watches.c.task_id.in_(bindparam("tasks", expanding=True)),
    watches.c.state == LIVE,
)
_BEGUN: Final = (
    select(func.count())
    .select_from(watches)
    .join(cards)
    .where(watches.c.state == LIVE, cards.c.starter_id == bindparam("starter"))
)
_ADD_CARD: Final = insert(cards)
_ADD_FOLLOWER: Final = insert(followers)
_ADD_WATCH: Final = insert(watches)
_END: Final = update(watches).where(watches.c.id == bindparam("watch"), watches.c.state == LIVE)
_FINISH: Final = (
    update(watches)
    .where(watches.c.id.in_(bindparam("ids", expanding=True)), watches.c.state == FINAL)
    .values(state=DONE)
)


class Store:
    """Cards, watches, followers, deliveries and placeholders. Every method may raise `StoreFailed`.

    A transaction may run twice, if the connection to the database was lost meanwhile. With `shard`, lists
    have only what belongs to servers of that shard.
    """

    def __init__(self, database: Database, shard: Shard | None = None) -> None:
        self._upsert: Final = database.upsert
        self._run: Final = database.run
        self._write: Final = database.write
        self._shard: Final = shard
        self._lock: Final = database.lock
        self.answers: Answers | None = None
        """Set where several shards share the data."""
        self.results: Final = Deliveries(database, deliveries)
        self.summaries: Final = Summaries(database)
        self.people: Final = Followers(database)
        self.placeholders: Final = Placeholders(database, shard)

    async def add_card(
        self,
        *,
        guild_id: int,
        channel_id: int,
        message_id: int,
        starter_id: int,
        language: str,
        task_ids: Sequence[str],
        now: float,
        known: Collection[str] = (),
        names: Mapping[str, str] | None = None,
        per_person: int | None = None,
    ) -> CardState:
        """Store a card with a live watch for each task and its starter as the first follower.

        `known` are the tasks that the API is known to know; `names` are what people call them. `per_person`
        is the most live watches that a person may have begun, in all processes.

        Raises:
            AlreadyWatched: the channel already watches one of the tasks; nothing is stored.
            TooManyWatches: the starter would have more than `per_person`; nothing is stored.
        """
        made: CardState | None = None

        def work(connection: Connection) -> CardState:
            nonlocal made
            if taken := connection.execute(_TAKEN, {"channel": channel_id, "tasks": task_ids}).first():
                if made is not None and taken.card_id == made.card.id:
                    return made  # it was committed, although the answer was lost
                raise AlreadyWatched(*taken)
            if per_person is not None:
                self._lock(connection, f"person {starter_id}")
                count = connection.execute(_BEGUN, {"starter": starter_id}).scalar_one()
                if count + len(task_ids) > per_person:
                    raise TooManyWatches(count)
            if self.answers is not None:
                self.answers.begin(connection, task_ids, now)
            values = {
                "guild_id": guild_id,
                "channel_id": channel_id,
                "message_id": message_id,
                "starter_id": starter_id,
                "language": language,
                "created_at": now,
                "batch": len(task_ids) > 1,
            }
            card = Card(id=_insert(connection, _ADD_CARD, values), **values)  # type: ignore[arg-type]
            connection.execute(_ADD_FOLLOWER, {"card_id": card.id, "user_id": starter_id, "since": now})
            added = []
            for position, task_id in enumerate(task_ids):
                fields = {
                    "card_id": card.id,
                    "task_id": task_id,
                    "position": position,
                    "started_at": now,
                    "seen_at": now if task_id in known else None,
                    "name": (names or {}).get(task_id, ""),
                }
                values = {**fields, "channel_id": channel_id, "state": LIVE}
                watch_id = _insert(connection, _ADD_WATCH, values)
                added.append(Watch(id=watch_id, **fields))  # type: ignore[arg-type]
            made = CardState(card, tuple(added), (starter_id,))
            return made

        return await self._write(work)

    async def unfinished(self) -> list[CardState]:
        """Return every card with an unfinished watch, with all its watches, oldest first."""

        def work(connection: Connection) -> list[CardState]:
            open_cards = select(watches.c.card_id).where(watches.c.state != DONE, *self._cards_here())
            query = select(*CARD).where(cards.c.id.in_(open_cards)).order_by(cards.c.id)
            found = {row[0]: Card(*row) for row in connection.execute(query).all()}
            rows: dict[int, list[Watch]] = defaultdict(list)
            query = select(*WATCH).where(watches.c.card_id.in_(open_cards)).order_by(watches.c.position)
            for row in connection.execute(query).all():
                rows[row[1]].append(watch_from(row))
            people, due = read_followers(connection, open_cards), read_summaries(connection, open_cards)
            return [
                CardState(card, tuple(rows[key]), tuple(people[key]), due.get(key))
                for key, card in found.items()
            ]

        return await self._run(work)

    async def to_announce(self) -> list[int]:
        """Return the ids of the watches whose outcome is stored but not yet fully announced."""
        conditions = (watches.c.state == FINAL, *self._cards_here())
        query = select(watches.c.id).where(*conditions).order_by(watches.c.ended_at)
        return await self._run(lambda connection: list(connection.scalars(query)))

    def _cards_here(self) -> tuple[ColumnElement[bool], ...]:
        """Return the conditions on a watch: it belongs to a server of this shard."""
        if self._shard is None:
            return ()
        here = select(cards.c.id).where(is_in(self._shard, cards.c.guild_id))
        return (watches.c.card_id.in_(here),)

    async def save_seen(self, watch_ids: Iterable[int], at: float) -> None:
        """Store when the API was first known to know the task."""
        change = update(watches).where(watches.c.id.in_(list(watch_ids)), watches.c.seen_at.is_(None))
        await self._write(lambda connection: connection.execute(change.values(seen_at=at)))

    async def rename(self, watch_id: int, name: str) -> None:
        """Give a watch another name."""
        change = update(watches).where(watches.c.id == watch_id).values(name=name)
        await self._write(lambda connection: connection.execute(change))

    async def save_outcomes(
        self, outcomes: Sequence[tuple[int, Outcome]], due: Mapping[int, Summary] = MappingProxyType({})
    ) -> None:
        """Store the outcomes of watches by id and, by card, the summaries that are due, in one transaction.

        Watches that have ended are unchanged. A summary pings those who follow its card now.
        """

        def work(connection: Connection) -> None:
            for watch_id, outcome in outcomes:
                # If there is no card left to show the ending, the watch is done.
                state = FINAL if outcome.ending.shown else DONE
                values = {"state": state, "ended_at": outcome.at, "outcome": outcome_record(outcome)}
                connection.execute(_END, {"watch": watch_id, **values})
            add_summaries(connection, due)
            if self.answers is not None:
                self.answers.end(connection, [watch_id for watch_id, _ in outcomes])

        return await self._write(work)

    async def finish(self, watch_ids: Iterable[int]) -> None:
        """Store that nothing remains to be done for these ended watches."""
        ids = list(watch_ids)
        await self._write(lambda connection: connection.execute(_FINISH, {"ids": ids}))

    async def is_result(self, message_id: int) -> bool:
        """Return whether a message is known to belong to a result or a summary."""
        queries = [
            select(table.c.part).where(table.c.message_id == message_id).limit(1)
            for table in (deliveries, summary_deliveries)
        ]
        return await self._run(
            lambda connection: any(connection.scalar(query) is not None for query in queries)
        )

    async def remembered(self, key: str) -> str | None:
        query = select(meta.c.value).where(meta.c.key == key)
        return await self._run(lambda connection: connection.scalar(query))

    async def remember(self, key: str, value: str) -> None:
        row = self._upsert(meta).values(key=key, value=value)
        row = row.on_conflict_do_update(index_elements=["key"], set_={"value": value})
        await self._write(lambda connection: connection.execute(row))

    async def is_card(self, message_id: int) -> bool:
        """Return whether a message has become a card."""
        query = select(cards.c.id).where(cards.c.message_id == message_id)
        return await self._run(lambda connection: connection.scalar(query) is not None)


def _insert(connection: Connection, row: Insert, values: dict[str, Any]) -> int:
    """Insert a row and return its id."""
    key = connection.execute(row, values).inserted_primary_key
    return int(key[0]) if key else 0
