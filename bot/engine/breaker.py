"""The circuit breaker in front of the task API: it owns the API's health.

Every poll goes through it, the poller's and people's own, and everybody asks it: the poller whether and when
polls may go out, the cards and `/readyz` how the API is. What polls mean is decided in `bot.core.health`.

    poll: send it -> observe what came -> tell who listens, if the API's health has changed
    run:  sleep until a round of probes is due -> send them all at once -> verdict
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from itertools import islice
from typing import Final, Protocol

from bot.clock import Clock, WaitHook, WakeUp, plain_wait
from bot.core.events import ErrorKind, Observation, PollError
from bot.core.health import IMPOSSIBLE_ID, Health, Mode, after_probes, observe
from bot.core.policy import retry_after_delay
from bot.core.rate import RequestRate
from bot.core.task import Task
from bot.veo.errors import BrokenAnswer, VeoError, as_event

log = logging.getLogger(__name__)

REMEMBERED: Final = 4_096
"""Tasks of which the newest poll is remembered."""
RETRY_SECONDS: Final = 15.0
"""Seconds until a round of probes is tried again that failed in an unforeseen way."""


class PollFn(Protocol):
    """Asks the API about one task; raises `VeoError`."""

    def __call__(self, task_id: str, known: Task | None = None, /) -> Awaitable[Task]:
        """Return the task: `known`, an earlier answer about it, if the answer is the same again."""


class CircuitBreaker:
    """`watched` are the ids that are polled, now and whenever it is asked."""

    def __init__(
        self,
        poll: PollFn,
        watched: Collection[str],
        clock: Clock,
        *,
        on_change: Callable[[], None],
        wait: WaitHook = plain_wait,
    ) -> None:
        """`on_change` is called when the API's mode has changed."""
        self._on_change: Final = on_change
        self._poll: Final = poll
        self._watched: Final = watched
        self._clock: Final = clock
        self._health = Health()
        self._rate: Final = RequestRate()
        self._reason = ""
        """Why the newest poll that failed did, for the log."""
        self._limited: Final[dict[str, float]] = {}
        """Tasks whose newest poll was answered 429, and when."""
        self._answering: Final[dict[str, float]] = {}
        """Tasks whose newest poll was answered, and when; the newest last."""
        self._answered_last: str | None = None
        self._rounds = 0
        self._probing_since: float | None = None
        self._wake_up: Final = WakeUp(wait)

    @property
    def health(self) -> Health:
        return self._health

    @property
    def paused(self) -> bool:
        return self._health.paused

    @property
    def not_before(self) -> float:
        """When the next poll of a watched task may be sent, as far as 429s say."""
        return self._rate.not_before

    @property
    def overdue(self) -> float:
        """Seconds since a round of probes should have begun or ended; 0 if none should."""
        due = self._probing_since or self._health.next_probe(len(self._watched))
        return 0.0 if due is None else max(0.0, self._clock() - due)

    async def poll(self, task_id: str, known: Task | None = None) -> Task:
        """Ask the API about one task, whoever wants to know, and observe what that says of its health.

        Raises:
            VeoError: the API returned no task.
        """
        begun = self._clock()
        self._rate.sent(begun)
        try:
            task = await self._poll(task_id, known)
            # Two answers were mixed up: a wrong result would be posted.
            if any(other in self._watched for other in task.other_ids):
                raise BrokenAnswer("the answer is about another task that is watched")
        except VeoError as error:
            self._reason = str(error)
            self._failed(task_id, as_event(error), begun)
            raise
        self._answered(task_id, task, begun)
        return task

    async def probe(self) -> None:
        """Send a round of probes, all at once, and draw the conclusion."""
        self._probing_since = begun = self._clock()
        try:
            probes = self._probes()
            answers = dict(zip(probes, await asyncio.gather(*map(self._ask, probes)), strict=True))
        finally:
            self._probing_since = None
        self._take(after_probes(self._health, answers, begun, self._clock(), len(self._watched)))

    async def run(self) -> None:
        """Probe whenever a round is due, until cancelled."""
        while True:
            now, due = self._clock(), self._health.next_probe(len(self._watched))
            wait = None if due is None else due - now
            try:
                if wait is not None and wait <= 0:
                    await self.probe()
                    continue
            except Exception:
                log.exception("probing the task API failed in an unforeseen way")
                wait = RETRY_SECONDS
            await self._wake_up.sleep(wait)

    async def _ask(self, task_id: str) -> Observation:
        try:
            return await self.poll(task_id)
        except VeoError as error:
            return as_event(error)

    def _probes(self) -> list[str]:
        """Return whom to ask: the task that answered last, and the id that cannot exist.

        If every task that answered has failed since, the watched ones are asked in turn as well: the one that
        answered last may be gone for good. During a pause they share the second place with that id.
        """
        self._rounds += 1
        impossible = [IMPOSSIBLE_ID] if self._health.impossible_id_tells else []
        if self._answering:
            return [next(reversed(self._answering)), *impossible]
        last = [] if self._answered_last is None else [self._answered_last]
        turn = self._rounds // 2 % max(1, len(self._watched))
        in_turn = list(islice(self._watched, turn, turn + 1))
        if self.paused:
            second = (impossible, in_turn)[self._rounds % 2] or in_turn or impossible
        else:
            second = in_turn + impossible
        return list(dict.fromkeys(last + second)) or [IMPOSSIBLE_ID]

    def _answered(self, task_id: str, observation: Observation, begun: float) -> None:
        if task_id != IMPOSSIBLE_ID:
            self._answered_last = task_id
            _keep_newest(self._answering, task_id, begun)
        self._limited.pop(task_id, None)
        self._rate.answered()
        self._observe(task_id, observation, begun)

    def _failed(self, task_id: str, observation: Observation, begun: float) -> None:
        if not isinstance(observation, PollError) or observation.kind is ErrorKind.TASK_REFUSED:
            self._answered(task_id, observation, begun)
            return
        if observation.kind is ErrorKind.RATE_LIMITED:
            self._slow_down(task_id, observation, begun)
        else:
            self._limited.pop(task_id, None)
        self._answering.pop(task_id, None)
        self._observe(task_id, observation, begun)

    def _slow_down(self, task_id: str, failure: PollError, begun: float) -> None:
        now, before = self._clock(), self._limited.get(task_id)
        # Limited again while others were answered: that limit is the task's own.
        if before is None or (self._health.accepted_at or 0.0) <= before:
            self._rate.limited(begun, now)
        _keep_newest(self._limited, task_id, now)
        if self._health.limited_until <= now:
            seconds = round(retry_after_delay(failure.retry_after))
            log.warning("the task API wants fewer requests", extra={"task": task_id, "seconds": seconds})

    def _observe(self, task_id: str, observation: Observation, begun: float) -> None:
        self._take(observe(self._health, task_id, observation, begun, self._clock()))

    def _take(self, health: Health) -> None:
        before, self._health = self._health, health
        if health is before:
            return
        watched = len(self._watched)
        if health.next_probe(watched) != before.next_probe(watched):
            self._wake_up.set()
        self._log(before, health)
        if (before.mode, before.since) != (health.mode, health.since):
            self._on_change()

    def _log(self, before: Health, after: Health) -> None:
        now = self._clock()
        if after.mode is before.mode:
            return
        match after.mode:
            case Mode.OPEN:
                log.warning(
                    "the task API does not answer; polling pauses, probes go on",
                    extra={"seconds": round(now - (after.since or now)), "reason": self._reason},
                )
            case Mode.REFUSED:
                log.error(
                    "the task API refuses the key; polling pauses. Check VEO_API_KEY",
                    extra={"reason": self._reason},
                )
            case Mode.CLOSED:
                log.info("the task API answers again; polling goes on")


def _keep_newest(kept: dict[str, float], task_id: str, at: float) -> None:
    """Put a task at the end of those that are kept."""
    kept.pop(task_id, None)
    kept[task_id] = at
    if len(kept) > REMEMBERED:
        del kept[next(iter(kept))]
