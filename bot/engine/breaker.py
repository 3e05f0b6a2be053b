"""The circuit breaker in front of the task API: it owns the API's health.

Every poll goes through it, the poller's and those of commands. The poller asks it whether polls may be sent,
the cards and `/readyz` ask for the API's health. `bot.core.health` decides what the polls say together.

    poll: send -> observe the result -> call `on_change` if the API's mode has changed
    run:  sleep until a round of probes is due -> send them all at once -> decide
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from math import inf
from typing import Final, Protocol

from bot.clock import Clock, WaitHook, WakeUp, plain_wait
from bot.core.budget import RequestBudget
from bot.core.events import ErrorKind, Observation, PollError
from bot.core.health import IMPOSSIBLE_ID, Health, Mode, after_probes, observe
from bot.core.policy import retry_after_delay
from bot.core.task import Task
from bot.engine.poll_turns import PollTurns
from bot.veo.errors import BrokenAnswer, VeoError, as_event

log = logging.getLogger(__name__)

REMEMBERED: Final = 4_096
"""Tasks whose newest poll is remembered."""
MIXED_UP_SECONDS: Final = 600.0
"""Seconds after a watched task's newest poll in which an answer about it is not taken for another task's."""
RETRY_SECONDS: Final = 15.0
"""Seconds until probes are sent again after an unexpected error."""


class PollFn(Protocol):
    """Asks the API for one task; raises `VeoError`."""

    def __call__(self, task_id: str, known: Task | None = None, /) -> Awaitable[Task]:
        """Return the task; `known`, an earlier answer, if the answer has not changed."""


class CircuitBreaker:
    """`watched` are the ids that are polled, now and later."""

    def __init__(
        self,
        poll: PollFn,
        watched: Collection[str],
        clock: Clock,
        *,
        on_change: Callable[[], None],
        budget: RequestBudget,
        turns: PollTurns | None = None,
        wait: WaitHook = plain_wait,
    ) -> None:
        """`on_change` is called when the API's mode has changed."""
        self.health = Health()
        self.budget: Final = budget
        self.turns: Final = turns
        self._on_change: Final = on_change
        self._poll: Final = poll
        self._watched: Final = watched
        self._clock: Final = clock
        self._reason = ""
        """Why the newest failed poll failed, for the log."""
        self._limited: Final[dict[str, float]] = {}
        """Tasks whose newest poll was answered 429, and when."""
        self._answering: Final[dict[str, float]] = {}
        """Tasks whose newest poll was answered, and when; the newest last."""
        self._polled: Final[dict[str, float]] = {}
        """Watched tasks by the time of their newest poll; the newest last."""
        self._answered_last: str | None = None
        self._rounds = 0
        self._probing_since: float | None = None
        """When the newest probe of a running round was sent, or the round began."""
        self._wait: Final = wait
        self._wake_up: Final = WakeUp(wait)

    @property
    def overdue(self) -> float:
        """Seconds since a round of probes should have begun or ended; waits for the budget do not count."""
        now = self._clock()
        due = self._probing_since or self.health.next_probe(len(self._watched))
        return 0.0 if due is None or self.budget.at(spaced=False) > now else max(0.0, now - due)

    async def poll(self, task_id: str, known: Task | None = None) -> Task:
        """Ask the API for one task, and observe what the result says about the API's health.

        Raises:
            VeoError: the API returned no task.
        """
        # The result is judged by when the poll was sent: a slow 429 or timeout may be about an earlier time.
        begun = self._clock()
        self.budget.sent(begun)
        try:
            task = await self._poll(task_id, known)
            # The API mixed up two answers; believing this one would post a wrong result. A cache may go on
            # doing that after the other task has ended, so those watched until lately count as well.
            if any(self._was_watched(other) for other in task.other_ids):
                raise BrokenAnswer("the answer is about another task that is watched, or was lately")
        except VeoError as error:
            self._reason = str(error)
            self._observe(task_id, as_event(error), begun)
            raise
        self._observe(task_id, task, begun)
        return task

    async def wait_for_budget(self) -> None:
        """Wait until the budget allows one more request.

        Raises:
            Unavailable: it takes turns with other processes, and these are not known.
        """
        while (at := self.budget.at(spaced=False)) > (now := self._clock()):
            await self._wait(asyncio.sleep(at - now))
        if self.turns is not None:
            await self.turns.wait()

    async def take_turn(self) -> None:
        """Take the turn of the next watched task."""
        if self.turns is not None:
            await self.turns.take()

    async def begin_second_try(self) -> None:
        """Wait until a poll may send another request, and count it: in place of one cut off, or refused."""
        await self.wait_for_budget()
        self.budget.sent(self._clock())

    async def probe(self) -> None:
        """Send a round of probes, all at once, and decide by their results."""
        self._probing_since = begun = self._clock()
        try:
            probes = self._probes()
            # Each probe is an ordinary poll and is observed like one: an answer closes the breaker at once.
            answers = dict(zip(probes, await asyncio.gather(*map(self._ask, probes)), strict=True))
        finally:
            self._probing_since = None
        self._change(after_probes(self.health, answers, begun, self._clock(), len(self._watched)))

    async def run(self) -> None:
        """Probe whenever a round is due, until cancelled."""
        while True:
            now, due = self._clock(), self.health.next_probe(len(self._watched))
            wait = None if due is None else due - now
            try:
                if wait is not None and wait <= 0:
                    await self.probe()
                    continue
            except Exception:
                log.exception("probing the task API failed unexpectedly")
                wait = RETRY_SECONDS
            await self._wake_up.sleep(wait)

    def _was_watched(self, task_id: str) -> bool:
        """Return whether a task is watched, or was until lately."""
        polled_at = self._polled.get(task_id, -inf)
        return task_id in self._watched or self._clock() - polled_at < MIXED_UP_SECONDS

    async def _ask(self, task_id: str) -> Observation:
        try:
            await self.wait_for_budget()
            self._probing_since = self._clock()
            return await self.poll(task_id)
        except VeoError as error:
            return as_event(error)

    def _probes(self) -> list[str]:
        """Return the ids to probe: the task that was answered last, and the id that cannot exist.

        The task that was answered last may be gone for good. So if every task that was answered has failed
        since, the watched tasks are probed in turn as well. While the breaker is open, one of them replaces
        the impossible id in every other round.
        """
        self._rounds += 1
        impossible = [IMPOSSIBLE_ID] if self.health.impossible_id_tells else []
        if self._answering:
            return [next(reversed(self._answering)), *impossible]
        last = [] if self._answered_last is None else [self._answered_last]
        others = [task_id for task_id in self._watched if task_id not in last]
        in_turn = [others[self._rounds // 2 % len(others)]] if others else []
        if self.health.paused:
            second = (impossible, in_turn)[self._rounds % 2] or in_turn or impossible
        else:
            second = in_turn + impossible
        return last + second or [IMPOSSIBLE_ID]

    def _observe(self, task_id: str, observation: Observation, begun: float) -> None:
        kind = observation.kind if isinstance(observation, PollError) else None
        if task_id in self._watched:
            _keep_newest(self._polled, task_id, begun)
        if isinstance(observation, PollError) and kind is ErrorKind.RATE_LIMITED:
            self._slow_down(task_id, observation.retry_after, begun)
        else:
            self._limited.pop(task_id, None)
        if kind in {None, ErrorKind.TASK_REFUSED}:
            self.budget.learned.accepted(begun, self._clock())
            if task_id != IMPOSSIBLE_ID:
                self._answered_last = task_id
                _keep_newest(self._answering, task_id, begun)
        else:
            self._answering.pop(task_id, None)
        self._change(observe(self.health, task_id, observation, begun, self._clock()))

    def _slow_down(self, task_id: str, retry_after: float | None, begun: float) -> None:
        now, before = self._clock(), self._limited.get(task_id)
        # If a task is limited again while others are answered, the limit is only its own. It may also be the
        # first time, unless the task has been answered before.
        if before is None or (self.health.accepted_at or 0.0) <= before:
            self.budget.learned.refused(begun, now, retry_after, sure=task_id in self._answering)
        _keep_newest(self._limited, task_id, now)
        if self.health.limited_until <= now:
            seconds = round(retry_after_delay(retry_after))
            log.warning("the task API asks for fewer requests", extra={"task": task_id, "seconds": seconds})

    def _change(self, health: Health) -> None:
        """Replace the health; wake the probe loop if its schedule changed, and report a change of mode."""
        before, self.health = self.health, health
        watched = len(self._watched)
        if health.next_probe(watched) != before.next_probe(watched):
            self._wake_up.set()
        if health.mode is not before.mode:
            self._log(health)
        if (before.mode, before.since) != (health.mode, health.since):
            self._on_change()

    def _log(self, health: Health) -> None:
        match health.mode:
            case Mode.OPEN:
                now = self._clock()
                log.warning(
                    "the task API does not answer; polling pauses, probes go on",
                    extra={"seconds": round(now - (health.since or now)), "reason": self._reason},
                )
            case Mode.REFUSED:
                log.error(
                    "the task API refuses the key; polling pauses. Check VEO_API_KEY",
                    extra={"reason": self._reason},
                )
            case Mode.CLOSED:
                log.info("the task API answers again; polling goes on")


def _keep_newest(kept: dict[str, float], task_id: str, at: float) -> None:
    """Move a task to the end of the remembered ones, and drop the oldest if there are too many."""
    kept.pop(task_id, None)
    kept[task_id] = at
    if len(kept) > REMEMBERED:
        del kept[next(iter(kept))]
