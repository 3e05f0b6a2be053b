"""The summaries of cards with several tasks: when each became due, whom it pings, what it reports."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, Select, delete, insert, select

from bot.core.outcome import Summary
from bot.core.summary import Summarized
from bot.store.database import Database
from bot.store.deliveries import Deliveries
from bot.store.records import WATCH, read_followers, watch_from
from bot.store.schema import deliveries, summaries, summary_deliveries, watches


class Summaries(Deliveries):
    """Reads and drops summaries, and plans their messages. Every method may raise `StoreFailed`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, summary_deliveries)

    async def read(self, card_id: int) -> Summarized | None:
        """Return the summary of a card, None if there is none."""
        columns = (summaries.c.watch_id, summaries.c.at, summaries.c.early, summaries.c.recipients)
        query = select(*columns).where(summaries.c.card_id == card_id)
        rows = select(*WATCH).where(watches.c.card_id == card_id).order_by(watches.c.position)
        results = (
            select(deliveries.c.watch_id, deliveries.c.message_id)
            .join(watches, watches.c.id == deliveries.c.watch_id)
            .where(watches.c.card_id == card_id, deliveries.c.part == 1, deliveries.c.message_id > 0)
        )

        def work(connection: Connection) -> Summarized | None:
            if (found := connection.execute(query).first()) is None:
                return None
            watch_id, at, early, recipients = found
            return Summarized(
                Summary(watch_id, at, early),
                tuple(recipients),
                tuple(watch_from(row) for row in connection.execute(rows).all()),
                dict(connection.execute(results).all()),
            )

        return await self._run(work)

    async def drop(self, card_id: int) -> None:
        """Delete the summary of a card that is gone, if there is one.

        An early one stays: because of it the last result pings (`Followers.of_result`).
        """
        row = delete(summaries).where(summaries.c.card_id == card_id, ~summaries.c.early)
        await self._write(lambda connection: connection.execute(row))


def add_summaries(connection: Connection, due: Mapping[int, Summary]) -> None:
    """Store the summaries of cards that have become due; each pings those who follow its card now."""
    if not due:
        return
    new = due.keys() - read_summaries(connection, due)  # the transaction may run twice
    people = read_followers(connection, new)
    for card_id in new:
        summary = due[card_id]
        values = {
            "card_id": card_id,
            "watch_id": summary.watch_id,
            "at": summary.at,
            "early": summary.early,
            "recipients": people[card_id],
        }
        connection.execute(insert(summaries).values(values))


def read_summaries(connection: Connection, card_ids: Iterable[int] | Select[int]) -> dict[int, Summary]:
    """Return the summaries of those of these cards that have one."""
    columns = (summaries.c.card_id, summaries.c.watch_id, summaries.c.at, summaries.c.early)
    query = select(*columns).where(summaries.c.card_id.in_(card_ids))
    return {card_id: Summary(*row) for card_id, *row in connection.execute(query).all()}
