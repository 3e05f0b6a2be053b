"""The cards with live watches, in memory: found by their message, a task, a server or a person."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from bot.core.card import CardState
from bot.core.observed import Observed
from bot.core.watch import Watch


class Registry:
    """A card is in it as long as it has live watches; its ended ones are then there, too."""

    def __init__(self) -> None:
        self._cards: Final[dict[int, CardState]] = {}
        self._by_message: Final[dict[int, int]] = {}
        self._watches: Final[dict[str, tuple[Watch, ...]]] = {}
        """By task, those that live, on whatever cards."""
        self.observed: Final[dict[str, Observed]] = {}
        """What polling has learned about each watched task."""

    def __iter__(self) -> Iterator[CardState]:
        return iter(self._cards.values())

    def __contains__(self, card_id: int) -> bool:
        return card_id in self._cards

    @property
    def tasks(self) -> Collection[str]:
        """The tasks that are watched."""
        return self.observed.keys()

    def watches(self, task_id: str) -> tuple[Watch, ...]:
        """Return the live watches of a task."""
        return self._watches.get(task_id, ())

    def card(self, card_id: int) -> CardState:
        """Return a card.

        Raises:
            KeyError: there is none of this id.
        """
        return self._cards[card_id]

    def live(self, card_id: int) -> tuple[Watch, ...]:
        """Return the live watches of a card, none if it is not here."""
        return self._cards[card_id].live if card_id in self._cards else ()

    def census(self) -> dict[str, int]:
        """Return how many live watches there are by the state of their task."""
        counts: Counter[str] = Counter()
        for task_id, observed in self.observed.items():
            state = "unseen" if observed.task is None else observed.task.state.value
            counts[state] += len(self._watches[task_id])
        return dict(counts)

    def watching(self, channel_id: int, task_id: str) -> CardState | None:
        """Return the card on which a channel watches a task, if there is one."""
        for watch in self.watches(task_id):
            if (state := self._cards[watch.card_id]).card.channel_id == channel_id:
                return state
        return None

    def counted(self, *, guild_id: int, starter_id: int) -> tuple[int, int]:
        """Return how many live watches a person has begun anywhere, and how many a server has."""
        mine = here = 0
        for state in self:
            if state.card.starter_id == starter_id:
                mine += len(state.live)
            if state.card.guild_id == guild_id:
                here += len(state.live)
        return mine, here

    def of_guild(self, guild_id: int) -> list[CardState]:
        """Return a server's cards, newest first."""
        found = [state for state in self if state.card.guild_id == guild_id]
        return sorted(found, key=lambda state: state.card.id, reverse=True)

    def of_message(self, message_id: int) -> CardState | None:
        """Return the card that is this message, if there is one."""
        card_id = self._by_message.get(message_id)
        return None if card_id is None else self._cards[card_id]

    def add(self, state: CardState) -> None:
        """Take a card; its ended watches are only shown."""
        card_id = state.card.id
        self._cards[card_id] = state
        self._by_message[state.card.message_id] = card_id
        for watch in state.live:
            self._watches[watch.task_id] = (*self.watches(watch.task_id), watch)
            self.observed.setdefault(watch.task_id, Observed(watched_since=watch.started_at))

    def replace(self, state: CardState) -> None:
        """Take a newer state of a card."""
        self._cards[state.card.id] = state

    def put(self, watch: Watch) -> None:
        """Take a newer form of a watch; a task without live watches is polled no more."""
        self._cards[watch.card_id] = self._cards[watch.card_id].with_watch(watch)
        others = (watch if old.id == watch.id else old for old in self.watches(watch.task_id))
        live = tuple(other for other in others if other.outcome is None)
        if live:
            self._watches[watch.task_id] = live
        else:
            del self._watches[watch.task_id], self.observed[watch.task_id]

    def drop_ended(self, card_ids: Iterable[int]) -> None:
        """Let go of those of these cards that have no live watches any more."""
        for card_id in card_ids:
            if self._cards[card_id].ended:
                del self._by_message[self._cards.pop(card_id).card.message_id]
