"""The task API as the poller meets it: one look at a task, and what all looks together say of the API.

What follows from that for looks is kept here as `room` and `not_before`; the board gets the health itself,
for the cards speak of it.
"""

import logging
from collections.abc import Awaitable
from typing import Final, Protocol

from bot.board import Board
from bot.clock import Clock
from bot.core import health as api
from bot.core.events import Failure, PollError, Seen, name_of
from bot.core.health import IMPOSSIBLE_ID, Health, Mode
from bot.core.task import Task
from bot.metrics import Metrics
from bot.veo.errors import VeoError, as_event

log = logging.getLogger(__name__)

IN_FLIGHT: Final = 64
"""Looks under way at once."""
PROBES: Final = 1
"""The same while the API answers nobody."""


class Look(Protocol):
    """Asks the API about one task; raises `VeoError`."""

    def __call__(self, task_id: str, known: Task | None = None, /) -> Awaitable[Task]:
        """Return what it tells: `known`, an earlier answer about the task, if it tells the same again."""


class Upstream:
    """`room` is how many looks may be under way at once, `not_before` when the next one may begin."""

    def __init__(self, look: Look, board: Board, clock: Clock, metrics: Metrics) -> None:
        self.room = IN_FLIGHT
        self.not_before = 0.0
        self.held_back = False
        """Whether everybody had to wait, so that many looks come due at once; the poller's to take back."""
        self._reason = ""
        """Why the newest look that failed did."""
        self._silent = False
        """Whether the log's last word is that the API does not answer."""
        self._look: Final = look
        self._board: Final = board
        self._clock: Final = clock
        self._metrics: Final = metrics

    @property
    def probing(self) -> bool:
        """Whether one look tells for all, because the API answers nobody."""
        return self.room == PROBES

    async def see(self, task_id: str) -> Seen:
        """Look at a task, and take over what that says of the whole API."""
        begun = self._clock()
        seen = await self._ask(task_id)
        now, before = self._clock(), self._board.health
        self._metrics.polls[name_of(seen)].inc()
        self._metrics.poll_seconds.observe(now - begun)
        health = api.after_look(before, task_id, seen, now)
        if health is not before:
            await self._judge(health, seen, now)
        return seen

    async def probe(self) -> None:
        """Ask about an id that no task has: the API's health is known then, also while nothing is watched."""
        if self._clock() >= self.not_before:
            seen = await self._ask(IMPOSSIBLE_ID)
            now, before = self._clock(), self._board.health
            await self._judge(api.after_look(before, IMPOSSIBLE_ID, seen, now), seen, now)

    async def _ask(self, task_id: str) -> Seen:
        try:
            task = await self._look(task_id, self._board.known(task_id))
        except VeoError as error:
            self._reason = str(error)
            log.debug("look failed", extra={"task": task_id, "reason": self._reason})
            return as_event(error)
        log.debug("looked", extra={"task": task_id, "state": task.state.value, "progress": task.progress})
        return task

    async def _judge(self, health: Health, seen: Seen, now: float) -> None:
        """Take over what a look says of the whole API; ask about the key itself where that is in doubt."""
        self._mind(health)
        if isinstance(seen, Failure) and health.doubts_key(now):
            probe = await self._ask(IMPOSSIBLE_ID)
            self._mind(api.after_key_probe(self._board.health, probe, self._clock()))

    def _mind(self, health: Health) -> None:
        before, now = self._board.health, self._clock()
        self.room, self.not_before = PROBES if health.paused else IN_FLIGHT, health.not_before
        self.held_back = self.held_back or health.limited_until > now
        self._board.health = health
        self._tell(before, health, now)

    def _tell(self, before: Health, after: Health, now: float) -> None:
        if after.mode is not before.mode:
            match after.mode:
                case Mode.SILENT:
                    log.warning(
                        "the task API does not answer; polling pauses, one probe looks for all",
                        extra={"reason": self._reason},
                    )
                case Mode.REFUSED:
                    log.error(
                        "the task API refuses the key; polling pauses. Check VEO_API_KEY",
                        extra={"reason": self._reason},
                    )
                case Mode.ANSWERING:
                    log.info("the task API answers again; polling goes on")
                    self.held_back = True
        elif after.silent(now) and not self._silent:
            seconds = round(now - after.suspected_at)
            log.warning("the task API does not answer", extra={"seconds": seconds, "reason": self._reason})
        elif self._silent and after.suspicion is not PollError.UNAVAILABLE:
            log.info("the task API answers again")
        self._silent = after.silent(now) or (self._silent and after.suspicion is PollError.UNAVAILABLE)
