"""Forgetting: cards whose watches have all ended long ago, with everything that belongs to them."""

from typing import Final

from sqlalchemy import Connection, delete, or_, select

from bot.store.database import Database
from bot.store.schema import DONE, cards, watches

BATCH: Final = 200
"""Cards in one transaction: nobody waits long for the file."""


class Pruning:
    """Deletes old cards. The file does not shrink, but what is freed is used again before it grows."""

    def __init__(self, database: Database) -> None:
        self._run: Final = database.run

    async def prune(self, before: float) -> int:
        """Delete the cards whose last watch was done before a Unix time; return how many those were.

        Raises:
            StoreFailed: the rest is still there.
        """
        needed = or_(watches.c.state != DONE, watches.c.ended_at >= before)
        kept = select(watches.c.id).where(watches.c.card_id == cards.c.id, needed).exists()
        old = select(cards.c.id).where(cards.c.created_at < before, ~kept).limit(BATCH)

        def work(connection: Connection) -> int:
            # Watches, followers and deliveries go with their card: ON DELETE CASCADE.
            return connection.execute(delete(cards).where(cards.c.id.in_(old))).rowcount

        total = 0
        while deleted := await self._run(work):
            total += deleted
        return total
