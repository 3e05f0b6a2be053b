"""The cards with live watches, in memory, found by message, task, server or person."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

from bot.core.observed import Observed
from bot.core.watch import CardState, Watch


class Registry:
    """Keeps every card that has live watches, including its ended ones. Only the tracker changes it."""

    def __init__(self) -> None:
        self.cards: Final[dict[int, CardState]] = {}
        self._by_message: Final[dict[int, int]] = {}
        self._watches: Final[dict[str, tuple[Watch, ...]]] = {}
        """The live watches of each task, on all cards."""
        self.observed: Final[dict[str, Observed]] = {}
        """What polling has learned about each watched task."""
        self._by_starter: Final[Counter[int]] = Counter()
        """How many live watches each person has begun."""
        self._by_guild: Final[Counter[int]] = Counter()
        """How many live watches each server has."""
        self.tasks: Final[Collection[str]] = self.observed.keys()
        """The watched tasks; a view that follows every change."""

    def watches(self, task_id: str) -> tuple[Watch, ...]:
        """Return the live watches of a task."""
        return self._watches.get(task_id, ())

    def is_known(self, task_id: str) -> bool:
        """Return whether a task has been answered before, also by an earlier process."""
        answered = task_id in self.observed and self.observed[task_id].task is not None
        return answered or any(watch.seen_at is not None for watch in self.watches(task_id))

    def live(self, card_id: int) -> tuple[Watch, ...]:
        """Return the live watches of a card, none if there is no such card."""
        return self.cards[card_id].live if card_id in self.cards else ()

    def census(self) -> dict[str, int]:
        """Count the live watches by the state of their task."""
        counts: Counter[str] = Counter()
        for task_id, observed in self.observed.items():
            state = "unseen" if observed.task is None else observed.task.state.value
            counts[state] += len(self._watches[task_id])
        return dict(counts)

    def find_card(self, channel_id: int, task_id: str) -> CardState | None:
        """Return the card on which a channel watches a task, if any."""
        for watch in self.watches(task_id):
            if (state := self.cards[watch.card_id]).card.channel_id == channel_id:
                return state
        return None

    def counted(self, *, guild_id: int, starter_id: int) -> tuple[int, int]:
        """Count the live watches that a person has begun anywhere, and those of a server."""
        return self._by_starter[starter_id], self._by_guild[guild_id]

    def of_guild(self, guild_id: int) -> list[CardState]:
        """Return a server's cards, newest first."""
        found = [state for state in self.cards.values() if state.card.guild_id == guild_id]
        return sorted(found, key=lambda state: state.card.id, reverse=True)

    def of_message(self, message_id: int) -> CardState | None:
        """Return the card that is this message, if any."""
        card_id = self._by_message.get(message_id)
        return None if card_id is None else self.cards[card_id]

    def add(self, state: CardState) -> None:
        """Add a card and start to observe the tasks of its live watches."""
        card_id = state.card.id
        self.cards[card_id] = state
        self._by_message[state.card.message_id] = card_id
        self._count(state, len(state.live))
        for watch in state.live:
            self._watches[watch.task_id] = (*self.watches(watch.task_id), watch)
            self.observed.setdefault(watch.task_id, Observed(watched_since=watch.started_at))

    def put(self, watch: Watch) -> None:
        """Store a new state of a watch; a task without live watches is no longer observed."""
        before = self.cards[watch.card_id]
        self.cards[watch.card_id] = after = before.with_watch(watch)
        self._count(after, len(after.live) - len(before.live))
        others = (watch if old.id == watch.id else old for old in self.watches(watch.task_id))
        live = tuple(other for other in others if other.outcome is None)
        if live:
            self._watches[watch.task_id] = live
        else:
            del self._watches[watch.task_id], self.observed[watch.task_id]

    def _count(self, state: CardState, more: int) -> None:
        card = state.card
        for counts, key in ((self._by_starter, card.starter_id), (self._by_guild, card.guild_id)):
            counts[key] += more
            if not counts[key]:
                del counts[key]

    def drop_ended(self, card_ids: Iterable[int]) -> None:
        """Remove those of these cards that have no live watches left."""
        for card_id in card_ids:
            if self.cards[card_id].ended:
                del self._by_message[self.cards.pop(card_id).card.message_id]
