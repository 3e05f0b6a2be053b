"""Who goes first when more people ask than can be answered: two orders, no clock of their own but the loop's.

For interactions the newest: Discord gives each three seconds, and an answer after that is work for nothing.
For polls on request each person in turn: what one person waits for must not hold up another.
"""

import asyncio
import heapq
import logging
from collections import Counter, deque
from itertools import count
from typing import Final

log = logging.getLogger(__name__)

RESPONSE_SECONDS: Final = 2.5
"""From an interaction's arrival until its first response must be on its way."""
INTERACTIONS: Final = 40
"""Answered at once: 200 a second where Discord takes 0.2 s. With more, results wait longer in a storm."""


class TooLate(Exception):
    """An interaction's time passed while others were answered: there is no more work to be done for it."""


class NewestFirst:
    """Turns for interactions; who waits for one past their deadline does not get it any more."""

    def __init__(self, at_once: int = INTERACTIONS) -> None:
        self._free = at_once
        self._waiting: list[tuple[float, int, asyncio.Future[bool]]] = []
        """A heap, the newest on top."""
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
        if self._free:  # it came too late, and nobody else will tell
            self._pass_on()
        try:
            return await turn
        except asyncio.CancelledError:
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
                    log.warning("more interactions come than can be answered in time, the newest go first")
        if self._dropped and self._free:
            log.info("interactions are answered in time again", extra={"dropped": self._dropped})
            self._dropped = 0


class Turn:
    """One interaction's turn: taken to begin and to respond, given back while it waits for others."""

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


class PersonByPerson:
    """Turns for what people wait for: at most so many in all, so many of one person, the fewest first."""

    def __init__(self, at_once: int, of_one_person: int) -> None:
        self._free = at_once
        self._of_one_person: Final = of_one_person
        self._taken: Final = Counter[int]()
        self._waiting: Final[dict[int, deque[asyncio.Future[None]]]] = {}
        """By person, whoever waits longest first."""

    async def take(self, person: int) -> None:
        """Wait for a turn of a person."""
        if self._free and self._taken[person] < self._of_one_person:
            self._begin(person)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(person, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(person)
            raise

    def give_back(self, person: int) -> None:
        """End a turn of a person."""
        self._free += 1
        self._taken[person] -= 1
        if not self._taken[person]:
            del self._taken[person]
        while self._free and (following := self._next()) is not None:
            turn = self._waiting[following].popleft()
            if not self._waiting[following]:
                del self._waiting[following]
            if not turn.done():
                self._begin(following)
                turn.set_result(None)

    def _begin(self, person: int) -> None:
        self._free -= 1
        self._taken[person] += 1

    def _next(self) -> int | None:
        allowed = [person for person in self._waiting if self._taken[person] < self._of_one_person]
        return min(allowed, key=self._taken.__getitem__, default=None)
