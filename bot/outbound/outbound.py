"""Sends everything that follows the first response: edits of cards, and results.

There is one queue per channel, so that one channel's rate limits never delay another. For each card the queue
keeps only the newest form to show, not a list of edits, and sends nothing if the card shows it already.
Callers never wait: they state what should be shown, and go on.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from bot.cards.cards import card_form
from bot.clock import Clock, WaitHook, WakeUp, plain_wait
from bot.core.health import Health
from bot.core.observed import Observed
from bot.core.policy import PollPolicy
from bot.core.watch import Card, CardState, Watch
from bot.metrics import Metrics
from bot.outbound.channel_queue import ChannelQueue
from bot.outbound.failures import Lost
from bot.outbound.items import PendingSummary, Result
from bot.outbound.rest import DiscordRest
from bot.outbound.result_poster import ResultPoster
from bot.store.store import Store

log = logging.getLogger(__name__)

CANCELLED_SECONDS: Final = 0.2
"""How long `close` waits for cancelled requests; discord.py may hold on to them much longer."""


class Outbound:
    """Shows cards and announces results. `clock` is Unix time, `health` returns the task API's.

    `observed` is what polling has learned about each watched task. `lost` is awaited when Discord says that
    a card is gone. A result is tried until `keep_seconds` after its task ended.
    """

    def __init__(
        self,
        store: Store,
        rest: DiscordRest,
        poster: ResultPoster,
        policy: PollPolicy,
        clock: Clock,
        *,
        observed: Mapping[str, Observed],
        health: Callable[[], Health],
        lost: Lost,
        metrics: Metrics,
        keep_seconds: float,
        wait: WaitHook = plain_wait,
    ) -> None:
        self._policy: Final = policy
        self._observed: Final = observed
        self._health: Final = health
        self._metrics: Final = metrics
        self._poster: Final = poster
        self._wait: Final = wait
        self._new_queue: Final = partial(
            ChannelQueue,
            store=store,
            rest=rest,
            poster=poster,
            clock=clock,
            lost=lost,
            metrics=metrics,
            keep_seconds=keep_seconds,
        )
        self._queues: Final[dict[int, tuple[ChannelQueue, asyncio.Task[None]]]] = {}
        """By channel, with the task that runs each."""
        self._fetching: Final[set[asyncio.Task[None]]] = set()
        self._closing = False

    def show(self, state: CardState) -> None:
        """Update a card to its state, soon."""
        self._want(state, set())

    def announce(self, state: CardState, watch: Watch) -> None:
        """Update a card after this watch has ended, and post the result that pings its followers."""
        if watch.outcome is None:
            raise ValueError("only an ended watch can be announced")
        queue = self._want(state, {watch.id})
        if watch.outcome.ending.announced:
            queue.pending.results[watch.id] = result = Result(state.card, watch=watch)
            if self._poster.has_videos(watch):
                result.ready = False
                task = asyncio.create_task(self._fetch(queue, result))
                self._fetching.add(task)
                task.add_done_callback(self._fetching.discard)

    def summarize(self, state: CardState) -> None:
        """Post the summary of a card with several tasks, after its results."""
        if state.summary is None:
            raise ValueError("only a summary that is due can be posted")
        queue = self._queue(state.card)
        queue.pending.summaries[state.card.id] = PendingSummary(state.card, summary=state.summary)
        queue.wake_up.set()

    def access_changed(self, server_id: int) -> None:
        """Retry soon what was refused in a server: the bot's permissions may have changed."""
        for queue, _ in self._queues.values():
            if queue.server_id == server_id:
                queue.access_changed()

    @property
    def closed(self) -> dict[int, str]:
        """The channels where the bot cannot post, and what it lacks in each."""
        pauses = [queue.pending.pause for queue, _ in self._queues.values()]
        return {pause.channel_id: pause.lacking for pause in pauses if pause is not None}

    @property
    def results_waiting(self) -> int:
        """How many results and summaries are still to be posted."""
        return sum(len(queue.pending.posts) for queue, _ in self._queues.values())

    @property
    def oldest_result_at(self) -> float | None:
        """Since when the oldest result or summary waits; channels closed to the bot do not count."""
        queues = (queue.pending for queue, _ in self._queues.values() if queue.pending.pause is None)
        return min((post.waiting_since for pending in queues for post in pending.posts), default=None)

    async def close(self, seconds: float) -> None:
        """Send what can be sent within `seconds`, then stop; the rest is in the store for the next start."""
        self._closing = True
        queues = list(self._queues.values())
        for queue, _ in queues:
            queue.closing = True
            queue.wake_up.set()
        running = {*(task for _, task in queues), *self._fetching}
        if running:
            await asyncio.wait(running, timeout=seconds)
        # Time is up. What is cancelled here may have reached Discord; the next start finds out, because the
        # intent to send a result is stored before its request.
        requests = {request for queue, _ in queues for request in queue.requests}
        late = {task for task in (*running, *requests) if not task.done()}
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=CANCELLED_SECONDS)

    def _want(self, state: CardState, ends: set[int]) -> ChannelQueue:
        form = card_form(state, self._observed, self._health(), self._policy)
        queue = self._queue(state.card)
        if queue.pending.want(state.card, form, ends, over=state.ended):
            self._metrics.edits_spared.inc()
        queue.wake_up.set()
        return queue

    def _queue(self, card: Card) -> ChannelQueue:
        """Return the channel's queue. If its task was ended from outside, start it again."""
        queue, task = self._queues.get(card.channel_id, (None, None))
        if queue is None:
            queue = self._new_queue(card, WakeUp(self._wait))
            queue.closing = self._closing
        if task is None or task.done():
            task = asyncio.create_task(self._run(card.channel_id, queue), name=f"queue {card.channel_id}")
            self._queues[card.channel_id] = queue, task
        return queue

    async def _run(self, channel_id: int, queue: ChannelQueue) -> None:
        await queue.run()
        # No `await` since `run` has returned, so nothing can be added to the queue in between.
        if queue.pending.is_empty:
            del self._queues[channel_id]

    async def _fetch(self, queue: ChannelQueue, result: Result) -> None:
        try:
            result.videos = await self._poster.fetch_videos(result.card, result.watch)
        except Exception:
            log.exception("a result goes without its videos", extra=result.about)
        finally:
            result.ready = True
            queue.wake_up.set()
