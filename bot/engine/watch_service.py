"""How a watch begins: what the first poll returned, the commit, and then the promise.

Nothing is promised before the row is committed, and what is committed is carried on by tracker and poller.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bot.clock import Clock
from bot.core.card import CardState
from bot.core.events import Observation, PollError
from bot.core.task import Task
from bot.core.watch import resumed
from bot.engine.poller import Poller
from bot.engine.tracker import Tracker
from bot.store.store import Store

log = logging.getLogger(__name__)


class WatchService:
    """Begins watches and takes them up again after a restart."""

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
    ) -> None:
        """Commit a card, message `message_id`, with a watch of each task, then show and poll them.

        `observations` is what the first polls returned, by task, in the order of the card's rows. `names` are
        what people call them, for those that have a name.

        Raises:
            AlreadyWatched: the channel has a live watch of one of the tasks.
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
        )
        for task_id in observations:
            log.info("watch began", extra={"task": task_id, "card": state.card.id, "channel": channel_id})
        for task_id, after in (await self._tracker.begin(state, observations)).items():
            self._poller.schedule(task_id, after, failing=isinstance(observations[task_id], PollError))

    async def join(self, channel_id: int, task_id: str, user_id: int, name: str = "") -> CardState | None:
        """Make somebody a follower of the card on which a channel watches a task; None if there is none.

        A `name` renames the watch if they are the card's starter.
        """
        state = self._tracker.registry.watching(channel_id, task_id)
        if state is not None:
            await self._tracker.follow(state.card.id, user_id, following=True)
            if name and user_id == state.card.starter_id:
                await self._tracker.rename(state.card.id, task_id, name)
                return self._tracker.registry.watching(channel_id, task_id) or state
        return state

    async def resume(self) -> None:
        """Take up what the store says is unfinished: live watches, and results still to be announced."""
        unannounced = set(await self._store.to_announce())
        states = await self._store.unfinished()
        live = self._take_up(states)
        for state in states if unannounced else ():
            for watch in state.watches:
                if watch.id in unannounced:
                    self._tracker.announce(state, watch)
        if states:
            log.info(
                "took up what was unfinished",
                extra={"cards": live, "results": len(unannounced)},
            )

    def _take_up(self, states: list[CardState]) -> int:
        """Put the live cards on the tracker and plan the first polls; return how many cards those are."""
        live = [state for state in states if not state.ended]
        now = self._clock()
        for state in live:
            self._tracker.registry.add(state if now >= state.card.created_at else _resumed(state, now))
        self._poller.resume()
        return len(live)


def _resumed(state: CardState, now: float) -> CardState:
    """Return a card by a clock that was set back since it was made."""
    return replace(state, watches=tuple(resumed(watch, now) for watch in state.watches))
