"""One poll for each task, however many shards watch it: one polls, the others apply what it has observed.

    leader:  poll -> write what is new (`bot.store.answers`) -> apply it; confirm the rest once a round
    others:  read once a round, or when notified -> apply what is new or confirmed

The others have stall clocks, counts and endings of their own: they apply what they read as if they had asked.
They poll only if nothing follows for longer than the leader should take, as when it does not reach the API:
errors that say nothing of the task are not written.

Polls of tasks that are not shared read and write nothing.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bot.clock import WaitHook, WakeUp, plain_wait
from bot.core.events import ErrorKind, Observation, PollError
from bot.core.shards import Shard
from bot.core.task import Task
from bot.engine.poller import Poller
from bot.engine.tracker import Tracker
from bot.store.answers import Answer, Answers, read_answers
from bot.store.database import Database
from bot.store.errors import StoreFailed
from bot.store.notifications import TASK
from bot.store.store import Store

log = logging.getLogger(__name__)

ROUND_SECONDS: Final = 1.5
"""How late an observation is applied at most, if no notification comes."""
OF_THIS_PROCESS: Final = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.KEY_REFUSED})
"""Errors that another process may not meet: its own breaker has to find out."""
LATE_FACTOR: Final = 1.5
LATE_SECONDS: Final = 15.0
"""How late the next observation may be before we poll ourselves: if the leader's process has ended, another
needs up to ten seconds to take its place.
"""


class SharedTasks:
    """The shared tasks of one shard."""

    def __init__(
        self,
        reader: "SharedTaskReader",
        answers: Answers,
        shard: Shard,
        tracker: Tracker,
        poller: Poller,
    ) -> None:
        self._reader: Final = reader
        self._store: Final = answers
        self._shard: Final = shard
        self._tracker: Final = tracker
        self._poller: Final = poller
        self._answers: dict[str, Answer] = {}
        """What is known of the rows of tasks that are watched here."""
        self._unchanged: Final[set[str]] = set()
        """The tasks that were observed again as their rows say, since the last round."""

    async def begin(self, now: float) -> None:
        """Begin once the shard's watches are resumed. Raises StoreFailed."""
        await self._store.share(now)
        self._reader.shards.append(self)

    def close(self) -> None:
        if self in self._reader.shards:
            self._reader.shards.remove(self)

    def listens(self, task_id: str) -> bool:
        """Return whether what others write about a task concerns this shard."""
        answer = self._answers.get(task_id)
        return self._watches(task_id) and (answer is None or not answer.is_led_by(self._shard))

    def _watches(self, task_id: str) -> bool:
        return task_id in self._tracker.registry.tasks

    async def announce(self, task_id: str, observation: Observation) -> None:
        """Write what a poll has observed, if others watch the task and this shard leads."""
        answer = self._answers.get(task_id)
        if answer is None or not (answer.is_led_by(self._shard) and answer.is_shared(self._shard)):
            return
        if isinstance(observation, PollError) and observation.kind in OF_THIS_PROCESS:
            return
        if _same(answer.observation, observation):
            self._unchanged.add(task_id)
            return
        self._unchanged.discard(task_id)
        try:
            at = await self._store.write(task_id, observation)
        except StoreFailed as error:  # the next poll's is still new
            log.debug("an observation was not shared", extra={"task": task_id, "reason": str(error)})
            return
        if at is not None:
            self._answers[task_id] = answer._replace(at=at, observation=observation)

    async def confirm(self) -> None:
        """Write which tasks were observed again without a change.

        Raises:
            StoreFailed: nothing was written.
        """
        if not (unchanged := sorted(self._unchanged)):
            return
        confirmed = await self._store.confirm(unchanged)
        self._unchanged.difference_update(unchanged)
        for task_id, at in confirmed.items():
            if (answer := self._answers.get(task_id)) is not None:
                self._answers[task_id] = answer._replace(at=at)

    async def update(self, answers: Mapping[str, Answer]) -> None:
        """Apply what is new in the rows that were read.

        Raises:
            StoreFailed: some of it could not be saved; the next round tries again.
        """
        before, failure = self._answers, None
        self._answers = {
            task_id: self._newest(before.get(task_id), answer)
            for task_id, answer in answers.items()
            if self._watches(task_id)
        }
        for task_id, answer in list(self._answers.items()):
            old = before.get(task_id)
            if old is None:
                continue  # it may be older than the watch here, which is polled until the leader writes
            if answer.at != old.at and answer.observation is not None:
                try:
                    await self._apply(task_id, answer.observation, old.observation)
                except StoreFailed as error:
                    self._answers[task_id], failure = old, error
            if answer.is_led_by(self._shard) and not old.is_led_by(self._shard):
                self._poller.schedule(task_id, 0.0)
        if failure is not None:
            raise failure

    def _newest(self, known: Answer | None, read: Answer) -> Answer:
        """Return what was read; if a poll of our own has written meanwhile, with what that wrote."""
        if known is None or known.at <= read.at or not read.is_led_by(self._shard):
            return read
        return read._replace(at=known.at, observation=known.observation)

    async def _apply(self, task_id: str, observation: Observation, before: Observation | None) -> None:
        """Apply what was read, unless a poll of our own is newer; `before` is what was read before."""
        known = self._tracker.registry.observed[task_id].task
        if isinstance(observation, Task) and not observation.is_terminal and known is not None:
            confirmed = _same(before, observation)
            if self._poller.is_polling(task_id) or (confirmed and known.state is not observation.state):
                return
        delay = await self._tracker.apply(task_id, observation, learn=False)
        if delay is not None:
            self._poller.reschedule(task_id, LATE_FACTOR * delay + LATE_SECONDS)


class SharedTaskReader:
    """Reads the rows for all shards of a process."""

    def __init__(self, database: Database, wait: WaitHook = plain_wait) -> None:
        self.shards: Final[list[SharedTasks]] = []
        self._database: Final = database
        self._wake_up: Final = WakeUp(wait)
        self._failed = False

    def add(
        self, shard: Shard, store: Store, database: Database, tracker: Tracker, poller: Poller
    ) -> SharedTasks | None:
        """Share the tasks of a shard, unless there is only one; `database` is the shard's view."""
        if shard.count == 1:
            return None
        store.answers = Answers(database, shard)
        tasks = SharedTasks(self, store.answers, shard, tracker, poller)
        poller.on_observation = tasks.announce
        return tasks

    def notified(self, payload: str) -> None:
        """Read at once, if the notification is about a task that is watched here."""
        task_id = payload.removeprefix(TASK)
        if payload.startswith(TASK) and any(shard.listens(task_id) for shard in self.shards):
            self._wake_up.set()

    async def run(self) -> None:
        """Read once a round and when notified, until cancelled."""
        while True:
            try:
                await self.read()
            except StoreFailed as error:
                if not self._failed:
                    log.warning("what other processes observe is not known", extra={"reason": str(error)})
                self._failed = True
            except Exception:
                log.exception("what other processes observe could not be applied")
            else:
                self._failed = False
            await self._wake_up.sleep(ROUND_SECONDS)

    async def read(self) -> None:
        """Confirm what was observed again here, then apply what is new.

        Raises:
            StoreFailed: it will be done in the next round.
        """
        if not self.shards:
            return
        for shard in list(self.shards):
            await shard.confirm()
        answers, failure = await read_answers(self._database), None
        for shard in list(self.shards):
            try:
                await shard.update(answers)
            except StoreFailed as error:
                failure = error
        if failure is not None:
            raise failure


def _same(before: Observation | None, observation: Observation) -> bool:
    """Return whether an observation says nothing new; some APIs change the update time with each answer."""
    if isinstance(before, Task) and isinstance(observation, Task):
        return before == replace(observation, updated_at=before.updated_at)
    return before == observation
