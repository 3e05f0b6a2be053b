"""Load shedding for interactions: when there are too many, the newest go first and expired ones are dropped.

Discord allows three seconds for a response; work on a later one is wasted.
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
"""Answered concurrently: 200 a second if Discord takes 0.2 s. More would delay results under load."""


class TooLate(Exception):
    """An interaction expired while others were answered; no more work is done for it."""


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
        if self._free:  # already expired: drop it now, because no `give_back` may follow to do so
            self._pass_on()
        try:
            return await turn
        except asyncio.CancelledError:
            # The turn may have been granted just before the cancellation arrived; pass it on.
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
                    log.warning("too many interactions to answer in time, answering the newest first")
        if self._dropped and self._free:
            log.info("all interactions are answered in time again", extra={"dropped": self._dropped})
            self._dropped = 0


class Turn:
    """One interaction's turn: held while it starts and responds, given back during polls of the task API."""

    def __init__(self, turns: NewestFirst) -> None:
        self.deadline: Final = asyncio.get_running_loop().time() + RESPONSE_SECONDS
        """When the first response must be on its way, on the loop's clock."""
        self._turns: Final = turns
        self._taken = False

    async def take(self) -> None:
        """Wait for the turn, unless it is held already.

        Raises:
            TooLate: the deadline passed first.
        """
        if not self._taken:
            if not await self._turns.take(self.deadline):
                raise TooLate
            self._taken = True

    def give_back(self) -> None:
        if self._taken:
            self._taken = False
            self._turns.give_back()
