"""Pruning: deletes the cards whose watches all ended `KEEP_DAYS` ago, and everything that belongs to them."""

import logging
from typing import Final

from sqlalchemy import Connection, delete, or_, select

from bot.clock import Clock, WaitHook, WakeUp
from bot.store.database import Database
from bot.store.errors import StoreFailed
from bot.store.schema import DONE, cards, watches

log = logging.getLogger(__name__)

DAY: Final = 86_400.0
PAUSE: Final = 6 * 3_600.0
"""Seconds between two rounds."""
BATCH: Final = 200
"""Cards per transaction, so that other transactions never wait long."""


async def keep_pruning(database: Database, keep_days: int, clock: Clock, wait: WaitHook) -> None:
    """Prune now and every `PAUSE` seconds, until cancelled."""
    wake_up = WakeUp(wait)
    while True:
        try:
            deleted = await prune(database, clock() - keep_days * DAY)
        except StoreFailed as error:
            log.warning("old cards could not be pruned", extra={"reason": str(error)})
        else:
            if deleted:
                log.info("pruned old cards", extra={"cards": deleted})
        await wake_up.sleep(PAUSE)


async def prune(database: Database, before: float) -> int:
    """Delete the cards whose last watch was done before a Unix time; return their number.

    The file does not shrink, but its free pages are used before it grows.

    Raises:
        StoreFailed: the remaining cards are still there.
    """
    needed = or_(watches.c.state != DONE, watches.c.ended_at >= before)
    kept = select(watches.c.id).where(watches.c.card_id == cards.c.id, needed).exists()
    old = select(cards.c.id).where(cards.c.created_at < before, ~kept).limit(BATCH)

    def work(connection: Connection) -> int:
        # ON DELETE CASCADE deletes the card's watches, followers and deliveries.
        return connection.execute(delete(cards).where(cards.c.id.in_(old))).rowcount

    total = 0
    while deleted := await database.write(work):
        total += deleted
    return total
