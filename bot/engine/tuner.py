"""Learns from every poll when renders end, keeps that in the store, and adapts the poll policy to it."""

import json
import logging
from dataclasses import replace
from typing import Final

from bot.clock import WaitHook, WakeUp, plain_wait
from bot.core.course import course
from bot.core.events import Observation
from bot.core.experience import Experience, experience_from
from bot.core.observed import Observed
from bot.core.policy import PollPolicy
from bot.core.task import Task, TaskState
from bot.store.errors import StoreFailed
from bot.store.store import Store

log = logging.getLogger(__name__)

KEY: Final = "experience"
"""Its key in the store."""
LEARNED_FROM: Final = 60.0
"""Longest interval between two polls to learn from; after an outage the time of an end is not known."""
SAVED_EVERY: Final = 600.0
"""Seconds between two saves; what a crash loses is soon learned again."""


class PollTuner:
    """`policy` is the poll policy with everything learned so far."""

    def __init__(self, store: Store, policy: PollPolicy, *, wait: WaitHook = plain_wait) -> None:
        self.policy = policy
        self._store: Final = store
        self._experience = Experience()
        self._wake_up: Final = WakeUp(wait)
        self._pause: Final = WakeUp(wait)
        self._unsaved = False

    async def load(self) -> None:
        """Load what earlier runs learned; start without it if it cannot be read."""
        try:
            kept = await self._store.remembered(KEY)
            self._experience = experience_from(None if kept is None else json.loads(kept))
        except (StoreFailed, ValueError) as error:
            log.warning("could not load what was learned about renders", extra={"reason": str(error)})
        self._set_policy()

    def observe(self, before: Observed, observation: Observation, now: float) -> None:
        """Learn from an observation; `before` is what was known of its task until then."""
        if isinstance(observation, Task) and learn(self._experience, before, observation, now):
            self._unsaved = True
            self._wake_up.set()
            self._set_policy()

    async def run(self) -> None:
        """Save some time after something was learned, until cancelled."""
        while True:
            await self._wake_up.sleep(None)  # until there is something to save
            await self._pause.sleep(SAVED_EVERY)
            await self.save()

    async def save(self) -> None:
        """Save what was learned since the last time, if anything was."""
        if not self._unsaved:
            return
        self._unsaved = False  # what is learned meanwhile is saved the next time
        try:
            await self._store.remember(KEY, json.dumps(self._experience.record()))
        except StoreFailed as error:
            self._unsaved = True
            self._wake_up.set()
            log.warning("could not save what was learned about renders", extra={"reason": str(error)})

    def _set_policy(self) -> None:
        learned = self._experience
        self.policy = replace(
            self.policy,
            rhythm=learned.rhythm(),
            usual_queue=learned.usual_queue,
            usual_render=learned.usual_render,
        )


def learn(experience: Experience, before: Observed, task: Task, now: float) -> bool:
    """Learn from a poll of a task that was queued or rendered at the poll before.

    Returns:
        Whether that is over.
    """
    if before.task is None or before.polled_at is None:
        return False
    gap = now - before.polled_at
    if not 0 < gap <= LEARNED_FROM:
        return False
    if before.task.state is TaskState.PENDING:
        left = task.state is not TaskState.PENDING
        experience.queued(gap, left=left)
        return left
    if before.began_at is None:
        return False
    way = course(before.samples, before.began_at, before.polled_at)
    if not task.state.ended:
        experience.lived(way, gap)
        return False
    updated_at = task.updated_at
    # The API usually says when it ended; otherwise that was somewhere between the two polls.
    dated = updated_at is not None and before.polled_at < updated_at < now
    until = updated_at - before.polled_at if dated and updated_at is not None else gap / 2
    experience.lived(way, until)
    experience.ended(way.after(until))
    return True
