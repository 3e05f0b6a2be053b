"""Begins watches, and resumes them after a restart.

A card promises nothing before its row is committed. From then on the tracker and the poller do the rest.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bot.clock import Clock, WaitHook, WakeUp, in_slices
from bot.core.events import Observation, PollError
from bot.core.task import Task
from bot.core.watch import CardState, resumed
from bot.engine.poller import Poller
from bot.engine.tracker import Tracker
from bot.store.errors import StoreFailed
from bot.store.store import Store

log = logging.getLogger(__name__)

SUMMARIZING_SECONDS: Final = 30.0
"""How often cards are checked for summaries that are due early."""


class WatchService:
    """Begins and resumes watches."""

    def __init__(self, store: Store, tracker: Tracker, poller: Poller, clock: Clock) -> None:
        self._store: Final = store
        self._tracker: Final = tracker
        self._poller: Final = poller
        self._clock: Final = clock

    async def begin(
        self,
        *,
        guild_id: int,
        channel_id: int,
        message_id: int,
        starter_id: int,
        language: str,
        observations: Mapping[str, Observation],
        names: Mapping[str, str] | None = None,
        per_person: int | None = None,
    ) -> None:
        """Commit a card, message `message_id`, with a watch of each task, then show and poll them.

        `observations` are those of the first polls, by task, in the order of the card's rows; `names` are the
        names of those tasks that have one.

        Raises:
            AlreadyWatched: the channel has a live watch of one of the tasks.
            TooManyWatches: the starter would have more than `per_person`.
            StoreFailed: nothing is watched.
        """
        state = await self._store.add_card(
            guild_id=guild_id,
            channel_id=channel_id,
            message_id=message_id,
            starter_id=starter_id,
            language=language,
            task_ids=list(observations),
            now=self._clock(),
            known=[task_id for task_id, observation in observations.items() if isinstance(observation, Task)],
            names=names,
            per_person=per_person,
        )
        for task_id in observations:
            log.info("watch began", extra={"task": task_id, "card": state.card.id, "channel": channel_id})
        for task_id, after in (await self._tracker.begin(state, observations)).items():
            self._poller.schedule(task_id, after, failing=isinstance(observations[task_id], PollError))

    async def join(self, channel_id: int, task_id: str, user_id: int, name: str = "") -> CardState | None:
        """Add a person to the followers of a task that is watched in a channel; return its card, if any.

        A `name` renames the watch if they are the card's starter.
        """
        state = self._tracker.registry.find_card(channel_id, task_id)
        if state is not None:
            await self._follow(state, task_id, user_id)
            if name and user_id == state.card.starter_id:
                await self._tracker.rename(state.card.id, task_id, name)
                return self._tracker.registry.find_card(channel_id, task_id) or state
        return state

    async def _follow(self, state: CardState, task_id: str, user_id: int) -> None:
        """Add a follower to one task of a card with several, or to the card of a single one."""
        watch = next((watch for watch in state.live if watch.task_id == task_id), None)
        if state.card.batch and watch is not None:
            await self._store.people.follow_watch(watch, user_id, self._clock())
        else:
            await self._tracker.follow(state.card.id, user_id, following=True)

    async def keep_summarizing(self, wait: WaitHook) -> None:
        """Post the summaries that do not wait for a last task any longer, until cancelled."""
        wake_up = WakeUp(wait)
        while True:
            try:
                await self._tracker.summarize_early()
            except StoreFailed as error:
                log.error("summaries could not be saved", extra={"reason": str(error)})  # noqa: TRY400
            await wake_up.sleep(SUMMARIZING_SECONDS)

    async def resume(self) -> None:
        """Resume what the store says is unfinished: live watches, and results that are not announced yet."""
        unannounced = set(await self._store.to_announce())
        states, now = await self._store.unfinished(), self._clock()
        live = [state for state in states if not state.ended]
        async for state in in_slices(live):
            watches = state.watches
            if now < state.card.created_at:  # the clock was set back while we were stopped
                watches = tuple(resumed(watch, now) for watch in watches)
            self._tracker.registry.add(replace(state, watches=watches))
        self._poller.resume()
        async for state in in_slices(states):
            for watch in state.watches:
                if watch.id in unannounced:
                    self._tracker.announce(state, watch)
            if state.summary is not None:
                self._tracker.summarize(state)
        if states:
            about = {"cards": len(live), "results": len(unannounced)}
            log.info("resumed unfinished watches", extra=about)
