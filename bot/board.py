"""The live cards and watches in memory, and the one place where an event becomes a step of a watch.

`core.watch.advance` decides; the board carries out: first what must be durable, then what people see. What
could not be saved has not happened, in memory neither.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Final, Protocol

from bot.clock import Clock
from bot.core.card import CardState
from bot.core.events import AccessLost, CardDeleted, Event, Stopped
from bot.core.health import Health
from bot.core.watch import Effect, Step, Watch, advance
from bot.learning import Learning
from bot.store.store import Store

log = logging.getLogger(__name__)


class Audience(Protocol):
    """Who shows what the board knows. It returns at once and does its work in its own time."""

    def show(self, state: CardState, health: Health) -> None:
        """Bring a card to the form of its state."""

    def announce(self, state: CardState, watch: Watch, health: Health) -> None:
        """Bring a card to its form after a watch has ended, and tell its followers."""


class Board:
    """Who watches what. Health is the poller's to set."""

    def __init__(
        self,
        store: Store,
        audience: Audience,
        learning: Learning,
        clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store: Final = store
        self._audience: Final = audience
        self._learning: Final = learning
        self._clock: Final = clock
        self._chance: Final = chance
        self._cards: dict[int, CardState] = {}
        """Cards with live watches, their ended ones too."""
        self._by_message: dict[int, int] = {}
        self._by_task: dict[str, tuple[int, ...]] = {}
        """The cards on which each task is watched live."""
        self._saving: Final = asyncio.Lock()
        self._health = Health()

    @property
    def health(self) -> Health:
        return self._health

    @health.setter
    def health(self, health: Health) -> None:
        """Take the API's health; the cards speak of a pause when it begins and when it is over."""
        told = (self._health.mode, self._health.since) != (health.mode, health.since)
        self._health = health
        if told:
            for state in self._cards.values():
                self._audience.show(state, health)

    @property
    def tasks(self) -> Collection[str]:
        """The tasks that are watched."""
        return self._by_task.keys()

    def is_watched(self, task_id: str) -> bool:
        return task_id in self._by_task

    def card(self, card_id: int) -> CardState:
        """Return a card with live watches.

        Raises:
            KeyError: there is none of this id.
        """
        return self._cards[card_id]

    def census(self) -> dict[str, int]:
        """Return how many live watches there are by the state of their task."""
        return dict(
            Counter(
                "unseen" if watch.task is None else watch.task.state.value
                for state in self._cards.values()
                for watch in state.live
            )
        )

    def card_watching(self, channel_id: int, task_id: str) -> CardState | None:
        """Return the card on which a channel watches a task, if there is one."""
        for card_id in self._by_task.get(task_id, ()):
            if (state := self._cards[card_id]).card.channel_id == channel_id:
                return state
        return None

    def live_watches(self, *, guild_id: int, starter_id: int) -> tuple[int, int]:
        """Return how many live watches a person has begun anywhere, and how many a server has."""
        mine = here = 0
        for state in self._cards.values():
            if state.card.starter_id == starter_id:
                mine += len(state.live)
            if state.card.guild_id == guild_id:
                here += len(state.live)
        return mine, here

    def cards_in(self, guild_id: int) -> list[CardState]:
        """Return a server's cards with live watches, newest first."""
        found = [state for state in self._cards.values() if state.card.guild_id == guild_id]
        return sorted(found, key=lambda state: state.card.id, reverse=True)

    def card_of_message(self, message_id: int) -> CardState | None:
        """Return the card with live watches that is this message, if there is one."""
        card_id = self._by_message.get(message_id)
        return None if card_id is None else self._cards[card_id]

    def add(self, state: CardState) -> None:
        """Take a card; its ended watches are only shown."""
        self._cards[state.card.id] = state
        self._by_message[state.card.message_id] = state.card.id
        for watch in state.watches:
            if watch.outcome is None:
                self._by_task[watch.task_id] = (*self._by_task.get(watch.task_id, ()), state.card.id)

    def show(self, card_id: int) -> None:
        """Show a card, if it has live watches."""
        if card_id in self._cards:
            self._audience.show(self._cards[card_id], self._health)

    def announce(self, state: CardState, watch: Watch) -> None:
        """Announce a watch that ended before a restart."""
        self._audience.announce(state, watch, self._health)

    async def see(self, task_id: str, event: Event, *, card_id: int | None = None) -> float | None:
        """Let an event happen to every watch of a task, or only to the one on a card.

        Returns:
            The seconds until the next look at the task, None if nobody watches it any more.

        Raises:
            StoreFailed: nothing has happened.
        """
        async with self._saving:
            concerned = [
                watch
                for found in self._by_task.get(task_id, ())
                if card_id in {None, found}
                for watch in self._cards[found].live
                if watch.task_id == task_id
            ]
            steps = self._advance(concerned, event)
            await self._carry_out(steps)
            if concerned and card_id is None:
                self._learning.see(concerned[0], event, self._clock())
        pauses = [step.after for step in steps if step.after is not None]
        return min(pauses, default=None) if self.is_watched(task_id) else None

    async def follow(self, card_id: int, user_id: int, *, following: bool) -> None:
        """Make somebody a follower of a card with live watches, or no longer.

        Raises:
            KeyError: there is no such card.
            StoreFailed: nothing has happened.
        """
        self.card(card_id)  # or there is none
        if following:
            people = await self._store.follow(card_id, user_id, self._clock())
        else:
            people = await self._store.unfollow(card_id, user_id)
        if card_id in self._cards:  # it may have ended meanwhile
            self._cards[card_id] = replace(self._cards[card_id], followers=tuple(people))
            self.show(card_id)

    async def stop(self, card_id: int, by: int, task_id: str | None = None) -> list[str]:
        """End the live watches of a card, or only that of one task; return the tasks of those ended.

        Raises:
            StoreFailed: nothing has happened.
        """
        async with self._saving:
            live = [watch for watch in self._live(card_id) if task_id in {None, watch.task_id}]
            await self._carry_out(self._advance(live, Stopped(by)))
        return [watch.task_id for watch in live]

    async def lose(self, card_id: int, event: CardDeleted | AccessLost) -> None:
        """End the live watches of a card that Discord says is gone or closed to us."""
        async with self._saving:
            await self._carry_out(self._advance(self._live(card_id), event))

    def _live(self, card_id: int) -> tuple[Watch, ...]:
        return self._cards[card_id].live if card_id in self._cards else ()

    def _advance(self, watches: Iterable[Watch], event: Event) -> list[Step]:
        now, pace = self._clock(), self._learning.pace
        return [advance(watch, event, now, pace, self._chance()) for watch in watches]

    async def _carry_out(self, steps: list[Step]) -> None:
        seen = [step.watch for step in steps if Effect.SAVE_SEEN in step.effects]
        if seen:
            await self._store.save_seen((watch.id for watch in seen), seen[0].seen_at or self._clock())
        ended = [step.watch for step in steps if Effect.SAVE_OUTCOME in step.effects]
        if ended:
            await self._store.save_outcomes([(w.id, w.outcome) for w in ended if w.outcome is not None])
        for step in steps:
            self._put(step.watch)
        states = {step.watch.card_id: self._cards[step.watch.card_id] for step in steps}
        for step in steps:
            if Effect.SHOW in step.effects:
                try:
                    self._show(states[step.watch.card_id], step.watch)
                except Exception:
                    log.exception("a step could not be shown", extra={"card": step.watch.card_id})
        for card_id, state in states.items():
            if state.ended:
                del self._by_message[self._cards.pop(card_id).card.message_id]

    def _put(self, watch: Watch) -> None:
        state = self._cards[watch.card_id]
        self._cards[watch.card_id] = state.with_watch(watch)
        if watch.outcome is None:
            return
        if left := tuple(card for card in self._by_task[watch.task_id] if card != watch.card_id):
            self._by_task[watch.task_id] = left
        else:
            del self._by_task[watch.task_id]

    def _show(self, state: CardState, watch: Watch) -> None:
        if watch.outcome is None:
            self._audience.show(state, self._health)
            return
        about = {"task": watch.task_id, "card": watch.card_id, "ending": watch.outcome.ending.value}
        log.info("watch ended", extra=about)
        if watch.outcome.ending.shown:
            self._audience.announce(state, watch, self._health)
