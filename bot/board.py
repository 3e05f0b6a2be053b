"""The one place where an event becomes a step of a watch.

`core.transitions.advance` decides; the board carries out: first what must be durable, then what people see.
What could not be saved has not happened, in memory neither.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final, Protocol

from bot.clock import Clock
from bot.core.card import CardState
from bot.core.events import AccessLost, CardDeleted, Event, Seen, Stopped, Unpolled
from bot.core.lesson import LEARNED_FROM
from bot.core.task import Task
from bot.core.transitions import Effect, Step, advance, looked_on, told_again
from bot.core.watch import Watch
from bot.learning import Learning
from bot.roster import Followed, Roster
from bot.store.store import Store

log = logging.getLogger(__name__)


class Audience(Protocol):
    """Who shows what the board knows. It returns at once and does its work in its own time."""

    def show(self, state: CardState) -> None:
        """Bring a card to the form of its state."""

    def announce(self, state: CardState, watch: Watch) -> None:
        """Bring a card to its form after a watch has ended, and tell its followers."""


class Board:
    """Who watches what."""

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
        self.roster: Final = Roster()
        """The cards, to be looked at by everybody and changed by the board alone."""
        self._saving: Final = asyncio.Lock()

    def known(self, task_id: str) -> Task | None:
        """Return the newest answer about a task."""
        followed = self.roster.followed(task_id)
        return None if followed is None else followed.task

    def show(self, card_id: int) -> None:
        """Show a card, if it has live watches."""
        if card_id in self.roster:
            self._audience.show(self.roster.card(card_id))

    def show_all(self) -> None:
        """Show every card: the API's health has changed."""
        for state in self.roster:
            try:
                self._audience.show(state)
            except Exception:  # one card must not keep the others from being shown
                log.exception("a pause could not be shown", extra={"card": state.card.id})

    def announce(self, state: CardState, watch: Watch) -> None:
        """Announce a watch that ended before a restart."""
        self._audience.announce(state, watch)

    async def begin(self, state: CardState, seen: Mapping[str, Seen]) -> dict[str, float]:
        """Take a stored card with what the first polls of its tasks observed, no end among it, and show it.

        Returns:
            The seconds until the next poll of each task.
        """
        pauses = {}
        # Not while a poll of one of the tasks is saved: the poller takes no plan for a task it has in flight.
        async with self._saving:
            self.roster.add(state)
            now = self._clock()
            for watch in state.watches:
                event = seen[watch.task_id]
                followed = self.roster.followed(watch.task_id)
                if followed is not None and isinstance(event, Task):
                    self._take_in(followed)
                    followed.task, followed.looked_at = event, now
                (step,) = self._advance([watch], event, now)
                self.roster.put(step.watch)
                if step.after is not None:
                    pauses[watch.task_id] = step.after
        self.show(state.card.id)
        return pauses

    async def see(self, task_id: str, event: Event) -> float | None:
        """Let an event happen to every watch of a task.

        Returns:
            The seconds until the next look at the task, None if nobody watches it any more.

        Raises:
            StoreFailed: nothing has happened.
        """
        async with self._saving:
            if (followed := self.roster.followed(task_id)) is None:
                return None
            self._take_in(followed)
            watches = followed.watches
            now = self._clock()
            steps = self._advance(watches, event, now)
            await self._carry_out(steps)
            self._learning.see(watches[0], event, now)
            if isinstance(event, Task):
                followed.task, followed.looked_at = event, now
        return min((step.after for step in steps if step.after is not None), default=None)

    async def expire(self) -> None:
        """End the watches that have grown too old while nothing is polled.

        Raises:
            StoreFailed: nothing has happened to the one that was to end.
        """
        for task_id in list(self.roster.tasks):
            followed = self.roster.followed(task_id)
            too_old = self._clock() - self._learning.pace.too_old_after
            if followed is not None and any(watch.started_at <= too_old for watch in followed.watches):
                await self.see(task_id, Unpolled())

    def told_again(self, task_id: str, seen: Seen) -> float | None:
        """Count a look that told the same as the one before; return the pause, or None: then `see` it.

        Nothing is made anew for it: its watches take it in with their next step.
        """
        followed = self.roster.followed(task_id)
        if followed is None or followed.task is not seen or not isinstance(seen, Task):
            return None
        now, pace = self._clock(), self._learning.pace
        gap = now - followed.looked_at
        if not 0 <= gap <= LEARNED_FROM:
            return None
        quiet = followed.quiet + min(gap, pace.max_seconds)
        soonest = pace.max_seconds
        for watch in followed.watches:
            if (after := told_again(watch, seen, now, quiet, pace)) is None:
                return None
            soonest = min(soonest, after)
        followed.looked_at, followed.quiet = now, quiet
        return soonest

    def _take_in(self, followed: Followed) -> None:
        """Let the watches of a task know of the looks that told nothing new."""
        if not followed.quiet:
            return
        told = [watch for watch in followed.watches if watch.task is followed.task]  # none that began since
        for watch in told[:1]:
            self._learning.see_nothing_new(watch, followed.looked_at)
        for watch in told:
            self.roster.put(looked_on(watch, followed.looked_at, followed.quiet))
        followed.quiet = 0.0

    def _live(self, card_id: int) -> tuple[Watch, ...]:
        """Return the live watches of a card once they know of all looks."""
        for watch in self.roster.live(card_id):
            if (followed := self.roster.followed(watch.task_id)) is not None:
                self._take_in(followed)
        return self.roster.live(card_id)

    async def follow(self, card_id: int, user_id: int, *, following: bool) -> None:
        """Make somebody a follower of a card with live watches, or no longer.

        Raises:
            KeyError: there is no such card.
            StoreFailed: nothing has happened.
        """
        self.roster.card(card_id)  # or there is none
        if following:
            people = await self._store.follow(card_id, user_id, self._clock())
        else:
            people = await self._store.unfollow(card_id, user_id)
        if card_id in self.roster:  # it may have ended meanwhile
            self.roster.replace(replace(self.roster.card(card_id), followers=tuple(people)))
            self.show(card_id)

    async def stop(self, card_id: int, by: int, task_id: str | None = None) -> list[str]:
        """End the live watches of a card, or only that of one task; return the tasks of those ended.

        Raises:
            StoreFailed: nothing has happened.
        """
        async with self._saving:
            live = [watch for watch in self._live(card_id) if task_id in {None, watch.task_id}]
            await self._carry_out(self._advance(live, Stopped(by), self._clock()))
        return [watch.task_id for watch in live]

    async def lose(self, card_id: int, event: CardDeleted | AccessLost) -> None:
        """End the live watches of a card that Discord says is gone or closed to us."""
        async with self._saving:
            await self._carry_out(self._advance(self._live(card_id), event, self._clock()))

    def _advance(self, watches: Iterable[Watch], event: Event, now: float) -> list[Step]:
        return [advance(watch, event, now, self._learning.pace, self._chance()) for watch in watches]

    async def _carry_out(self, steps: list[Step]) -> None:
        seen = [step.watch for step in steps if Effect.SAVE_SEEN in step.effects]
        if seen:
            await self._store.save_seen((watch.id for watch in seen), seen[0].seen_at or self._clock())
        ended = [step.watch for step in steps if Effect.SAVE_OUTCOME in step.effects]
        if ended:
            await self._store.save_outcomes([(w.id, w.outcome) for w in ended if w.outcome is not None])
        for step in steps:
            self.roster.put(step.watch)
        states = {step.watch.card_id: self.roster.card(step.watch.card_id) for step in steps}
        for step in steps:
            if Effect.SHOW in step.effects:
                try:
                    self._show(states[step.watch.card_id], step.watch)
                except Exception:
                    log.exception("a step could not be shown", extra={"card": step.watch.card_id})
        self.roster.drop_ended(states)

    def _show(self, state: CardState, watch: Watch) -> None:
        if watch.outcome is None:
            self._audience.show(state)
            return
        about = {"task": watch.task_id, "card": watch.card_id, "ending": watch.outcome.ending.value}
        log.info("watch ended", extra=about)
        if watch.outcome.ending.shown:
            self._audience.announce(state, watch)
