"""One poll a task: due, look once whoever watches, let the board carry out what follows, plan the next look.

    loop:  due tasks, at most as many at once as may be in flight
           -> look -> health of the API as a whole -> board.see(task, what was seen) -> due again
           sleep until the next due time, or until something new is to be watched

While the API answers nobody, one look probes for all. No task can stop the loop: what fails in an unforeseen
way is logged with its id and pushed forward. The loop never waits for Discord.
"""

import asyncio
import heapq
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from bot.board import Board
from bot.clock import Alarm, Clock, Idle, idle
from bot.core import health as api
from bot.core.events import Failure, Seen
from bot.core.health import IMPOSSIBLE_ID, Health, Mode
from bot.core.pace import Pace
from bot.core.task import Task
from bot.meter import UNMETERED, Meter
from bot.store.errors import StoreFailed
from bot.veo.errors import VeoError, as_event

log = logging.getLogger(__name__)

Look = Callable[[str], Awaitable[Task]]
"""Asks the API about one task; raises `VeoError`."""

IN_FLIGHT: Final = 16
"""Looks under way at once."""
RESUMING_PER_SECOND: Final = 20.0
"""Looks a second to which a return from a restart or an outage is spread."""
PUSHED_FORWARD: Final = 30.0
"""Seconds until a task is tried again whose look failed in an unforeseen way."""


class Poller:
    """Looks at every watched task when it is due."""

    def __init__(
        self,
        look: Look,
        board: Board,
        pace: Pace,
        clock: Clock,
        *,
        idle: Idle = idle,
        chance: Callable[[], float] = random.random,
        meter: Meter = UNMETERED,
    ) -> None:
        self._look: Final = look
        self._board: Final = board
        self._pace: Final = pace
        self._clock: Final = clock
        self._chance: Final = chance
        self._meter: Final = meter
        self._alarm: Final = Alarm(idle)
        self._heap: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}
        """When each task is due; an entry of the heap with another time is out of date."""
        self._flying: dict[str, asyncio.Task[None]] = {}
        self._took_off: dict[str, float] = {}
        """When each look under way began, the oldest first."""
        self._limited = False
        """Whether the API held everybody back, so that many looks come due at once."""
        self._closing = False

    def resume(self) -> None:
        """Plan a look at every watched task that has none planned, spread so that the API sees no burst."""
        tasks = [task for task in self._board.tasks if task not in self._due and task not in self._flying]
        spread = min(self._pace.max_seconds, len(tasks) / RESUMING_PER_SECOND)
        for number, task_id in enumerate(tasks):
            self.plan(task_id, spread * number / len(tasks))

    def plan(self, task_id: str, after: float) -> None:
        """Look at a task in `after` seconds, or earlier if it is planned for earlier."""
        due = self._clock() + after
        if task_id in self._flying or self._due.get(task_id, due + 1) <= due:
            return
        self._due[task_id] = due
        heapq.heappush(self._heap, (due, task_id))
        self._alarm.ring()

    async def run(self) -> None:
        """Poll until closed."""
        while not self._closing:
            try:
                self._start_due()
                wait = self._wait()
            except Exception:
                log.exception("the poll loop met something unforeseen")
                wait = 1.0
            await self._alarm.sleep(wait)

    async def close(self, seconds: float) -> None:
        """Begin no new look, give those under way `seconds`."""
        self._closing = True
        self._alarm.ring()
        if self._flying:
            _, late = await asyncio.wait(self._flying.values(), timeout=seconds)
            for look in late:
                look.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    @property
    def longest_look(self) -> float:
        """Seconds for which the oldest look under way has been so; a look alone ends after 15."""
        now = self._clock()
        return now - next(iter(self._took_off.values()), now)

    @property
    def overdue(self) -> float:
        """Seconds since a look should have begun that has not; 0 if none should."""
        if self._closing or self._room() <= 0 or not self._due:
            return 0.0
        now = self._clock()
        return max(0.0, now - max(self._soonest(now), self._board.health.not_before))

    async def probe(self) -> None:
        """Ask about an id that no task has: the API's health is known then, also while nothing is watched."""
        if self._clock() >= self._board.health.not_before:
            await self._judge(IMPOSSIBLE_ID, await self._see(IMPOSSIBLE_ID))

    def _room(self) -> int:
        return (1 if self._board.health.paused else IN_FLIGHT) - len(self._flying)

    def _start_due(self) -> None:
        now = self._clock()
        if now < self._board.health.not_before:
            return
        if self._limited:
            self._limited = False
            self._spread()
        # A probe need not wait until its task is due: everybody waits for what it tells.
        while self._room() > 0 and (task_id := self._next(now, early=self._board.health.paused)):
            due = self._due.pop(task_id)
            if self._board.is_watched(task_id):
                self._meter.late(max(0.0, now - due))
                self._took_off[task_id] = now
                look = asyncio.create_task(self._visit(task_id), name=f"look {task_id}")
                self._flying[task_id] = look

    def _next(self, now: float, *, early: bool) -> str | None:
        """Take the next task off the heap, if it is due or may be looked at early."""
        while self._heap:
            due, task_id = self._heap[0]
            if self._due.get(task_id) != due:
                heapq.heappop(self._heap)
            elif due <= now or early:
                heapq.heappop(self._heap)
                return task_id
            else:
                return None
        return None

    def _wait(self) -> float | None:
        """Return the seconds until there is something to do, None if only a ring can bring it."""
        if self._room() <= 0 or not self._due:
            return None
        now = self._clock()
        return max(0.0, max(self._soonest(now), self._board.health.not_before) - now)

    def _soonest(self, now: float) -> float:
        return now if self._board.health.paused else self._heap[0][0]

    async def _visit(self, task_id: str) -> None:
        after: float | None = PUSHED_FORWARD
        try:
            seen = await self._see(task_id)
            await self._judge(task_id, seen)
            after = await self._board.see(task_id, seen)
        except StoreFailed as error:
            about = {"task": task_id, "reason": str(error)}
            log.error("what a look saw could not be saved", extra=about)  # noqa: TRY400
        except Exception:
            log.exception("a look failed in an unforeseen way", extra={"task": task_id})
        finally:
            self._flying.pop(task_id, None)
            self._took_off.pop(task_id, None)
            if after is not None and self._board.is_watched(task_id):
                self.plan(task_id, after)
            self._alarm.ring()

    async def _see(self, task_id: str) -> Seen:
        begun = self._clock()
        try:
            task = await self._look(task_id)
        except VeoError as error:
            log.debug("look failed", extra={"task": task_id, "reason": str(error)})
            seen = as_event(error)
            outcome = seen.trouble.value if isinstance(seen, Failure) else "missing"
            self._meter.looked(outcome, self._clock() - begun)
            return seen
        self._meter.looked(task.state.value, self._clock() - begun)
        log.debug("looked", extra={"task": task_id, "state": task.state.value, "progress": task.progress})
        return task

    async def _judge(self, task_id: str, seen: Seen) -> None:
        """Take a look into the health of the whole API; ask about the key itself where that is in doubt."""
        before = self._board.health
        health = api.after_look(before, task_id, seen, self._clock())
        self._board.health = health
        self._limited = self._limited or health.limited_until > self._clock()
        if isinstance(seen, Failure) and health.doubts_key(self._clock()):
            probe = await self._see(IMPOSSIBLE_ID)
            self._board.health = api.after_key_probe(self._board.health, probe, self._clock())
        self._tell(before, self._board.health)

    def _tell(self, before: Health, after: Health) -> None:
        if after.mode is before.mode:
            return
        match after.mode:
            case Mode.SILENT:
                log.warning("the task API does not answer; polling pauses, one probe looks for all")
            case Mode.REFUSED:
                log.error("the task API refuses the key; polling pauses. Check VEO_API_KEY")
            case Mode.ANSWERING:
                log.info("the task API answers again; polling goes on")
                self._spread()

    def _spread(self) -> None:
        """Plan the looks that came due during a pause anew, over some time."""
        now = self._clock()
        late = [task_id for task_id, due in self._due.items() if due <= now]
        spread = min(self._pace.max_seconds, len(late) / RESUMING_PER_SECOND)
        for task_id in late:
            self._due[task_id] = due = now + spread * self._chance()
            heapq.heappush(self._heap, (due, task_id))
