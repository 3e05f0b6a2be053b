"""One poll a task when it is due, whoever watches it; the tracker carries out what follows from it.

    loop:    starts workers for the due tasks, at most as many as polls may be in flight
             sleeps until the next due time, or until something new is watched
    worker:  poll through the circuit breaker -> tracker.apply(task, observation) -> due again, and on to
             the next due task, until there is none

While the API answers nobody, no poll begins: the breaker probes for all. No task can stop the loop: what
fails in an unforeseen way is logged with its id and pushed forward. The loop never waits for Discord.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final

from bot.clock import Clock, WaitHook, WakeUp, plain_wait
from bot.core.events import Observation, PollError, name_of
from bot.core.observed import UNOBSERVED
from bot.core.policy import PollPolicy
from bot.core.poll_queue import PollQueue
from bot.engine.breaker import CircuitBreaker
from bot.engine.tracker import Tracker
from bot.metrics import Metrics
from bot.store.errors import StoreFailed
from bot.veo.errors import VeoError, as_event

log = logging.getLogger(__name__)

SLOW_SECONDS: Final = 5.0
"""A poll that took longer means trouble, whatever came of it."""
TURN: Final = 32
"""Polls after which a worker lets others have their turn, should its polls never wait."""
RESUMING_PER_SECOND: Final = 20.0
"""Polls a second to which a return from a restart or an outage is spread."""
PUSHED_FORWARD: Final = 30.0
"""Seconds until a task is tried again whose poll failed in an unforeseen way."""
EXPIRY_SECONDS: Final = 60.0
"""While nothing is polled, watches that have grown too old are ended this often."""


class Poller:
    """Polls every watched task when it is due."""

    def __init__(
        self,
        breaker: CircuitBreaker,
        tracker: Tracker,
        policy: PollPolicy,
        clock: Clock,
        *,
        metrics: Metrics,
        wait: WaitHook = plain_wait,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._breaker: Final = breaker
        self._tracker: Final = tracker
        self._watched: Final = tracker.registry.tasks
        self._policy: Final = policy
        self._clock: Final = clock
        self._chance: Final = chance
        self._metrics: Final = metrics
        self._wake_up: Final = WakeUp(wait)
        self._queue: Final = PollQueue(self._watched)
        self._workers: set[asyncio.Task[None]] = set()
        self._backlogged = False
        """Whether nothing could be polled, so that many polls come due at once."""
        self._beginning = False
        """Whether a worker has been made that has not begun yet."""
        self._closing = False

    def resume(self) -> None:
        """Plan a poll of every watched task that has none planned, spread so that the API sees no burst."""
        tasks = [task for task in self._watched if task not in self._queue]
        spread = min(self._policy.max_seconds, len(tasks) / RESUMING_PER_SECOND)
        now = self._clock()
        for number, task_id in enumerate(tasks):
            self._queue.plan(task_id, now + spread * number / len(tasks))
        self._wake_up.set()

    def plan(self, task_id: str, after: float, *, failed: bool = False) -> None:
        """Poll a task in `after` seconds, or earlier if so planned; `failed` if its newest poll did."""
        if self._queue.plan(task_id, self._clock() + after, troubled=failed):
            self._wake_up.set()

    def wake(self) -> None:
        """Go by the breaker's new mode."""
        self._wake_up.set()

    async def run(self) -> None:
        """Poll until closed."""
        while not self._closing:
            try:
                wait = await self._step()
            except Exception:
                log.exception("the poll loop met something unforeseen")
                wait = 1.0
            await self._wake_up.sleep(wait)

    async def close(self, seconds: float) -> None:
        """Begin no new poll, give those under way `seconds`."""
        self._closing = True
        self._wake_up.set()
        if self._workers:
            _, late = await asyncio.wait(self._workers, timeout=seconds)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    @property
    def longest_poll(self) -> float:
        """Seconds for which the oldest poll under way has been so; a poll alone ends after 15."""
        now = self._clock()
        return now - next(iter(self._queue.flying.values()), now)

    @property
    def overdue(self) -> float:
        """Seconds since a poll should have begun that has not; 0 if none should."""
        now = self._clock()
        begins = self._begins(now)
        return 0.0 if begins is None else max(0.0, now - begins)

    async def _step(self) -> float | None:
        """Start what is due; return the seconds until there is more to do, None until a ring."""
        if self._breaker.paused:
            self._backlogged = True
            await self._tracker.expire()
            return EXPIRY_SECONDS
        if self._backlogged:
            self._backlogged = False
            self._spread(self._clock())
        self._start_worker()
        return None if self._beginning else self._wait()

    def _start_worker(self) -> None:
        """Set a worker on what is due, unless nothing is, or one is about to begin."""
        if not self._beginning and self._wait() == 0:
            self._beginning = True
            worker = asyncio.create_task(self._work(), name="polls")
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self) -> None:
        """Poll whatever is due, until nothing is."""
        self._beginning = False
        polls = 0
        try:
            while (task_id := self._take()) is not None:
                self._start_worker()  # what else is due need not wait for this poll
                if not polls and not self._beginning:
                    self._wake_up.set()  # the loop has waited for this worker to begin, without a time
                await self._visit(task_id)
                polls += 1
                if polls % TURN == 0:
                    await asyncio.sleep(0)
        finally:
            self._wake_up.set()

    def _take(self) -> str | None:
        """Take the next task to poll, if one is due and may be polled: it is in flight from now on."""
        now = self._clock()
        if self._wait() != 0 or (taken := self._queue.take(now)) is None:
            return None
        task_id, due = taken
        if not self._queue.in_trouble(task_id):  # else it had to wait for others
            self._metrics.poll_lateness.observe(max(0.0, now - due))
        return task_id

    def _begins(self, now: float) -> float | None:
        """Return when the next poll may begin, None if only a ring can bring that about."""
        if self._closing or self._breaker.paused or (due := self._queue.next_take(now)) is None:
            return None
        return max(due, self._breaker.not_before)

    def _wait(self) -> float | None:
        """Return the seconds until a poll may begin, None if only a ring can bring that about."""
        now = self._clock()
        begins = self._begins(now)
        return None if begins is None else max(0.0, begins - now)

    async def _visit(self, task_id: str) -> None:
        after: float | None = PUSHED_FORWARD
        begun, troubled = self._clock(), True
        try:
            observation = await self._poll(task_id)
            seconds = self._clock() - begun
            self._metrics.polls[name_of(observation)].inc()
            self._metrics.poll_seconds.observe(seconds)
            troubled = isinstance(observation, PollError) or seconds > SLOW_SECONDS
            after = await self._tracker.apply(task_id, observation)
        except StoreFailed as error:
            about = {"task": task_id, "reason": str(error)}
            log.error("what a poll saw could not be saved", extra=about)  # noqa: TRY400
        except Exception:
            log.exception("a poll failed in an unforeseen way", extra={"task": task_id})
        finally:
            self._queue.done(task_id, troubled=troubled)
            if after is not None and task_id in self._watched:
                self.plan(task_id, after)

    async def _poll(self, task_id: str) -> Observation:
        try:
            observed = self._tracker.registry.observed.get(task_id, UNOBSERVED)
            task = await self._breaker.poll(task_id, observed.task)
        except VeoError as error:
            log.debug("a poll failed", extra={"task": task_id, "reason": str(error)})
            return as_event(error)
        log.debug("polled", extra={"task": task_id, "state": task.state.value, "progress": task.progress})
        return task

    def _spread(self, now: float) -> None:
        """Plan the polls that came due during a pause again, over some time."""
        late = self._queue.late(now)
        spread = min(self._policy.max_seconds, len(late) / RESUMING_PER_SECOND)
        for task_id in late:
            self._queue.put_off(task_id, now + spread * self._chance())
