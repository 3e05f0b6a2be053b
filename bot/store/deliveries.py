"""The planned messages of results, and of summaries: what was about to be sent, and what is sent.

Both are kept by a watch: a result by the watch that ended, a summary by the last watch of its card.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from bot.core.outcome import Delivery, Message
from bot.store.database import Database
from bot.store.unconfirmed import count_intent, unconfirmed_since


class Deliveries:
    """The planned messages in one table. Every method may raise `StoreFailed`."""

    def __init__(self, database: Database, table: Table) -> None:
        watch = table.c.watch_id == bindparam("watch")
        self._planned: Final = select(table).where(watch).order_by(table.c.part)
        self._add: Final = insert(table)
        self._update: Final = update(table).where(watch, table.c.part == bindparam("number"))
        self._run: Final = database.run
        self._write: Final = database.write
        self._write_last_run: Final = database.write_last_run

    async def plan(self, watch_id: int, messages: Sequence[Message]) -> list[Delivery]:
        """Store the planned messages, unless there is a plan already; return the stored plan.

        After a restore they may have been sent already: then each counts as being sent since the backup.
        """

        def work(connection: Connection) -> list[Delivery]:
            if not (planned := self._read(connection, watch_id)):
                rows = [
                    {"watch_id": watch_id, "part": part, "message": asdict(message)}
                    for part, message in enumerate(messages, 1)
                ]
                connection.execute(self._add, rows)
                planned = self._read(connection, watch_id)
            since = unconfirmed_since(connection, watch_id)
            return [
                replace(delivery, intended_at=since) if delivery.intended_at is None else delivery
                for delivery in planned
            ]

        return await self._write(work)

    async def mark_sending(self, watch_id: int, part: int, at: float) -> None:
        """Store that a message is about to be sent; must be committed before the request."""

        def work(connection: Connection) -> int:
            self._change(connection, watch_id, part, intended_at=at)
            return count_intent(connection, at)

        await self._write_last_run(await self._write(work))

    async def mark_unsent(self, watch_id: int, part: int) -> None:
        """Undo `mark_sending`: Discord has refused the message, so it is not in the channel."""
        await self._write(lambda connection: self._change(connection, watch_id, part, intended_at=None))

    async def sent(self, watch_id: int, part: int, message_id: int) -> None:
        """Store that a message is in the channel."""
        await self._write(lambda connection: self._change(connection, watch_id, part, message_id=message_id))

    def _change(self, connection: Connection, watch_id: int, part: int, **values: float | None) -> None:
        connection.execute(self._update, {"watch": watch_id, "number": part, **values})

    def _read(self, connection: Connection, watch_id: int) -> list[Delivery]:
        rows = connection.execute(self._planned, {"watch": watch_id})
        return [delivery_from(row) for row in rows.mappings()]


def delivery_from(row: Mapping[Any, Any]) -> Delivery:
    message: Mapping[str, Any] = row["message"]
    return Delivery(
        part=row["part"],
        message=Message(
            content=str(message["content"]),
            mentions=tuple(message["mentions"]),
            urls_file=tuple(message["urls_file"]),
            error_file=str(message.get("error_file", "")),  # missing in plans of older versions
            silent=bool(message.get("silent", False)),  # the same
        ),
        intended_at=row["intended_at"],
        message_id=row["message_id"],
    )
