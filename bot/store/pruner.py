"""Keeps the memory from growing for ever: what ended `KEEP_DAYS` ago is forgotten, a few times a day."""

import logging
from typing import Final

from bot.clock import Clock, WaitHook, WakeUp, plain_wait
from bot.store.errors import StoreFailed
from bot.store.pruning import Pruning

log = logging.getLogger(__name__)

PAUSE: Final = 6 * 3_600.0
"""Seconds between two rounds."""
DAY: Final = 86_400.0


class Pruner:
    """Forgets what is old enough, as long as it runs."""

    def __init__(
        self, pruning: Pruning, keep_days: int, clock: Clock, *, wait: WaitHook = plain_wait
    ) -> None:
        self._pruning: Final = pruning
        self._keep_seconds: Final = keep_days * DAY
        self._clock: Final = clock
        self._wake_up: Final = WakeUp(wait)

    async def run(self) -> None:
        """Prune now and then again and again, until cancelled."""
        while True:
            try:
                cards = await self._pruning.prune(self._clock() - self._keep_seconds)
            except StoreFailed as error:
                log.warning("what is old could not be forgotten", extra={"reason": str(error)})
            else:
                if cards:
                    log.info("forgot old cards", extra={"cards": cards})
            await self._wake_up.sleep(PAUSE)
