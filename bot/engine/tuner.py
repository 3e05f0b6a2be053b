"""Learns from every poll when renders end, keeps that in the store, and adapts the poll policy to it."""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bot.clock import WaitHook, WakeUp, plain_wait
from bot.core.events import Observation
from bot.core.hazard import SHAPE, HazardModel, model_from
from bot.core.observed import Observed
from bot.core.policy import PollPolicy
from bot.core.position import position
from bot.core.task import Task, TaskState
from bot.store.errors import StoreFailed
from bot.store.store import Store

log = logging.getLogger(__name__)

KEY: Final = "experience"
"""Its key in the store, as the first version named it: what that stored is replaced by the first save."""
LEARNED_FROM: Final = 75.0
"""Longest interval between two polls to learn from; after an outage the time of an end is not known."""
SAVED_EVERY: Final = 600.0
"""Seconds between two saves; what a crash loses is soon learned again."""
MOST_ACTIONS: Final = 16
"""Actions that are learned apart; nothing is learned of others."""
LONGEST_ACTION: Final = 60
"""Characters of an action; it comes from outside and is kept in memory and in the store."""
LONGEST_RECORD: Final = 1_000_000
"""Characters of a record that may be read; ours have a few thousand for each action."""


class PollTuner:
    """`policy` is the poll policy with everything learned so far. One for all shards of a process."""

    def __init__(self, policy: PollPolicy, *, wait: WaitHook = plain_wait) -> None:
        self.policy = policy
        self._models: dict[str, HazardModel] = {}
        self._wake_up: Final = WakeUp(wait)
        self._pause: Final = WakeUp(wait)
        self._unsaved = False

    async def load(self, store: Store) -> None:
        """Load what was saved last, unless something newer was learned; start without it if unreadable."""
        if self._unsaved:
            return
        try:
            self._models = models_from(await store.remembered(KEY))
        except (StoreFailed, ValueError, RecursionError) as error:
            log.warning("could not load what was learned about renders", extra={"reason": str(error)})
        self._set_policy()

    def observe(self, before: Observed, observation: Observation, now: float) -> None:
        """Learn from an observation; `before` is what was known of its task until then."""
        if isinstance(observation, Task) and learn(self._models, before, observation, now):
            self._unsaved = True
            self._wake_up.set()
            self._set_policy()

    async def run(self, store: Store) -> None:
        """Save some time after something was learned, until cancelled."""
        while True:
            await self._wake_up.sleep(None)  # until there is something to save
            await self._pause.sleep(SAVED_EVERY)
            await self.save(store)

    async def save(self, store: Store) -> None:
        """Save what was learned since the last time, if anything was."""
        if not self._unsaved:
            return
        self._unsaved = False  # what is learned meanwhile is saved the next time
        try:
            await store.remember(KEY, record_of(self._models))
        except StoreFailed as error:
            self._unsaved = True
            self._wake_up.set()
            log.warning("could not save what was learned about renders", extra={"reason": str(error)})

    def _set_policy(self) -> None:
        learned = {action: model.learned for action, model in self._models.items()}
        self.policy = replace(self.policy, learned=learned)


def record_of(models: Mapping[str, HazardModel]) -> str:
    """Return the models as JSON."""
    actions = {action: model.record() for action, model in models.items()}
    return json.dumps({"shape": SHAPE, "actions": actions})


def models_from(record: str | None) -> dict[str, HazardModel]:
    """Return the models of a record, without those that cannot be used.

    Raises:
        ValueError, RecursionError: it is no JSON of a sensible size.
    """
    if record is None:
        return {}
    if len(record) > LONGEST_RECORD:
        raise ValueError("the record is too large")
    kept = json.loads(record)
    actions = kept.get("actions") if isinstance(kept, dict) and kept.get("shape") == SHAPE else None
    models: dict[str, HazardModel] = {}
    for action, numbers in actions.items() if isinstance(actions, dict) else ():
        model = model_from(numbers)
        if model is not None and len(models) < MOST_ACTIONS and len(action) <= LONGEST_ACTION:
            models[action] = model
    return models


def learn(models: dict[str, HazardModel], before: Observed, task: Task, now: float) -> bool:
    """Learn from a poll of a task that was queued or rendered at the poll before.

    Returns:
        Whether that is over, so that something new is known of its action.
    """
    if before.task is None or before.polled_at is None:
        return False
    gap = now - before.polled_at
    if not 0 < gap <= LEARNED_FROM:
        return False
    if task.action not in models:
        if len(models) >= MOST_ACTIONS or len(task.action) > LONGEST_ACTION:
            return False
        models[task.action] = HazardModel()
    model = models[task.action]
    if before.task.state is TaskState.PENDING:
        left = task.state is not TaskState.PENDING
        model.update_queue(gap, left=left)
        return left
    if before.began_at is None:
        return False
    reached = position(before.samples, before.began_at, before.polled_at)
    model.update(reached, _until(before.polled_at, task, now), ended=task.state.ended)
    return task.state.ended


def _until(polled_at: float, task: Task, now: float) -> float:
    """Return for how many seconds after the poll before a render went on.

    The API usually says in which second it ended; otherwise that was somewhere between the two polls.
    """
    if not task.state.ended:
        return now - polled_at
    updated_at = task.updated_at
    if updated_at is None or not polled_at - 1 < updated_at <= now:
        return (now - polled_at) / 2
    return min(max(updated_at + 0.5, polled_at), now) - polled_at
