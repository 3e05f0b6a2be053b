"""Learns from every poll how renders end, keeps that in the store, and sets the pace by it."""

import json
import logging
from dataclasses import replace
from typing import Final

from bot.clock import WaitHook, WakeUp, plain_wait
from bot.core.events import Observation
from bot.core.experience import Experience, experience_from
from bot.core.lesson import learn
from bot.core.observed import Observed
from bot.core.policy import PollPolicy
from bot.core.task import Task
from bot.store.errors import StoreFailed
from bot.store.store import Store

log = logging.getLogger(__name__)

KEY: Final = "experience"
"""Where it is kept among what the bot knows about itself."""
SAVED_EVERY: Final = 600.0
"""Seconds between two saves; what a crash takes is soon learned again."""


class PollTuner:
    """`policy` is the one to go by now."""

    def __init__(self, store: Store, policy: PollPolicy, *, wait: WaitHook = plain_wait) -> None:
        self.policy = policy
        self._store: Final = store
        self._experience = Experience()
        self._wake_up: Final = WakeUp(wait)
        self._pause: Final = WakeUp(wait)
        self._unsaved = False

    async def load(self) -> None:
        """Go on with what was learned before; without it where it cannot be read."""
        try:
            kept = await self._store.remembered(KEY)
            self._experience = experience_from(None if kept is None else json.loads(kept))
        except (StoreFailed, ValueError) as error:
            log.warning("what was learned about renders cannot be read", extra={"reason": str(error)})
        self._set_policy()

    def observe(self, before: Observed, observation: Observation, now: float) -> None:
        """Learn from what a poll returned; `before` is what was known of its task until then."""
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
            log.warning("what was learned about renders was not saved", extra={"reason": str(error)})

    def _set_policy(self) -> None:
        self.policy = replace(self.policy, rhythm=self._experience.rhythm())
