"""A card: one message of ours in one channel that follows one task or several."""

from dataclasses import dataclass
from typing import NamedTuple

from bot.core.watch import Watch


@dataclass(frozen=True, slots=True)
class Card:
    """Where a card is and in which language it is. Ids are Discord's; `created_at` is Unix seconds."""

    id: int
    guild_id: int
    channel_id: int
    message_id: int
    starter_id: int
    language: str
    created_at: float


@dataclass(frozen=True, slots=True)
class CardState:
    """A card, all its watches in the order of their rows, ended ones included, and its followers."""

    card: Card
    watches: tuple[Watch, ...]
    followers: tuple[int, ...] = ()

    @property
    def ended(self) -> bool:
        return not self.live

    @property
    def live(self) -> tuple[Watch, ...]:
        """Its watches that have not ended."""
        return tuple(watch for watch in self.watches if watch.outcome is None)

    def with_watch(self, watch: Watch) -> "CardState":
        """Return the state with a new state of one of its watches."""
        watches = tuple(watch if old.id == watch.id else old for old in self.watches)
        return CardState(self.card, watches, self.followers)


class Listed(NamedTuple):
    """A watch in a list; `result_id` is the first message of its result, once that is sent."""

    card: Card
    watch: Watch
    result_id: int | None = None
