"""What all senders share: the way to Discord, and what is known of the cards there."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.cards.cards import CardForm, plain_form
from bot.clock import Clock
from bot.core.outcome import Ending
from bot.metrics import Metrics
from bot.outbound.attachments import Videos
from bot.outbound.delivery import Deliverer
from bot.outbound.ledger import Ledger
from bot.outbound.outbox import Flight, Result, Wanted
from bot.outbound.rest import DiscordRest
from bot.outbound.room import Room

Lost = Callable[[int, Ending], Awaitable[None]]
"""Awaited with a card's id when Discord says that the card or its channel is gone."""


@dataclass(slots=True)
class Desk:
    """`shown` is the form that each card is known to show."""

    rest: DiscordRest
    deliverer: Deliverer
    ledger: Ledger
    clock: Clock
    lost: Lost
    discard: Callable[[Videos], None]
    """Clears away the videos that a result has carried."""
    metrics: Metrics
    keep_seconds: float
    """How long a result is tried after its task ended."""
    shown: dict[int, CardForm] = field(default_factory=dict)
    edits: set[asyncio.Future[None]] = field(default_factory=set)
    """All edits under way, waited for or not."""
    rooms: dict[int, Room] = field(default_factory=dict)
    """By channel, of those in which something was edited lately: senders come and go with what they send."""
    gone: dict[int, Ending] = field(default_factory=dict)
    """Cards that Discord will not let us touch and whose watches could not be ended yet."""

    def room(self, channel_id: int) -> Room:
        """Return the room that is left in a channel."""
        now = self.clock()
        for rested in [channel for channel, room in self.rooms.items() if room.rested(now)]:
            del self.rooms[rested]
        return self.rooms.setdefault(channel_id, Room())

    def take_off(self, wanted: Wanted, form: CardForm) -> Flight:
        """Begin the edit that brings a card to a form."""
        by_bot, server = self.rest.spends_room(wanted.card), self.rest.server_state(wanted.card)
        sent = plain_form(form) if wanted.plainly else form
        edit = asyncio.ensure_future(self.rest.edit_card(wanted.card, sent, wanted.urgency))
        self.edits.add(edit)
        self.metrics.edits_sent.inc()
        edit.add_done_callback(self.edits.discard)
        edit.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return Flight(form, frozenset(wanted.ends), edit, self.clock(), by_bot, server)

    def count(self, result: Result) -> None:
        """Count a result that has come to its channel, and how long that took from the end at the API."""
        outcome = result.watch.outcome
        if outcome is None:
            return
        ended_at = outcome.task.updated_at if outcome.task is not None and outcome.task.is_terminal else None
        # What had ended long before somebody asked was not late for that.
        taken = None if ended_at is None else self.clock() - max(ended_at, result.watch.started_at)
        self.metrics.results[outcome.ending].inc()
        if taken is not None:
            self.metrics.result_delay.observe(max(0.0, taken))
