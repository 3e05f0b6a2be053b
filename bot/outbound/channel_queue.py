"""One channel's queue: sends the pending items and handles Discord's responses.

A single asyncio task runs the queue, and only that task changes its state. Each request runs in its own task
and wakes the queue when it is done. So an upload that takes a minute delays neither the channel's edits nor
its other results.

An edit in flight is never cancelled: if it were waiting for a rate limit, discord.py would never release that
limit's lock. A card never has two edits in flight, because Discord would show the one it processed last,
which may be the older. So a slot keeps its request in `inflight` until it is done, and is not due until then.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from bot.cards.cards import CardForm, plain_form
from bot.clock import Clock, WakeUp
from bot.core.outcome import Ending
from bot.core.watch import Card
from bot.metrics import Metrics
from bot.outbound.discord_errors import ErrorAction, describe, error_action
from bot.outbound.failures import Failures, Lost
from bot.outbound.items import InFlight, PendingSummary, Post, Result, Slot
from bot.outbound.pending import REQUEST_SECONDS, Pending
from bot.outbound.rest import DiscordRest
from bot.outbound.result_poster import ResultPoster
from bot.outbound.uploads import finish_within
from bot.store.errors import StoreFailed
from bot.store.store import Store

log = logging.getLogger(__name__)

ARCHIVED_SECONDS: Final = 600.0
"""How long edits of a card in an archived thread are postponed."""


class ChannelQueue:
    """Sends to the channel of `card`, until nothing is pending and its edit budget has recovered.

    A result is tried until `keep_seconds` after its task ended.
    """

    def __init__(
        self,
        card: Card,
        wake_up: WakeUp,
        *,
        store: Store,
        rest: DiscordRest,
        poster: ResultPoster,
        clock: Clock,
        lost: Lost,
        metrics: Metrics,
        keep_seconds: float,
    ) -> None:
        self.server_id: Final = card.guild_id
        self.pending: Final = Pending(uses_channel_limit=rest.uses_channel_limit)
        self.wake_up: Final = wake_up
        self.requests: Final[set[asyncio.Task[None]]] = set()
        """All requests in flight."""
        self.closing = False
        self._rest: Final = rest
        self._poster: Final = poster
        self._clock: Final = clock
        self._metrics: Final = metrics
        self._failures: Final = Failures(
            self.pending,
            store=store,
            rest=rest,
            poster=poster,
            clock=clock,
            lost=lost,
            keep_seconds=keep_seconds,
        )

    async def run(self) -> None:
        """Send until nothing is left to do; while closing, until nothing can be done right now."""
        pending = self.pending
        while not pending.is_empty or pending.budget.recovers_at > self._clock():
            now = self._clock()
            # Responses are handled first: they may pause the channel or change what is most urgent.
            if (item := pending.answered()) is None and (item := pending.next(now)) is None:
                if self.closing and not self.requests and all(r.ready for r in pending.results.values()):
                    return
                wait = pending.wait(now)
                # An idle queue stays until its edit budget has recovered: a new queue would have all of it.
                if wait is None and pending.is_empty:
                    wait = max(0.0, pending.budget.recovers_at - now)
                await self.wake_up.sleep(wait)
                continue
            try:
                await self._advance(item)
            except StoreFailed as error:
                about = {**item.about, "reason": str(error)}
                log.error("what was sent could not be saved, retrying later", extra=about)  # noqa: TRY400
                self._failures.postpone(item, error)
            except Exception as error:
                log.exception("sending failed, retrying later", extra=item.about)
                self._failures.postpone(item, error)

    def access_changed(self) -> None:
        """Retry soon what was refused."""
        self.pending.access_changed(self._clock())
        self.wake_up.set()

    async def _advance(self, item: Slot | Post) -> None:
        """Send an item, or handle the response to its request."""
        # Cleared before anything can fail, so that an item whose response could not be stored is sent again.
        flight, item.inflight = item.inflight, None
        if (end := self._failures.gone.get(item.card.id)) is not None:
            await self._failures.lose(item.card, end, "gone")
        elif flight is None:
            if not self._failures.holds_back(item):
                await self._send(item)
        else:
            error = _error_of(flight.request)
            if isinstance(item, Slot):
                await self._edited(item, flight, error)
            else:
                await self._posted(item, flight, error)

    async def _send(self, item: Slot | Post) -> None:
        now, server = self._clock(), self._rest.server_state(item.card)
        if isinstance(item, Result):
            # A request that takes too long is cancelled. It may have been sent: the next attempt checks that.
            upload_seconds = max(0.0, item.videos.until - asyncio.get_running_loop().time())
            post = self._poster.post(item.card, item.watch, item.videos)
            request = self._start(finish_within(REQUEST_SECONDS + upload_seconds, post))
            item.inflight = InFlight(request, now, server)
            return
        if isinstance(item, PendingSummary):
            post = self._poster.post_summary(item.card, item.summary)
            item.inflight = InFlight(self._start(finish_within(REQUEST_SECONDS, post)), now, server)
            return
        # Chosen only now: a form that was replaced while the slot waited is never sent.
        form = self.pending.target(item)
        if item.shown == form:
            await self._settle(item, form, frozenset(item.ends))
            return
        by_bot = self._rest.uses_channel_limit(item.card)
        if by_bot:
            self.pending.budget.spend(item.card, now)
        sent = plain_form(form) if item.plain else form
        request = self._start(self._rest.edit_card(item.card, sent, item.priority, item.edited_at))
        item.edited_at = now
        item.inflight = InFlight(request, now, server, by_bot, form, frozenset(item.ends))
        self._metrics.edits_sent.inc()

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        request = asyncio.create_task(work)
        self.requests.add(request)
        request.add_done_callback(self._answered)
        return request

    def _answered(self, request: "asyncio.Task[None]") -> None:
        self.requests.discard(request)
        _error_of(request)  # retrieves the exception, or asyncio would log it as never retrieved
        self.wake_up.set()

    async def _posted(self, post: Post, flight: InFlight, error: BaseException | None) -> None:
        if isinstance(error, StoreFailed):
            raise error
        if error is not None:
            await self._failures.failed(post, error, flight)
            return
        # A watch is done in the store only when its result is posted and its card shows the end, whichever
        # comes last, the last watch of a card also not before the summary is posted; until then a restart
        # announces it again.
        await self._failures.finish(post, post.ends)
        if isinstance(post, Result):
            self._count(post)
        self._failures.note_success(post, flight)
        self._failures.drop(post)
        if (slot := self.pending.slots.get(post.card.id)) is not None:
            slot.not_before = 0.0  # a reply reopens an archived thread; show the end of the card now

    async def _edited(self, slot: Slot, flight: InFlight, error: BaseException | None) -> None:
        if error is None and flight.form is not None:
            slot.shown = flight.form
            await self._settle(slot, flight.form, flight.ends)
            self._failures.note_success(slot, flight)
            return
        slot.shown = None  # unknown: perhaps only the response was lost
        if error is None:
            return
        changed = self.pending.target(slot) != flight.form
        match error_action(error):
            case ErrorAction.CARD_GONE:
                await self._failures.lose(slot.card, Ending.CARD_DELETED, describe(error))
            case ErrorAction.ARCHIVED if not slot.ends or self.pending.has_result(slot.card):
                # The newest form waits; a result reopens the thread.
                slot.not_before = self._clock() + ARCHIVED_SECONDS
            case ErrorAction.BAD_FORM | ErrorAction.TOO_LARGE if changed:
                pass  # the newer form may be accepted
            case ErrorAction.BAD_FORM | ErrorAction.TOO_LARGE if not slot.plain:
                log.error("Discord refused a card's form", extra={**slot.about, "refusal": describe(error)})
                slot.plain = True
            case _:
                slot.plain = False  # the refusal may be temporary: try the full form again later
                await self._failures.failed(slot, error, flight)

    async def _settle(self, slot: Slot, form: CardForm, ends: frozenset[int]) -> None:
        """Record that a card shows a form. A newer form queues behind the other cards."""
        if form == slot.form:
            await self._failures.finish(slot, ends)
            slot.ends -= ends
            if slot.over and not slot.ends:
                self.pending.slots.pop(slot.card.id, None)
                return
        self.pending.requeue(slot)

    def _count(self, result: Result) -> None:
        """Count a posted result, and how long after the task's end it was posted."""
        if (outcome := result.watch.outcome) is None:
            return
        self._metrics.results[outcome.ending].inc()
        if outcome.task is not None and outcome.task.is_terminal and outcome.task.updated_at is not None:
            # A task that ended before it was watched was not posted late.
            taken = self._clock() - max(outcome.task.updated_at, result.watch.started_at)
            self._metrics.result_delay.observe(max(0.0, taken))


def _error_of(request: "asyncio.Future[None]") -> BaseException | None:
    return asyncio.CancelledError() if request.cancelled() else request.exception()
