"""What a channel is still to see, and what of it goes next: results, then ended cards, then the rest.

Values and choices only; `bot.chat.messenger` sends. All times are Unix seconds.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from bot.chat.attachments import Videos
from bot.chat.cards import CardForm
from bot.chat.gate import Urgency
from bot.chat.room import Room
from bot.core.card import Card
from bot.core.watch import Watch


@dataclass(frozen=True, slots=True)
class Flight:
    """An edit on its way to Discord, and what it will have shown once it has come."""

    form: CardForm
    ends: frozenset[int]
    edit: asyncio.Future[None]


@dataclass(slots=True)
class Wanted:
    """The newest form that a card should show; the watches in `ends` are shown as ended with it."""

    card: Card
    form: CardForm
    ends: set[int] = field(default_factory=set)
    tries: int = 0
    not_before: float = 0.0
    plainly: bool = False
    """Discord refused the form as it is; only the plain one is left to try."""
    flight: Flight | None = None
    """The card's edit under way. There is never a second one: whichever came last would stay."""

    @property
    def due(self) -> float:
        return inf if self.flight is not None and not self.flight.edit.done() else self.not_before

    @property
    def urgency(self) -> Urgency:
        return Urgency.FINAL if self.ends else Urgency.PROGRESS

    @property
    def about(self) -> dict[str, object]:
        """What the log says of it."""
        return {"card": self.card.id, "channel": self.card.channel_id}


@dataclass(slots=True)
class Result:
    """An ended watch whose followers are still to be told."""

    card: Card
    watch: Watch
    ready: bool = False
    """Whether what had to be fetched for it is there."""
    tries: int = 0
    not_before: float = 0.0
    videos: Videos = field(default_factory=Videos)

    @property
    def due(self) -> float:
        return self.not_before if self.ready else inf

    @property
    def about(self) -> dict[str, object]:
        """What the log says of it."""
        return {"card": self.card.id, "channel": self.card.channel_id, "task": self.watch.task_id}


@dataclass(slots=True)
class Outbox:
    """One channel's wanted forms by card and results by watch."""

    wanted: dict[int, Wanted] = field(default_factory=dict)
    results: dict[int, Result] = field(default_factory=dict)
    room: Room = field(default_factory=Room)
    spends: Callable[[Card], bool] = lambda _card: False
    """Whether an edit of a card takes of the channel's limit; one by its interaction's token does not."""

    def want(self, card: Card, form: CardForm, ends: set[int]) -> bool:
        """Replace what a card should show; what it was refused for before says nothing about the new form.

        Returns:
            Whether that spares the edit to a form that had not taken off yet.
        """
        before = self.wanted.get(card.id)
        if before is None:
            self.wanted[card.id] = Wanted(card, form, set(ends))
            return False
        spared = before.form != form and (before.flight is None or before.flight.form != before.form)
        if before.form != form:
            before.form, before.plainly = form, False
        if ends - before.ends:
            before.ends |= ends
            before.not_before = 0.0
        return spared

    def next(self, now: float) -> Result | Wanted | None:
        """Return the most urgent thing that may be sent at `now`, of those the one that waits longest."""
        for result in self.results.values():
            if result.due <= now:
                return result
        forms = [wanted for wanted in self.wanted.values() if self._due(wanted, now) <= now]
        return min(forms, key=lambda wanted: wanted.urgency, default=None)

    def wait(self, now: float) -> float | None:
        """Return the seconds until something may be sent again, None if nothing is left but to be woken."""
        times = [self._due(wanted, now) for wanted in self.wanted.values()]
        times += [result.due for result in self.results.values()]
        soonest = min(times, default=inf)
        return None if soonest == inf else max(0.0, soonest - now)

    def _due(self, wanted: Wanted, now: float) -> float:
        if wanted.urgency is not Urgency.PROGRESS or not self.spends(wanted.card):
            return wanted.due
        return max(wanted.due, self.room.free_at(wanted.card, now))

    @property
    def empty(self) -> bool:
        return not self.wanted and not self.results
