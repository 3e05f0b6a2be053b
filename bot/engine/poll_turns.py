"""Turns in which several processes ask the task API, so that together they keep to `POLL_PER_MINUTE`.

A watched task's turn is taken when its poll is due, and given to the budget, which then says when it comes.
People, probes and second tries wait for theirs at once, which may come ahead of its time. While the database
is away there are no turns, and nobody polls.
"""

import asyncio
import logging
from typing import Final

from bot.clock import Clock, WaitHook, plain_wait
from bot.core.budget import RequestBudget, turn_gap, turns_ahead
from bot.store.database import TakeTurn
from bot.veo.errors import Unavailable

log = logging.getLogger(__name__)

NAME: Final = "polls"
LONGEST_TAKING: Final = 5.0
"""Seconds in which a turn must be taken."""
RETRY_SECONDS: Final = 2.0
"""Seconds until the next attempt."""


class PollTurns:
    """Turns for one process, of which all processes together have `per_minute`; `take` takes one."""

    def __init__(
        self,
        take: TakeTurn,
        budget: RequestBudget,
        per_minute: int,
        clock: Clock,
        wait: WaitHook = plain_wait,
    ) -> None:
        self._take_turn: Final = take
        self._budget: Final = budget
        self._gap: Final = turn_gap(per_minute)
        self._ahead: Final = turns_ahead(per_minute)
        self._clock: Final = clock
        self._wait: Final = wait
        self._taking: Final = asyncio.Lock()

    async def take(self) -> None:
        """Take the turn of the next watched task, unless there is one; if that fails, hold everything."""
        async with self._taking:
            if not self._budget.lacks_turn(self._clock()):
                return
            try:
                self._budget.turn_taken(await self._take(ahead=0))
            except TimeoutError:
                self._budget.hold(self._clock() + RETRY_SECONDS)

    async def wait(self) -> None:
        """Take a turn for somebody who waits, and wait until it comes.

        Raises:
            Unavailable: none could be taken.
        """
        try:
            at = await self._take(ahead=self._ahead)
        except TimeoutError:
            raise Unavailable("the database gives no turns to poll") from None
        while (left := at - self._clock()) > 0:
            await self._wait(asyncio.sleep(left))

    async def _take(self, *, ahead: int) -> float:
        """Take a turn; return when it comes."""
        async with asyncio.timeout(LONGEST_TAKING):
            return await self._take_turn(NAME, self._gap, ahead + 1) + self._clock()
