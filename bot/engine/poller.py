"""One loop polls every watched task when it is due, once no matter how many cards watch it.

    loop:  start a poll for each task that is due and may be polled; sleep until the next one is due, or
           until the wake-up is set
    poll:  ask through the circuit breaker -> tracker.apply(task, observation) -> schedule the next poll

`bot.core.poll_queue` lists what sets the time of the next poll. No task can stop the loop: an unexpected
error is logged with the task's id, and the poll is retried later. The loop never waits for Discord.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from math import inf
from typing import Final

from bot.clock import Clock, WaitHook, WakeUp, plain_wait
from bot.core.events import CONGESTED, ErrorKind, Observation, PollError, name_of
from bot.core.observed import UNOBSERVED, urgency
from bot.core.poll_queue import PollQueue
from bot.core.task import Task
from bot.engine.breaker import CircuitBreaker
from bot.engine.tracker import Tracker
from bot.metrics import Metrics
from bot.store.errors import StoreFailed
from bot.veo.errors import VeoError, as_event

log = logging.getLogger(__name__)

SLOW_SECONDS: Final = 5.0
"""A task whose poll took longer counts as failing, whatever the answer."""
RESUMING_PER_SECOND: Final = 20.0
"""Polls a second after a restart or an outage, so that the API sees no burst."""
RESUMED_WITHIN: Final = 15.0
"""Seconds within which all tasks are polled after that, even if those are more polls a second."""
RETRY_SECONDS: Final = 30.0
"""Seconds until a task is polled again after an unexpected error."""
RECENT_SECONDS: Final = 5.0
"""While requests are limited, a person gets the answer of a poll that is no older than this."""
EXPIRY_SECONDS: Final = 60.0
"""During a pause, watches past the age limit are ended this often."""
DOUBT_SECONDS: Final = 0.5
"""How often it is checked whether a process that may have been taken for dead may poll again."""


class Poller:
    """Polls every watched task when it is due."""

    def __init__(
        self,
        breaker: CircuitBreaker,
        tracker: Tracker,
        clock: Clock,
        *,
        metrics: Metrics,
        wait: WaitHook = plain_wait,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.breaker: Final = breaker
        self._tracker: Final = tracker
        self._watched: Final = tracker.registry.tasks
        self._clock: Final = clock
        self._chance: Final = chance
        self._metrics: Final = metrics
        self._wake_up: Final = WakeUp(wait)
        self._queue: Final = PollQueue(self._watched, breaker.budget)
        self._people: Final = asyncio.Lock()
        self._person_wake_up: Final = WakeUp(wait)
        self._polls: set[asyncio.Task[None]] = set()
        self._backlogged = False
        """True after a pause: overdue polls must be spread out."""
        self._closing = False
        self.may_poll: Callable[[], bool] = lambda: True
        """Whether it is certain that no other process polls these tasks."""
        self.on_observation: Callable[[str, Observation], Awaitable[None]] | None = None
        """Awaited with what each poll has observed, before that is applied."""

    def resume(self) -> None:
        """Schedule a poll of every watched task that has none, as an earlier process did until now."""
        now = self._clock()
        if self._watched:
            self.breaker.budget.assume_used(now)
        for task_id in self._watched:
            if task_id not in self._queue:
                self._queue.schedule(task_id, now)
        self._queue.spread(now, RESUMED_WITHIN, RESUMING_PER_SECOND, self._chance)
        self._wake_up.set()

    def schedule(self, task_id: str, after: float, *, failing: bool = False) -> None:
        """Poll a task in `after` seconds, or earlier if so scheduled; `failing` if its newest poll failed."""
        now = self._clock()
        # While requests are limited, a person's poll fails because of that, and not because of its task.
        failing = failing and not self.breaker.budget.is_limited(now)
        self._queue.schedule(task_id, now + after, failing=failing)
        self._wake_up.set()

    def reschedule(self, task_id: str, after: float) -> None:
        """Poll a task in `after` seconds, and not earlier."""
        self._queue.reschedule(task_id, self._clock() + after)

    def is_polling(self, task_id: str) -> bool:
        return task_id in self._queue.in_flight

    async def poll_for_person(self, task_id: str) -> Task:
        """Poll a task for somebody who waits for it, in the order in which people ask.

        Raises:
            VeoError: the API returned no task.
        """
        if (recent := self._recent(task_id)) is not None:
            return recent
        async with self._people:
            self._queue.people_waiting += 1
            try:
                while (wait := self.person_delay()) > 0:
                    await self._person_wake_up.sleep(None if wait == inf else wait)
                await self.breaker.wait_for_budget()
                self._queue.begin_persons()
            finally:
                self._queue.people_waiting -= 1
                self._wake_up.set()
        try:
            return await self.breaker.poll(task_id)
        finally:
            self._wake_up.set()  # the answer may have changed the budget

    def person_delay(self) -> float:
        """Return the seconds until a person's poll may begin; `inf` if it has to wait for another poll."""
        now = self._clock()
        return self._queue.person_at(now, alone=self.breaker.health.paused) - now

    def _recent(self, task_id: str) -> Task | None:
        observed, now = self._tracker.registry.observed.get(task_id, UNOBSERVED), self._clock()
        if observed.polled_at is None or not self.breaker.budget.is_limited(now):
            return None
        return observed.task if now - observed.polled_at < RECENT_SECONDS else None

    def wake(self) -> None:
        """Act on the breaker's new mode: while polling pauses, nobody waits for a watched task's turn."""
        self._wake_up.set()
        self._person_wake_up.set()

    async def run(self) -> None:
        """Poll until closed."""
        while not self._closing:
            try:
                wait = await self._step()
            except Exception:
                log.exception("the poll loop failed unexpectedly")
                wait = 1.0
            await self._wake_up.sleep(wait)

    async def close(self, seconds: float) -> None:
        """Start no new polls; cancel those that are still running after `seconds`."""
        self._closing = True
        self._wake_up.set()
        if self._polls:
            _, late = await asyncio.wait(self._polls, timeout=seconds)
            for poll in late:
                poll.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    @property
    def longest_poll(self) -> float:
        """Seconds since the oldest running poll began; the client's time limit ends each after 15."""
        now = self._clock()
        return now - next(iter(self._queue.in_flight.values()), now)

    @property
    def overdue(self) -> float:
        """Seconds since a poll should have begun that has not; 0 if none should."""
        return max(0.0, self._clock() - self._next_at())

    def _next_at(self) -> float:
        """Return when the next poll may begin; `inf` if only the wake-up can tell."""
        if self._closing or self.breaker.health.paused or not self.may_poll():
            return inf
        return self._queue.next_at()

    async def _step(self) -> float | None:
        """Start the polls that are due; return the seconds to sleep, None for "until woken"."""
        if self.breaker.health.paused:
            self._backlogged = True
            await self._tracker.expire()
            return EXPIRY_SECONDS
        if self._backlogged and self.may_poll():
            self._backlogged = False
            self._queue.spread(self._clock(), RESUMED_WITHIN, RESUMING_PER_SECOND, self._chance)
        while (at := self._next_at()) <= (now := self._clock()):
            if self.breaker.budget.lacks_turn(now):
                await self.breaker.take_turn()
                continue
            ranked = self._urgency if self.breaker.budget.is_limited(now) else None
            poll = asyncio.create_task(self._poll(*self._queue.take(now, ranked)), name="poll")
            self._polls.add(poll)
            poll.add_done_callback(self._polls.discard)
            # The new task runs up to its request, which counts against the budget before the next is taken.
            await asyncio.sleep(0)
        if self._queue.people_waiting:
            self._person_wake_up.set()
        self._backlogged = not self.may_poll()
        return DOUBT_SECONDS if self._backlogged else None if at == inf else at - now

    def _urgency(self, task_id: str, due: float) -> float:
        if self.breaker.budget.learned.in_spell and self._tracker.registry.is_known(task_id):
            return inf  # it shows best whether everything is refused, or only the others
        observed = self._tracker.registry.observed.get(task_id, UNOBSERVED)
        return urgency(observed, due, self._clock(), self._tracker.policy)

    async def _poll(self, task_id: str, due: float) -> None:
        """Poll a task that was taken from the queue, and return it to the queue even after an error."""
        begun, failing = self._clock(), True
        if not self._queue.is_failing(task_id):  # failing tasks wait behind the others on purpose
            self._metrics.poll_lateness.observe(max(0.0, begun - due))
        next_delay: float | None = RETRY_SECONDS
        try:
            observation = await self._observe(task_id)
            seconds = self._clock() - begun
            self._metrics.polls[name_of(observation)].inc()
            self._metrics.poll_seconds.observe(seconds)
            kind = observation.kind if isinstance(observation, PollError) else None
            # A limit is seldom the fault of a task that has been answered before.
            limited = kind is ErrorKind.RATE_LIMITED and self._tracker.registry.is_known(task_id)
            failing = (kind is not None and not limited) or seconds > SLOW_SECONDS
            self._queue.limit.ended(seconds, len(self._queue.in_flight), refused=kind in CONGESTED)
            if self.on_observation is not None:
                await self.on_observation(task_id, observation)
            next_delay = await self._tracker.apply(task_id, observation)
        except StoreFailed as error:
            about = {"task": task_id, "reason": str(error)}
            log.error("the result of a poll could not be saved", extra=about)  # noqa: TRY400
        except Exception:
            log.exception("a poll failed unexpectedly", extra={"task": task_id})
        finally:
            # Whatever happened: a task that stayed in flight would never be polled again.
            next_due = None if next_delay is None else self._clock() + next_delay
            self._queue.done(task_id, next_due, failing=failing)
            self._wake_up.set()

    async def _observe(self, task_id: str) -> Observation:
        observed = self._tracker.registry.observed.get(task_id, UNOBSERVED)
        try:
            task = await self.breaker.poll(task_id, observed.task)
        except VeoError as error:
            log.debug("a poll failed", extra={"task": task_id, "reason": str(error)})
            return as_event(error)
        log.debug("polled", extra={"task": task_id, "state": task.state.value, "progress": task.progress})
        return task
