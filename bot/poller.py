"""One poll a task: due, look once whoever watches, let the board carry out what follows, plan the next look.

    loop:    sets workers on the due tasks, at most as many as looks may be in flight
             sleeps until the next due time, or until something new is to be watched
    worker:  look -> health of the API as a whole -> board.see(task, what was seen) -> due again,
             and on to the next due task, until there is none

While the API answers nobody, one look probes for all. No task can stop the loop: what fails in an unforeseen
way is logged with its id and pushed forward. The loop never waits for Discord.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from bot.board import Board
from bot.clock import Alarm, Clock, Idle, idle
from bot.core import health as api
from bot.core.events import Failure, Seen, name_of
from bot.core.health import IMPOSSIBLE_ID, Health, Mode
from bot.core.pace import Pace
from bot.core.schedule import Schedule
from bot.core.task import Task
from bot.meter import UNMETERED, Meter
from bot.store.errors import StoreFailed
from bot.veo.errors import VeoError, as_event

log = logging.getLogger(__name__)


class Look(Protocol):
    """Asks the API about one task; raises `VeoError`."""

    def __call__(self, task_id: str, known: Task | None = None, /) -> Awaitable[Task]:
        """Return what it tells: `known`, an earlier answer about the task, if it tells the same again."""


IN_FLIGHT: Final = 64
"""Looks under way at once."""
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
        self._watched: Final = board.roster.tasks
        self._pace: Final = pace
        self._clock: Final = clock
        self._chance: Final = chance
        self._meter: Final = meter
        self._alarm: Final = Alarm(idle)
        self._schedule: Final = Schedule()
        self._workers: set[asyncio.Task[None]] = set()
        self._flying: dict[str, float] = {}
        """The tasks that are being looked at, and since when; the oldest first."""
        self._beginning = False
        """Whether a worker has been made that has not begun yet."""
        self._limited = False
        """Whether the API held everybody back, so that many looks come due at once."""
        self._closing = False
        self._explains: Final = log.isEnabledFor(logging.DEBUG)

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
        if self._closing or self._room() <= 0 or not self._schedule:
            return 0.0
        now = self._clock()
        return max(0.0, now - max(self._soonest(now), self._board.health.not_before))

    async def probe(self) -> None:
        """Ask about an id that no task has: the API's health is known then, also while nothing is watched."""
        if self._clock() >= self._board.health.not_before:
            begun = self._clock()
            seen = await self._see(IMPOSSIBLE_ID)
            before, now = self._board.health, self._clock()
            self._meter.looked(name_of(seen), now - begun)
            await self._judge(before, api.after_look(before, IMPOSSIBLE_ID, seen, now), seen, now)

    def _room(self) -> int:
        return (1 if self._board.health.paused else IN_FLIGHT) - len(self._flying)

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
                await self._visit(task_id)
                looks += 1
                if looks % TURN == 0:
                    await asyncio.sleep(0)
        finally:
            self._alarm.ring()

    def _take(self) -> str | None:
        """Take the next task to look at, if one is due and there is room: it is in flight from now on."""
        now, health = self._clock(), self._board.health
        if self._closing or now < health.not_before:
            return None
        if self._limited:
            self._limited = False
            self._spread()
        # A probe need not wait until its task is due: everybody waits for what it tells.
        early = health.paused
        while self._room() > 0 and (taken := self._schedule.take(now, early=early)) is not None:
            task_id, due = taken
            if task_id in self._watched:
                self._meter.late(max(0.0, now - due))
                self._flying[task_id] = now
                return task_id
        return None

    def _wait(self) -> float | None:
        """Return the seconds until there is something to do, None if only a ring can bring it."""
        if self._room() <= 0 or not self._schedule:
            return None
        now = self._clock()
        return max(0.0, max(self._soonest(now), self._board.health.not_before) - now)

    def _soonest(self, now: float) -> float:
        return now if self._board.health.paused else self._schedule.soonest

    async def _visit(self, task_id: str) -> None:
        after: float | None = PUSHED_FORWARD
        try:
            seen = await self._see(task_id)
            now, before = self._clock(), self._board.health
            self._meter.looked(name_of(seen), now - self._flying[task_id])
            if (health := api.after_look(before, task_id, seen, now)) is not before:
                await self._judge(before, health, seen, now)
            after = await self._board.see(task_id, seen)
        except StoreFailed as error:
            about = {"task": task_id, "reason": str(error)}
            log.error("what a look saw could not be saved", extra=about)  # noqa: TRY400
        except Exception:
            log.exception("a look failed in an unforeseen way", extra={"task": task_id})
        finally:
            del self._flying[task_id]
            if after is not None and task_id in self._watched:
                self.plan(task_id, after)

    async def _see(self, task_id: str) -> Seen:
        try:
            task = await self._look(task_id, self._board.known(task_id))
        except VeoError as error:
            log.debug("look failed", extra={"task": task_id, "reason": str(error)})
            return as_event(error)
        if self._explains:
            log.debug("looked", extra={"task": task_id, "state": task.state.value, "progress": task.progress})
        return task

    async def _judge(self, before: Health, health: Health, seen: Seen, now: float) -> None:
        """Take over what a look says of the whole API; ask about the key itself where that is in doubt."""
        self._board.health = health
        self._limited = self._limited or health.limited_until > now
        if isinstance(seen, Failure) and health.doubts_key(now):
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
        late = self._schedule.late(now)
        spread = min(self._pace.max_seconds, len(late) / RESUMING_PER_SECOND)
        for task_id in late:
            self._schedule.put_off(task_id, now + spread * self._chance())
