"""Applies observations, people's actions and lost cards to the watches: saves first, then shows.

`core.observed` and `core.watch` decide what changes. If saving fails, nothing changes in memory either.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from bot.clock import Clock, in_slices
from bot.core.events import Observation
from bot.core.observed import UNOBSERVED, observe
from bot.core.outcome import Ending, Summary
from bot.core.policy import PollPolicy
from bot.core.summary import early_summaries, final_summaries
from bot.core.task import Task
from bot.core.watch import CardState, Watch, ended, ending, is_too_old, shown
from bot.engine.audience import Audience
from bot.engine.registry import Registry
from bot.engine.tuner import PollTuner
from bot.store.errors import StoreFailed
from bot.store.store import Store

log = logging.getLogger(__name__)


class Tracker:
    """Changes the registry, which everyone may read and nobody else may change."""

    def __init__(
        self,
        registry: Registry,
        store: Store,
        audience: Audience,
        tuner: PollTuner,
        *,
        clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.registry: Final = registry
        self._store: Final = store
        self._audience: Final = audience
        self._tuner: Final = tuner
        self._clock: Final = clock
        self._chance: Final = chance
        # Held from reading the registry until changing it, because the save in between awaits.
        self._saving: Final = asyncio.Lock()

    @property
    def policy(self) -> PollPolicy:
        """The poll policy with everything learned so far."""
        return self._tuner.policy

    def show(self, card_id: int) -> None:
        """Show a card, if it has live watches."""
        if (state := self.registry.cards.get(card_id)) is not None:
            _attempt(self._audience.show, state)

    async def show_all(self) -> None:
        """Show every card, after the API's health has changed."""
        async for card_id in in_slices(list(self.registry.cards)):
            self.show(card_id)

    def announce(self, state: CardState, watch: Watch) -> None:
        """Announce a watch that has ended just now or before a restart."""
        _attempt(self._audience.announce, state, watch)

    def summarize(self, state: CardState) -> None:
        """Post a summary that became due just now or before a restart."""
        _attempt(self._audience.summarize, state)

    async def begin(self, state: CardState, observations: Mapping[str, Observation]) -> dict[str, float]:
        """Add a stored card with the observations of its first polls, and show it.

        Returns:
            The seconds until the next poll of each task that is still watched.
        """
        pauses = {}
        # Locked, so that the new watch is not added while a poll's result is saved. The poller schedules
        # nothing for a task in flight, and a poll that ends the task's last watch schedules no other.
        async with self._saving:
            self.registry.add(state)
            changed = {state.card.id}
            for watch in state.live:
                try:
                    pause, cards = await self._observe(watch.task_id, observations[watch.task_id])
                except StoreFailed as error:  # the card itself is stored, and the next poll reports the same
                    about = {"task": watch.task_id, "reason": str(error)}
                    log.error("the result of a first poll could not be saved", extra=about)  # noqa: TRY400
                    pause, cards = self._tuner.policy.max_seconds, set()
                changed |= cards
                if pause is not None:
                    pauses[watch.task_id] = pause
        for card_id in changed:
            self.show(card_id)
        return pauses

    async def apply(self, task_id: str, observation: Observation, *, learn: bool = True) -> float | None:
        """Apply the observation of a poll to all watches of its task; `learn` from it when renders end.

        Returns:
            The seconds until the next poll of the task, None if it is no longer watched.

        Raises:
            StoreFailed: nothing has changed.
        """
        async with self._saving:
            pause, changed = await self._observe(task_id, observation, learn=learn)
        for card_id in changed:
            self.show(card_id)
        return pause

    async def expire(self) -> None:
        """End the watches past the age limit, while polling is paused.

        Raises:
            StoreFailed: nothing has changed.
        """
        async with self._saving:
            now, policy = self._clock(), self._tuner.policy
            live = [watch for task_id in self.registry.tasks for watch in self.registry.watches(task_id)]
            await self._end([watch for watch in live if is_too_old(watch, now, policy)], Ending.TOO_OLD)

    async def summarize_early(self) -> None:
        """Post the summaries of cards on which one task goes on long after the others ended.

        Raises:
            StoreFailed: nothing has changed.
        """
        async with self._saving:
            await self._save(
                [], early_summaries(self.registry.cards.values(), self.registry.observed, self._clock())
            )

    async def follow(self, card_id: int, user_id: int, *, following: bool) -> None:
        """Add a person to the followers of a card with live watches, or remove them.

        Raises:
            KeyError: there is no such card.
            StoreFailed: nothing has changed.
        """
        if card_id not in self.registry.cards:
            raise KeyError(card_id)
        if following:
            people = await self._store.people.follow(card_id, user_id, self._clock())
        else:
            people = await self._store.people.unfollow(card_id, user_id)
        if (state := self.registry.cards.get(card_id)) is not None:  # it may have ended meanwhile
            self.registry.cards[card_id] = replace(state, followers=tuple(people))
            self.show(card_id)

    async def rename(self, card_id: int, task_id: str, name: str) -> None:
        """Rename the live watch of a task on a card, and show it.

        Raises:
            StoreFailed: nothing has changed.
        """
        async with self._saving:
            for watch in self.registry.live(card_id):
                if watch.task_id == task_id and watch.name != name:
                    await self._store.rename(watch.id, name)
                    self.registry.put(replace(watch, name=name))
        self.show(card_id)

    async def stop(self, card_id: int, by: int, task_id: str | None = None) -> list[str]:
        """End the live watches of a card, or only that of one task; return the tasks of those ended.

        Raises:
            StoreFailed: nothing has changed.
        """
        async with self._saving:
            live = [watch for watch in self.registry.live(card_id) if task_id in {None, watch.task_id}]
            await self._end(live, Ending.STOPPED, by)
        return [watch.task_id for watch in live]

    async def lose(self, card_id: int, end: Ending) -> None:
        """End the live watches of a card that is deleted or no longer accessible."""
        async with self._saving:
            await self._end(self.registry.live(card_id), end)

    async def _observe(
        self, task_id: str, observation: Observation, *, learn: bool = True
    ) -> tuple[float | None, set[int]]:
        """Apply an observation; return the delay until the next poll, and the cards to show again."""
        if task_id not in self.registry.tasks:
            return None, set()
        now, policy = self._clock(), self._tuner.policy
        before, watches = self.registry.observed[task_id], self.registry.watches(task_id)
        after, pause = observe(before, observation, now, policy, self._chance())
        ends = [(watch, ending(watch, after, observation, now, policy)) for watch in watches]
        live = [watch for watch, end in ends if end is None]
        first = [watch.id for watch in live if watch.seen_at is None] if isinstance(observation, Task) else []
        if first:
            await self._store.save_seen(first, now)
        await self._save([ended(watch, end, after, now) for watch, end in ends if end is not None])
        if learn:
            self._tuner.observe(before, observation, now)
        if not live:
            return None, set()
        self.registry.observed[task_id] = after
        for watch in live:
            if watch.id in first:
                self.registry.put(replace(watch, seen_at=now))
        return pause, {watch.card_id for watch in live if shown(watch, before) != shown(watch, after)}

    async def _end(self, watches: Iterable[Watch], end: Ending, by: int | None = None) -> None:
        now, observed = self._clock(), self.registry.observed
        await self._save(
            [ended(watch, end, observed.get(watch.task_id, UNOBSERVED), now, by) for watch in watches]
        )

    async def _save(self, ended: list[Watch], early: Mapping[int, Summary] = MappingProxyType({})) -> None:
        """Store outcomes and summaries in one transaction, then remove the watches and announce both."""
        due = {**early, **final_summaries(self.registry.cards, ended, self._clock())}
        if not ended and not due:
            return
        await self._store.save_outcomes([(w.id, w.outcome) for w in ended if w.outcome is not None], due)
        for watch in ended:
            self.registry.put(watch)
        for card_id, summary in due.items():
            self.registry.cards[card_id] = replace(self.registry.cards[card_id], summary=summary)
        for watch in ended:
            end = watch.outcome.ending if watch.outcome is not None else None
            log.info("watch ended", extra={"task": watch.task_id, "card": watch.card_id, "ending": end})
            if end is not None and end.shown:
                self.announce(self.registry.cards[watch.card_id], watch)
        for card_id in due:
            self.summarize(self.registry.cards[card_id])
            self.show(card_id)
        self.registry.drop_ended({watch.card_id for watch in ended})


def _attempt(show: Callable[..., None], state: CardState, *watch: Watch) -> None:
    try:
        show(state, *watch)
    except Exception:  # the other cards and results must still be shown
        log.exception("could not show a card or its end", extra={"card": state.card.id})
