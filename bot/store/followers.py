"""Who is pinged: the followers of a card, and of single tasks on a card with several."""

from typing import Final

from sqlalchemy import Connection, Delete, Insert, bindparam, delete, select

from bot.core.watch import Card, Watch
from bot.store.database import Database
from bot.store.records import read_followers
from bot.store.schema import followers, summaries, watch_followers, watches

_EARLY: Final = select(summaries.c.card_id).where(
    summaries.c.watch_id == bindparam("watch"), summaries.c.early
)
_JOINED: Final = (
    select(watch_followers.c.user_id)
    .where(watch_followers.c.watch_id == bindparam("watch"))
    .order_by(watch_followers.c.since, watch_followers.c.user_id)
)


class Followers:
    """Adds, removes and reads followers. Every method may raise `StoreFailed`."""

    def __init__(self, database: Database) -> None:
        self._run: Final = database.run
        self._write: Final = database.write
        self._upsert: Final = database.upsert

    async def follow(self, card_id: int, user_id: int, now: float) -> list[int]:
        """Add a follower to a card, unless they follow it already; return all its followers.

        Whoever has joined single tasks of it follows the whole card instead, so that nobody is pinged twice.
        """
        row = (
            self._upsert(followers)
            .values(card_id=card_id, user_id=user_id, since=now)
            .on_conflict_do_nothing()
        )
        return await self._change_followers(card_id, user_id, row)

    async def follow_watch(self, watch: Watch, user_id: int, now: float) -> None:
        """Add a follower to one task of a card with several, unless they follow the whole card."""
        follows_card = select(followers.c.user_id).where(
            followers.c.card_id == watch.card_id, followers.c.user_id == user_id
        )
        row = self._upsert(watch_followers).values(watch_id=watch.id, user_id=user_id, since=now)

        def work(connection: Connection) -> None:
            if connection.scalar(follows_card) is None:
                connection.execute(row.on_conflict_do_nothing())

        await self._write(work)

    async def unfollow(self, card_id: int, user_id: int) -> list[int]:
        """Remove a follower from a card; return those who remain."""
        row = delete(followers).where(followers.c.card_id == card_id, followers.c.user_id == user_id)
        return await self._change_followers(card_id, user_id, row)

    async def _change_followers(self, card_id: int, user_id: int, change: Insert | Delete) -> list[int]:
        joined = delete(watch_followers).where(
            watch_followers.c.user_id == user_id,
            watch_followers.c.watch_id.in_(select(watches.c.id).where(watches.c.card_id == card_id)),
        )

        def work(connection: Connection) -> list[int]:
            connection.execute(change)
            connection.execute(joined)
            return read_followers(connection, [card_id])[card_id]

        return await self._write(work)

    async def of_card(self, card_id: int) -> list[int]:
        """Return a card's followers by user id: its starter first, then in the order they came."""
        return await self._run(lambda connection: read_followers(connection, [card_id])[card_id])

    async def of_result(self, card: Card, watch_id: int) -> list[int]:
        """Return whom the result of a watch pings.

        On a card with several tasks only those who joined that task, because the others are pinged by the
        summary; once the summary went out early, its followers as well.
        """
        watch = {"watch": watch_id}

        def work(connection: Connection) -> list[int]:
            people = list(connection.scalars(_JOINED, watch))
            if not card.batch or connection.scalar(_EARLY, watch) is not None:
                people = [*read_followers(connection, [card.id])[card.id], *people]
            return list(dict.fromkeys(people))

        return await self._run(work)
