"""One poll a task: due, look once whoever watches, let the board carry out what follows, plan the next look.

    loop:    sets workers on the due tasks, at most as many as looks may be in flight
             sleeps until the next due time, or until something new is to be watched
    worker:  look -> health of the API as a whole -> board.told_again(task, what was seen), or if that is
             news, board.see -> due again, and on to the next due task, until there is none

While the API answers nobody, one look probes for all. No task can stop the loop: what fails in an unforeseen
way is logged with its id and pushed forward. The loop never waits for Discord.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final

from bot.board import Board
from bot.clock import Alarm, Clock, Idle, idle
from bot.core.pace import Pace
from bot.core.schedule import Schedule
from bot.metrics import Metrics
from bot.store.errors import StoreFailed
from bot.upstream import Upstream

log = logging.getLogger(__name__)

TURN: Final = 32
"""Looks after which a worker lets others have their turn, should its looks never wait."""
RESUMING_PER_SECOND: Final = 20.0
"""Looks a second to which a return from a restart or an outage is spread."""
PUSHED_FORWARD: Final = 30.0
"""Seconds until a task is tried again whose look failed in an unforeseen way."""


class Poller:
    """Looks at every watched task when it is due."""

    def __init__(
        self,
        upstream: Upstream,
        board: Board,
        pace: Pace,
        clock: Clock,
        *,
        metrics: Metrics,
        idle: Idle = idle,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.upstream: Final = upstream
        self._board: Final = board
        self._watched: Final = board.roster.tasks
        self._pace: Final = pace
        self._clock: Final = clock
        self._chance: Final = chance
        self._metrics: Final = metrics
        self._alarm: Final = Alarm(idle)
        self._schedule: Final = Schedule()
        self._workers: set[asyncio.Task[None]] = set()
        self._flying: dict[str, float] = {}
        """The tasks that are being looked at, and since when; the oldest first."""
        self._beginning = False
        """Whether a worker has been made that has not begun yet."""
        self._closing = False

    def resume(self) -> None:
        """Plan a look at every watched task that has none planned, spread so that the API sees no burst."""
        tasks = [task for task in self._watched if not (task in self._schedule or task in self._flying)]
        spread = min(self._pace.max_seconds, len(tasks) / RESUMING_PER_SECOND)
        now = self._clock()
        for number, task_id in enumerate(tasks):
            self._schedule.plan(task_id, now + spread * number / len(tasks))
        self._alarm.ring()

    def plan(self, task_id: str, after: float) -> None:
        """Look at a task in `after` seconds, or earlier if it is planned for earlier."""
        if task_id not in self._flying and self._schedule.plan(task_id, self._clock() + after):
            self._alarm.ring()

    async def run(self) -> None:
        """Poll until closed."""
        while not self._closing:
            try:
                self._start_worker()
                wait = None if self._beginning else self._wait()
            except Exception:
                log.exception("the poll loop met something unforeseen")
                wait = 1.0
            await self._alarm.sleep(wait)

    async def close(self, seconds: float) -> None:
        """Begin no new look, give those under way `seconds`."""
        self._closing = True
        self._alarm.ring()
        if self._workers:
            _, late = await asyncio.wait(self._workers, timeout=seconds)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    @property
    def longest_look(self) -> float:
        """Seconds for which the oldest look under way has been so; a look alone ends after 15."""
        now = self._clock()
        return now - next(iter(self._flying.values()), now)

    @property
    def overdue(self) -> float:
        """Seconds since a look should have begun that has not; 0 if none should."""
        if self._closing or len(self._flying) >= self.upstream.room or not self._schedule:
            return 0.0
        return max(0.0, self._clock() - max(self._schedule.soonest, self.upstream.not_before))

    def _start_worker(self) -> None:
        """Set a worker on what is due, unless nothing is, or one is about to begin."""
        if not self._beginning and self._wait() == 0:
            self._beginning = True
            worker = asyncio.create_task(self._work(), name="looks")
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self) -> None:
        """Look at whatever is due, until nothing is."""
        self._beginning = False
        looks = 0
        try:
            while (task_id := self._take()) is not None:
                self._start_worker()  # what else is due need not wait for this look
                if not looks and not self._beginning:
                    self._alarm.ring()  # the loop has waited for this worker to begin, without a time
                await self._visit(task_id)
                looks += 1
                if looks % TURN == 0:
                    await asyncio.sleep(0)
        finally:
            self._alarm.ring()

    def _take(self) -> str | None:
        """Take the next task to look at, if one is due and there is room: it is in flight from now on."""
        now = self._clock()
        if self._closing or now < self.upstream.not_before:
            return None
        if self.upstream.held_back:
            self.upstream.held_back = False
            self._spread()
        # A probe need not wait until its task is due: everybody waits for what it tells.
        while len(self._flying) < self.upstream.room and (
            taken := self._schedule.take(now, early=self.upstream.probing)
        ):
            task_id, due = taken
            if task_id in self._watched:
                if not self.upstream.probing:  # else it is the API's outage that made it wait
                    self._metrics.poll_lateness.observe(max(0.0, now - due))
                self._flying[task_id] = now
                return task_id
        return None

    def _wait(self) -> float | None:
        """Return the seconds until there is something to do, None if only a ring can bring it."""
        if len(self._flying) >= self.upstream.room or not self._schedule:
            return None
        now = self._clock()
        return max(0.0, max(self._soonest(now), self.upstream.not_before) - now)

    def _soonest(self, now: float) -> float:
        return now if self.upstream.probing else self._schedule.soonest

    async def _visit(self, task_id: str) -> None:
        after: float | None = PUSHED_FORWARD
        try:
            seen = await self.upstream.see(task_id)
            pause = self._board.told_again(task_id, seen)
            after = await self._board.see(task_id, seen) if pause is None else pause
        except StoreFailed as error:
            about = {"task": task_id, "reason": str(error)}
            log.error("what a look saw could not be saved", extra=about)  # noqa: TRY400
        except Exception:
            log.exception("a look failed in an unforeseen way", extra={"task": task_id})
        finally:
            del self._flying[task_id]
            if after is not None and task_id in self._watched:
                self.plan(task_id, after)

    def _spread(self) -> None:
        """Plan the looks that came due during a pause anew, over some time."""
        now = self._clock()
        late = self._schedule.late(now)
        spread = min(self._pace.max_seconds, len(late) / RESUMING_PER_SECOND)
        for task_id in late:
            self._schedule.put_off(task_id, now + spread * self._chance())
