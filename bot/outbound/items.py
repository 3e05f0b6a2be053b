"""What is to be sent to a channel: a card's form, a result, a summary; `bot.outbound.pending` decides when.

Times are Unix seconds.
"""

import asyncio
from dataclasses import dataclass, field
from math import inf
from typing import ClassVar

from bot.cards.cards import CardForm
from bot.core.outcome import Summary
from bot.core.watch import Card, Watch
from bot.gateway.rate_limiter import Priority
from bot.gateway.servers import ServerState
from bot.outbound.attachments import Videos


@dataclass(frozen=True, slots=True)
class InFlight:
    """A request in flight. `form` and `ends` are what an edit will show once it has succeeded."""

    request: asyncio.Future[None]
    began_at: float
    server: ServerState
    """What the gateway said about the server when it was sent."""
    by_bot: bool = True
    """Whether it uses the bot's own token; an interaction's token says nothing about the bot's access."""
    form: CardForm | None = None
    ends: frozenset[int] = frozenset()


@dataclass(slots=True)
class Item:
    """Something to send. `inflight` is its running request; there is never a second one."""

    card: Card
    tries: int = 0
    not_before: float = 0.0
    failing_since: float = inf
    refused: bool = False
    """The last attempt was refused, not lost."""
    inflight: InFlight | None = None

    @property
    def waiting_since(self) -> float:
        """Since when it has been late, in Unix seconds; `inf` while nothing has failed."""
        return self.failing_since

    def succeeded(self) -> None:
        """Forget earlier failures."""
        self.tries, self.not_before, self.failing_since, self.refused = 0, 0.0, inf, False


@dataclass(slots=True)
class Slot(Item):
    """A card that is live or does not show its end yet: the form it should show, and the one it shows."""

    form: CardForm = field(kw_only=True)
    shown: CardForm | None = None
    """The form that it is known to show."""
    ends: set[int] = field(default_factory=set)
    """Ended watches that it does not show as ended yet."""
    over: bool = False
    """All its watches have ended; the slot is removed once the card shows that."""
    plain: bool = False
    """Discord refused the form; try the plain one."""
    edited_at: float = 0.0
    """When the newest edit began: of all channels' cards, the stalest is edited first."""

    @property
    def priority(self) -> Priority:
        if self.refused:
            return Priority.RETRY
        return Priority.FINAL if self.ends else Priority.PROGRESS

    @property
    def about(self) -> dict[str, object]:
        """What the log says about it."""
        return {"card": self.card.id, "channel": self.card.channel_id}


@dataclass(slots=True)
class Result(Item):
    """An ended watch whose followers are still to be pinged."""

    watch: Watch = field(kw_only=True)
    ready: bool = True
    """Its videos have been fetched, as far as they can be."""
    videos: Videos = field(default_factory=Videos)
    priority: ClassVar = Priority.RESULT

    @property
    def ends(self) -> set[int]:
        return {self.watch.id}

    @property
    def waiting_since(self) -> float:
        return self.failing_since if self.watch.outcome is None else self.watch.outcome.at

    @property
    def about(self) -> dict[str, object]:
        """What the log says about it."""
        return {"card": self.card.id, "channel": self.card.channel_id, "task": self.watch.task_id}


@dataclass(slots=True)
class PendingSummary(Item):
    """The summary of a card with several tasks; it follows the card's results."""

    summary: Summary = field(kw_only=True)
    priority: ClassVar = Priority.RESULT

    @property
    def ends(self) -> set[int]:
        return {self.summary.watch_id}

    @property
    def waiting_since(self) -> float:
        return self.summary.at

    def follows(self, unposted: set[int]) -> bool:
        """Return whether it has to wait for its card's results of these watches: it links to them."""
        # An early one does not wait for the result of the task that it calls running.
        return bool(unposted - {self.summary.watch_id} if self.summary.early else unposted)

    @property
    def about(self) -> dict[str, object]:
        """What the log says about it."""
        return {"card": self.card.id, "channel": self.card.channel_id}


Post = Result | PendingSummary
"""What is sent as a new message. Its `ends` are the ended watches that are not done before."""
