"""Which interactions are answered if more come than can be: the newest.

Discord gives each three seconds, and a response after that is wasted work. So if there are too many, the
newest go first, and those whose time has passed are dropped.
"""

import asyncio
import heapq
import logging
from itertools import count
from typing import Final

log = logging.getLogger(__name__)

RESPONSE_SECONDS: Final = 2.5
"""From an interaction's arrival until its response must be on its way: Discord's 3 s, less the network."""
INTERACTIONS: Final = 40
"""Answered at once: 200 a second if Discord takes 0.2 s. With more, results would wait longer in a storm."""


class TooLate(Exception):
    """An interaction's time passed while others were answered: it needs no more work."""


class NewestFirst:
    """Turns for interactions; one that waits past its deadline gets none."""

    def __init__(self, at_once: int = INTERACTIONS) -> None:
        self._free = at_once
        self._waiting: list[tuple[float, int, asyncio.Future[bool]]] = []
        """A heap, the newest on top (its deadline is the latest)."""
        self._numbers: Final = count()
        self._dropped = 0

    async def take(self, deadline: float) -> bool:
        """Wait for a turn; return whether it came in time."""
        loop = asyncio.get_running_loop()
        if self._free and loop.time() < deadline:
            self._free -= 1
            return True
        turn: asyncio.Future[bool] = loop.create_future()
        heapq.heappush(self._waiting, (-deadline, -next(self._numbers), turn))
        if self._free:  # its deadline has passed already, and no turn is due to be given back
            self._pass_on()
        try:
            return await turn
        except asyncio.CancelledError:
            # The turn may have been given just before the cancellation arrived: it must not be lost.
            if turn.done() and not turn.cancelled() and turn.result():
                self.give_back()
            raise

    def give_back(self) -> None:
        """End a turn that was taken."""
        self._free += 1
        self._pass_on()

    def _pass_on(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._free and self._waiting:
            negated, _, turn = heapq.heappop(self._waiting)
            if turn.done():  # cancelled
                continue
            in_time = now < -negated
            turn.set_result(in_time)
            if in_time:
                self._free -= 1
            else:
                self._dropped += 1
                if self._dropped == 1:
                    log.warning("more interactions than can be answered in time, the newest go first")
        if self._dropped and self._free:
            log.info("all interactions are answered in time again", extra={"dropped": self._dropped})
            self._dropped = 0


class Turn:
    """One interaction's turn: taken to begin and to respond, given back while it waits for the task API."""

    def __init__(self, turns: NewestFirst) -> None:
        self.deadline: Final = asyncio.get_running_loop().time() + RESPONSE_SECONDS
        """On the loop's clock: the first response must be on its way."""
        self._turns: Final = turns
        self._taken = False

    async def take(self) -> None:
        """Wait for the turn, unless it is taken.

        Raises:
            TooLate: it did not come before the deadline.
        """
        if not self._taken:
            if not await self._turns.take(self.deadline):
                raise TooLate
            self._taken = True

    def give_back(self) -> None:
        if self._taken:
            self._taken = False
            self._turns.give_back()
