"""One channel's pending items, and which is sent next: results first, then ended cards, then progress.

A card that has ended waits for its result, so that it can link to it. If the result is delayed, the card
shows the end without the link. Values and decisions only; `bot.outbound.channel_queue` sends. Times are Unix
seconds.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Final

from bot.cards.cards import CardForm
from bot.core.watch import Card
from bot.outbound.discord_errors import ACCESS_SECONDS, access_delay
from bot.outbound.items import Item, PendingSummary, Post, Result, Slot
from bot.outbound.rate_limits import EditBudget

REQUEST_SECONDS: Final = 30.0
"""How long an edit or a result may delay others, including discord.py's waits for rate limits."""
TOKEN_EDITS_AT_ONCE: Final = 4
"""Edits with interactions' tokens at a time in a channel, so that fifty live cards do not wait in line."""
RESULTS_AT_ONCE: Final = 3
"""Results in flight in one channel, at most one of them with videos: Discord takes about one a second."""
EVENT_DELAY: Final = 1.0
"""Seconds from a gateway event to the attempt it triggers; a burst of events triggers only one."""
EVENT_GAP: Final = 10.0
"""Minimum of seconds between two attempts triggered by events in one channel."""


@dataclass(slots=True)
class AccessPause:
    """The pause of a channel that the bot may not use: one item at a time is tried, rarely."""

    channel_id: int
    lacking: str
    """The permission that is missing, as Discord's API calls it, or what else keeps the bot out."""
    since: float
    tries: int = 0
    tried_at: float = 0.0
    not_before: float = 0.0

    def refused(self, now: float) -> None:
        """Count a refused attempt."""
        self.tries += 1
        self.tried_at, self.not_before = now, now + access_delay(self.tries)

    def is_over(self, now: float) -> bool:
        """Return whether the bot has had no access for so long that it counts as lost."""
        return now - self.since >= ACCESS_SECONDS


@dataclass(slots=True)
class Pending:
    """One channel's items; among equals, the first has waited longest."""

    slots: dict[int, Slot] = field(default_factory=dict)
    """By card id."""
    results: dict[int, Result] = field(default_factory=dict)
    """By watch id."""
    summaries: dict[int, PendingSummary] = field(default_factory=dict)
    """By card id."""
    budget: EditBudget = field(default_factory=EditBudget)
    uses_channel_limit: Callable[[Card], bool] = lambda _card: False
    """Whether an edit of a card counts towards the channel's limit; by an interaction's token it does not."""
    pause: AccessPause | None = None
    access_changed_at: float = -inf
    """When an event said last that what the bot may do here may have changed."""

    def want(self, card: Card, form: CardForm, ends: set[int], *, over: bool = False) -> bool:
        """Replace what a card should show; earlier refusals of it say nothing about the new form.

        Returns:
            Whether that spares the edit to a form that had not been sent yet.
        """
        slot = self.slots.get(card.id)
        if slot is None:
            self.slots[card.id] = Slot(card, form=form, ends=set(ends), over=over)
            return False
        waited = slot.shown != slot.form or bool(slot.ends)
        on_its_way = slot.inflight is not None and slot.inflight.form == slot.form
        spared = slot.form not in {form, slot.shown} and not on_its_way
        if form != slot.form:
            slot.form, slot.plain = form, False
        if ends - slot.ends and not slot.refused:
            slot.not_before = 0.0
        slot.ends |= ends
        slot.over = over
        if not waited:
            self.requeue(slot)
        return spared

    def requeue(self, slot: Slot) -> None:
        """Move a card behind all others of its priority."""
        self.slots[slot.card.id] = self.slots.pop(slot.card.id)

    @property
    def posts(self) -> list[Post]:
        """The results and, after them, the summaries."""
        return [*self.results.values(), *self.summaries.values()]

    @property
    def items(self) -> list[Slot | Post]:
        return [*self.posts, *self.slots.values()]

    @property
    def is_empty(self) -> bool:
        return not (self.slots or self.results or self.summaries)

    def needed(self, *, besides: Slot | Post) -> set[int]:
        """Return the ended watches for which something else than one item is still to be sent."""
        return {watch_id for item in self.items if item is not besides for watch_id in item.ends}

    def has_result(self, card: Card) -> bool:
        """Return whether a result or the summary of a card still has to be posted."""
        return any(post.card.id == card.id for post in self.posts)

    def target(self, slot: Slot) -> CardForm:
        """Return what a card can show now: it links to its results only once they are posted."""
        return slot.form.answerless if self.has_result(slot.card) else slot.form

    def answered(self) -> Slot | Post | None:
        """Return an item whose request is done, if any."""
        done = (item for item in self.items if item.inflight and item.inflight.request.done())
        return next(done, None)

    def next(self, now: float) -> Slot | Post | None:
        """Return the most urgent item that may be sent at `now`; among equals, the one waiting longest."""
        due = [item for at, item in self._times(now) if at <= now]
        return min(due, key=lambda item: item.priority, default=None)

    def wait(self, now: float) -> float | None:
        """Return the seconds until something may be sent; None if that depends on a response or an event."""
        soonest = min((at for at, _ in self._times(now)), default=inf)
        return None if soonest == inf else max(0.0, soonest - now)

    def access_changed(self, now: float) -> None:
        """Retry soon what was refused: the bot's permissions in this channel may have changed."""
        self.access_changed_at = now
        if self.pause is not None:
            soon = max(now + EVENT_DELAY, self.pause.tried_at + EVENT_GAP)
            self.pause.not_before = min(self.pause.not_before, soon)
        for item in self.items:
            if item.refused:
                item.not_before = min(item.not_before, now + EVENT_DELAY)

    def _times(self, now: float) -> Iterator[tuple[float, Slot | Post]]:
        """Yield each item with the time from which it may be sent in the current state, results first."""
        unposted: dict[int, set[int]] = {}
        for watch_id, result in self.results.items():
            unposted.setdefault(result.card.id, set()).add(watch_id)
        ready = (s for s in self.summaries.values() if not s.follows(unposted.get(s.card.id, set())))
        posts: list[Post] = [*self.results.values(), *ready]
        posting = [post for post in posts if post.inflight is not None]
        uploading = any(isinstance(post, Result) and post.videos.files for post in posting)
        editing = [slot for slot in self.slots.values() if slot.inflight is not None]
        # One edit at a time in a channel (a few by token): the most urgent one is chosen as late as possible,
        # and one that takes very long delays only its own card. In a closed channel, one attempt at a time.
        edits_at = max((_gives_way_at(slot, now) for slot in editing), default=0.0)
        token_edits_at = edits_at if len(editing) >= TOKEN_EDITS_AT_ONCE else 0.0
        all_at = 0.0
        if self.pause is not None:
            all_at = max([self.pause.not_before, edits_at, *(_gives_way_at(r, now) for r in posting)])
        waiting: dict[int, bool] = {}
        for post in posts:
            waiting[post.card.id] = waiting.get(post.card.id, False) or not post.tries
            is_held = len(posting) >= RESULTS_AT_ONCE
            if isinstance(post, Result):
                # Several uploads on a slow line would all be late; a result without videos overtakes them.
                is_held = is_held or not post.ready or (uploading and bool(post.videos.files))
            if post.inflight is None and not is_held:
                yield max(post.not_before, all_at), post
        for slot in self.slots.values():
            if slot.shown is slot.form and not slot.ends and not waiting:
                continue  # so are most cards: to compare all forms took a tenth of the whole bot's CPU
            if slot.inflight is None and self._is_open(slot, waiting.get(slot.card.id)):
                by_bot = self.uses_channel_limit(slot.card)
                at = max(slot.not_before, edits_at if by_bot else token_edits_at, all_at)
                if by_bot and not slot.ends:
                    at = max(at, self.budget.available_at(slot.card, now))
                yield at, slot

    def _is_open(self, slot: Slot, result_at_once: bool | None) -> bool:
        """Return whether a card may be edited, now or later, although its result is not posted yet."""
        if result_at_once is None:
            return bool(slot.ends) or slot.shown != slot.form
        if slot.ends and result_at_once:
            return False
        return slot.shown != slot.form.answerless


def _gives_way_at(item: Item, now: float) -> float:
    """Return when a request in flight stops delaying others."""
    at = item.inflight.began_at + REQUEST_SECONDS if item.inflight is not None else 0.0
    return at if at > now else 0.0
