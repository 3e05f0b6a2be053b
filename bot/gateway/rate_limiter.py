"""One limiter for all requests to Discord that count towards the bot's limit, right before they are sent.

Discord refuses more than 50 requests a second, and discord.py does not count them: of 1,000 edits at once 750
were lost without a limiter, and none behind one.
"""

import asyncio
import heapq
from collections.abc import Callable
from contextvars import ContextVar
from enum import IntEnum
from itertools import count
from math import inf
from typing import Final

from bot.store.database import TakeTurn

PER_SECOND: Final = 45.0
BRAKE_SECONDS: Final = 1.0
"""How soon it is noticed that the brake is released."""
AT_ONCE: Final = 2
"""Requests that may pass together after a rest. With 45 a second, Discord receives less than 50 in any second
as long as no request takes 0.05 s longer than others to reach it."""

LATE: Final = 0.05
"""So many seconds after its time, a turn that several processes share is not used any more."""

FINAL_WAITS: Final = 2.0
"""A final form waits for the results that come up to so many seconds after it, and for no later ones."""


class Priority(IntEnum):
    """Which requests go first when they cannot all be sent at once."""

    RESULT = 0
    FINAL = 1
    PROGRESS = 2
    RETRY = 3
    """Requests that were refused before; they wait for all others."""


priority: Final = ContextVar("priority", default=Priority.RESULT)
"""That of the requests which a task sends. The few that set none are the login and the like: first of all."""


stale_since: Final = ContextVar("stale_since", default=-inf)
"""When the message that a request edits was edited before: among equals, the stalest goes first."""


class RateLimiter:
    """Lets requests pass at a rate, urgent ones first.

    `brake` returns the seconds that must lie between two requests, beyond the usual ones.
    """

    take_turn: TakeTurn | None = None
    """Set where several processes share the rate. Which request uses a turn is decided when it comes."""

    def __init__(self, brake: Callable[[], float] = lambda: 0.0) -> None:
        self._gap: Final = 1 / PER_SECOND
        self._brake: Final = brake
        self._passed = -inf
        self._next = 0.0
        """When the next request would pass if they were evenly spaced."""
        self._waiting: list[tuple[int, float, int, asyncio.Future[None]]] = []
        self._order: Final = count()
        self._timer: asyncio.TimerHandle | None = None
        self._taking: asyncio.Task[None] | None = None
        self._owed = 0
        """Turns that were used without having been taken."""

    async def enter(self, priority: Priority, since: float = -inf) -> None:
        """Wait for the turn of a request: by its priority, then by since when its message is stale."""
        if not self._waiting and self.take_turn is None and self._take():
            return
        turn, rank = asyncio.get_running_loop().create_future(), priority
        if priority <= Priority.FINAL:
            rank, since = Priority.RESULT, self._now() + FINAL_WAITS * (priority is Priority.FINAL)
        heapq.heappush(self._waiting, (rank, since, next(self._order), turn))
        self._set_timer()
        await turn

    def sent_late(self) -> None:
        """Count a request again that passed long before it is sent: later ones may have caught up with it."""
        self._next = max(self._next, self._now()) + self._gap
        self._owed += self.take_turn is not None

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _take(self) -> bool:
        now = self._now()
        if self._next - now > (AT_ONCE - 1) * self._gap or now - self._passed < self._brake():
            return False
        self._next = max(self._next, now) + self._gap
        self._passed = now
        return True

    def _open(self) -> None:
        self._timer = None
        while self._anyone_waits() and self._take():
            heapq.heappop(self._waiting)[-1].set_result(None)
        self._set_timer()

    def _anyone_waits(self) -> bool:
        while self._waiting and self._waiting[0][-1].done():  # its sender was cancelled
            heapq.heappop(self._waiting)
        return bool(self._waiting)

    async def _take_turns(self, take: TakeTurn) -> None:
        """Let requests pass at the turns of all processes."""
        while self._anyone_waits():
            if (wait := self._passed + self._brake() - self._now()) > 0:
                await asyncio.sleep(min(BRAKE_SECONDS, wait))  # it may be released at any time
                continue
            at = (wait := await take("rest", self._gap, AT_ONCE)) + self._now()
            if self._owed:
                self._owed -= 1
                continue
            if wait > 0:
                await asyncio.sleep(wait)
            # One who oversleeps must not send together with those whose turn it is then.
            if self._now() - at < LATE and self._anyone_waits():
                heapq.heappop(self._waiting)[-1].set_result(None)
                self._passed = self._now()

    def _set_timer(self) -> None:
        if self.take_turn is not None:
            if self._taking is None or self._taking.done():
                self._taking = asyncio.create_task(self._take_turns(self.take_turn))
        elif self._waiting and self._timer is None:
            now = self._now()
            wait = self._next - now - (AT_ONCE - 1) * self._gap
            # The brake may be released at any time: check again soon.
            wait = max(wait, min(BRAKE_SECONDS, self._passed + self._brake() - now))
            self._timer = asyncio.get_running_loop().call_later(max(0.001, wait), self._open)
