"""The cards with live watches, in memory: found by their message, a task, a server or a person."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bot.core.card import CardState
from bot.core.task import Task
from bot.core.watch import Watch


@dataclass(slots=True)
class Followed:
    """A task that is watched, and the looks at it that told nothing new since its watches' last step."""

    watches: tuple[Watch, ...] = ()
    """Its live watches, on whatever cards."""
    task: Task | None = None
    """The newest answer, as it came."""
    looked_at: float = 0.0
    quiet: float = 0.0
    """Seconds that those looks account for; 0 if there was none."""


class Roster:
    """A card is in it as long as it has live watches; its ended ones are then there, too."""

    def __init__(self) -> None:
        self._cards: Final[dict[int, CardState]] = {}
        self._by_message: Final[dict[int, int]] = {}
        self._followed: Final[dict[str, Followed]] = {}

    def __iter__(self) -> Iterator[CardState]:
        return iter(self._cards.values())

    def __contains__(self, card_id: int) -> bool:
        return card_id in self._cards

    @property
    def tasks(self) -> Collection[str]:
        """The tasks that are watched."""
        return self._followed.keys()

    def followed(self, task_id: str) -> Followed | None:
        return self._followed.get(task_id)

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
        return dict(
            Counter(
                "unseen" if watch.task is None else watch.task.state.value
                for state in self
                for watch in state.live
            )
        )

    def watching(self, channel_id: int, task_id: str) -> CardState | None:
        """Return the card on which a channel watches a task, if there is one."""
        followed = self._followed.get(task_id)
        for watch in () if followed is None else followed.watches:
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
            followed = self._followed.setdefault(watch.task_id, Followed())
            followed.watches = (*followed.watches, watch)

    def replace(self, state: CardState) -> None:
        """Take a newer state of a card."""
        self._cards[state.card.id] = state

    def put(self, watch: Watch) -> None:
        """Take a newer form of a watch; an ended one is followed no more."""
        self._cards[watch.card_id] = self._cards[watch.card_id].with_watch(watch)
        followed = self._followed[watch.task_id]
        if watch.outcome is None:
            followed.watches = tuple(watch if old.id == watch.id else old for old in followed.watches)
        else:
            followed.watches = tuple(old for old in followed.watches if old.id != watch.id)
            if not followed.watches:
                del self._followed[watch.task_id]

    def drop_ended(self, card_ids: Iterable[int]) -> None:
        """Let go of those of these cards that have no live watches any more."""
        for card_id in card_ids:
            if self._cards[card_id].ended:
                del self._by_message[self._cards.pop(card_id).card.message_id]
