"""Learns from every look how renders end, keeps that in the store, and sets the pace by it."""

import json
import logging
from dataclasses import replace
from typing import Final

from bot.clock import Alarm, Idle, idle
from bot.core.events import Event
from bot.core.experience import Experience, experience_from
from bot.core.lesson import learn, learn_nothing_new
from bot.core.pace import Pace
from bot.core.task import Task
from bot.core.watch import Watch
from bot.store.errors import StoreFailed
from bot.store.store import Store

log = logging.getLogger(__name__)

KEY: Final = "experience"
"""Where it is kept among what the bot knows about itself."""
SAVED_EVERY: Final = 600.0
"""Seconds between two saves; what a crash takes is soon learned again."""


class Learning:
    """`pace` is the one to go by now."""

    def __init__(self, store: Store, pace: Pace, *, idle: Idle = idle) -> None:
        self.pace = pace
        self._store: Final = store
        self._experience = Experience()
        self._alarm: Final = Alarm(idle)
        self._pause: Final = Alarm(idle)
        self._unsaved = False

    async def load(self) -> None:
        """Go on with what was learned before; without it where it cannot be read."""
        try:
            kept = await self._store.remembered(KEY)
            self._experience = experience_from(None if kept is None else json.loads(kept))
        except (StoreFailed, ValueError) as error:
            log.warning("what was learned about renders cannot be read", extra={"reason": str(error)})
        self._set_pace()

    def see(self, before: Watch, event: Event, now: float) -> None:
        """Learn from what a look told; `before` is a watch of its task as it was until then."""
        if isinstance(event, Task) and learn(self._experience, before, event, now):
            self._unsaved = True
            self._alarm.ring()
            self._set_pace()

    def see_nothing_new(self, watch: Watch, until: float) -> None:
        """Learn from looks that told the same again and again until a time."""
        learn_nothing_new(self._experience, watch, until)

    async def run(self) -> None:
        """Save some time after something was learned, until cancelled."""
        while True:
            await self._alarm.sleep(None)  # until there is something to save
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
            self._alarm.ring()
            log.warning("what was learned about renders was not saved", extra={"reason": str(error)})

    def _set_pace(self) -> None:
        self.pace = replace(self.pace, rhythm=self._experience.rhythm())
