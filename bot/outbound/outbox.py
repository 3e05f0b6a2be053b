"""What a channel is still to see, and what of it goes next: results, then ended cards, then the rest.

An ended card waits for its result; where that is delayed, the card says without it that the task has ended.
Values and choices only; `bot.outbound.messenger` sends. All times are Unix seconds.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Final

from bot.cards.cards import CardForm
from bot.core.card import Card
from bot.core.watch import Watch
from bot.gateway.servers import ServerState
from bot.outbound.attachments import Videos
from bot.outbound.discord_errors import ACCESS_SECONDS, access_delay
from bot.outbound.gate import Urgency
from bot.outbound.room import Room

EVENT_DELAY: Final = 1.0
"""Seconds from an event on Discord to the try that it causes; what comes together causes one."""
EVENT_GAP: Final = 10.0
"""Seconds between two tries in one channel that events cause, at least."""


@dataclass(slots=True)
class AccessPause:
    """A channel that was closed to the bot: one thing at a time is tried there, seldom."""

    guild_id: int
    channel_id: int
    lacking: str
    """The permission that is missing, as Discord's API calls it, or what else keeps the bot out."""
    since: float
    tries: int = 0
    tried_at: float = 0.0
    not_before: float = 0.0

    def refused(self, now: float) -> None:
        """Note a try that was refused."""
        self.tries += 1
        self.tried_at, self.not_before = now, now + access_delay(self.tries)

    def is_over(self, now: float) -> bool:
        """Tell whether access has been away for so long that it is lost."""
        return now - self.since >= ACCESS_SECONDS


@dataclass(frozen=True, slots=True)
class Flight:
    """An edit on its way to Discord, and what it will have shown once it has come."""

    form: CardForm
    ends: frozenset[int]
    edit: asyncio.Future[None]
    began_at: float
    by_bot: bool
    """By the bot's own token; one by an interaction's says nothing of the bot's access."""
    server: ServerState
    """What the gateway said of the server when it was sent."""


@dataclass(slots=True)
class Wanted:
    """The newest form that a card should show; the watches in `ends` are shown as ended with it."""

    card: Card
    form: CardForm
    ends: set[int] = field(default_factory=set)
    tries: int = 0
    not_before: float = 0.0
    failing_since: float = inf
    refused: bool = False
    """The last try was refused, not lost."""
    plainly: bool = False
    """Discord refused the form as it is; only the plain one is left to try."""
    answerless: CardForm | None = None
    """The form of an end without its result that the card shows meanwhile."""
    flight: Flight | None = None
    """The card's edit under way. There is never a second one: whichever came last would stay."""

    @property
    def due(self) -> float:
        return inf if self.flight is not None and not self.flight.edit.done() else self.not_before

    @property
    def urgency(self) -> Urgency:
        if self.refused:
            return Urgency.RETRY
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
    failing_since: float = inf
    videos: Videos = field(default_factory=Videos)
    refused: bool = False

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
    pause: AccessPause | None = None

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
            if not before.refused:
                before.not_before = 0.0
        return spared

    def form(self, wanted: Wanted) -> CardForm:
        """Return what a card can show now: it points to its results only once they are there."""
        waits = any(result.card.id == wanted.card.id for result in self.results.values())
        return wanted.form.answerless if waits else wanted.form

    def next(self, now: float) -> Result | Wanted | None:
        """Return the most urgent thing that may be sent at `now`, of those the one that waits longest."""
        if self.pause is not None and self.pause.not_before > now:
            return None
        for result in self.results.values():
            if result.due <= now:
                return result
        waiting = self._waiting()
        forms = [wanted for wanted in self.wanted.values() if self._due(wanted, now, waiting) <= now]
        return min(forms, key=lambda wanted: wanted.urgency, default=None)

    def wait(self, now: float) -> float | None:
        """Return the seconds until something may be sent again, None if nothing is left but to be woken."""
        waiting = self._waiting()
        times = [self._due(wanted, now, waiting) for wanted in self.wanted.values()]
        times += [result.due for result in self.results.values()]
        soonest = min(times, default=inf)
        if self.pause is not None:
            soonest = max(soonest, self.pause.not_before)
        return None if soonest == inf else max(0.0, soonest - now)

    def access_changed(self, now: float) -> None:
        """Try soon what was refused: what the bot may do in this channel may have changed."""
        if self.pause is not None:
            soon = max(now + EVENT_DELAY, self.pause.tried_at + EVENT_GAP)
            self.pause.not_before = min(self.pause.not_before, soon)
        items: list[Result | Wanted] = [*self.results.values(), *self.wanted.values()]
        for item in items:
            if item.refused:
                item.not_before = min(item.not_before, now + EVENT_DELAY)

    def _waiting(self) -> dict[int, bool]:
        """Return the cards with results still to be posted, and whether one of them may come at once."""
        waiting: dict[int, bool] = {}
        for result in self.results.values():
            waiting[result.card.id] = waiting.get(result.card.id, False) or not result.tries
        return waiting

    def _due(self, wanted: Wanted, now: float, waiting: dict[int, bool]) -> float:
        if (
            (at_once := waiting.get(wanted.card.id)) is not None
            and wanted.ends
            and (at_once or wanted.answerless == wanted.form.answerless)
        ):
            return inf
        if wanted.ends or not self.spends(wanted.card):
            return wanted.due
        return max(wanted.due, self.room.free_at(wanted.card, now))

    @property
    def empty(self) -> bool:
        return not self.wanted and not self.results
