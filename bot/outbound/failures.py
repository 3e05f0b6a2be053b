"""Reacts to Discord's errors: postpones a request, pauses its channel, or gives its card up.

`bot.outbound.discord_errors` decides what an error means; this module applies that to one channel's pending
items.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Final

import discord

from bot import answers
from bot.clock import Clock
from bot.core.outcome import Ending
from bot.core.watch import Card
from bot.gateway.servers import ServerState
from bot.messages import say
from bot.outbound.attachments import Videos
from bot.outbound.discord_errors import ErrorAction, describe, error_action, is_refusal, retry_delay
from bot.outbound.items import InFlight, PendingSummary, Post, Result, Slot
from bot.outbound.pending import AccessPause, Pending
from bot.outbound.rest import DiscordRest
from bot.outbound.result_poster import ResultPoster
from bot.store.store import Store

log = logging.getLogger(__name__)

Lost = Callable[[int, Ending], Awaitable[None]]
"""Awaited with a card's id when Discord says that the card or its channel is gone."""
GATEWAY_SECONDS: Final = 5.0
"""How long after an "unknown channel" the gateway may still report an outage of its server."""
BUDGET_SECONDS: Final = 60.0
"""How long refused requests wait when so many were refused that the others need the rest of the budget."""
LASTING: Final = 2
"""A failing request is logged once, at this many tries: a single failure is routine."""


class Failures:
    """Postpones, pauses or gives up pending items. A method that raised `StoreFailed` can be called again."""

    def __init__(
        self,
        pending: Pending,
        *,
        store: Store,
        rest: DiscordRest,
        poster: ResultPoster,
        clock: Clock,
        lost: Lost,
        keep_seconds: float,
    ) -> None:
        self.gone: Final[dict[int, Ending]] = {}
        """Cards that are gone and whose watches could not be ended in the store yet."""
        self._pending: Final = pending
        self._store: Final = store
        self._rest: Final = rest
        self._poster: Final = poster
        self._clock: Final = clock
        self._lost: Final = lost
        self._keep_seconds: Final = keep_seconds

    async def failed(self, item: Slot | Post, error: BaseException, flight: InFlight) -> None:
        """React to an error: it may concern the whole channel, or only this item."""
        action = error_action(error)
        if isinstance(item, Result):
            self._drop_videos(item)
        if await self._is_gone(item.card, action, flight.server):
            await self.lose(item.card, Ending.ACCESS_LOST, describe(error))
        elif action is ErrorAction.PAUSE:
            await self._pause(item.card, error, flight.began_at)
        elif self._is_too_late(item):
            await self._give_up(item, describe(error))
        else:
            self.postpone(item, error)

    def postpone(self, item: Slot | Post, error: BaseException) -> None:
        """Try again after a pause."""
        now = self._clock()
        if isinstance(item, Result):
            self._drop_videos(item)
        item.tries += 1
        item.failing_since = min(item.failing_since, now)
        item.refused = is_refusal(error)
        item.not_before = now + retry_delay(error, item.tries)
        if item.tries == LASTING:
            about = {**item.about, "refusal": describe(error)}
            log.warning("Discord rejected a request, retrying", extra=about)

    def holds_back(self, item: Slot | Post) -> bool:
        """Postpone an item that was refused before, while many refusals leave little budget for others."""
        pause = self._pending.pause
        if self._rest.may_retry or not (item.refused or pause is not None):
            return False
        later = self._clock() + BUDGET_SECONDS
        if pause is not None:
            pause.not_before = later
        else:
            item.not_before = later
        return True

    def note_success(self, item: Slot | Post, flight: InFlight) -> None:
        """Record a success. If it was made with the bot's own token, the channel is accessible."""
        if item.tries >= LASTING:
            log.info("Discord accepted a request again", extra=item.about)
        item.succeeded()
        pause = self._pending.pause
        if pause is not None and flight.by_bot and flight.began_at >= pause.tried_at:
            self._pending.pause = None
            about = {"channel": pause.channel_id, "lacking": pause.lacking}
            log.info("a channel is open to the bot again", extra=about)

    async def finish(self, item: Slot | Post, watch_ids: Collection[int]) -> None:
        """Mark those of an item's watches as done that nothing else has still to be sent for."""
        if watch_ids and (done := set(watch_ids) - self._pending.needed(besides=item)):
            await self._store.finish(done)

    def drop(self, post: Post) -> None:
        """Remove a result or a summary from what is pending."""
        if isinstance(post, PendingSummary):
            del self._pending.summaries[post.card.id]
        else:
            self._drop_videos(self._pending.results.pop(post.watch.id))

    async def lose(self, card: Card, end: Ending, why: str) -> None:
        """Stop editing a card and end its live watches; results of a deleted card are still posted."""
        if card.id not in self.gone:
            log.warning("a card cannot be reached any more", extra={"card": card.id, "refusal": why})
        self.gone[card.id] = end
        posts = [post for post in self._pending.posts if post.card.id == card.id]
        lost = [post for post in posts if end is Ending.ACCESS_LOST or isinstance(post, PendingSummary)]
        slot = self._pending.slots.get(card.id)
        ends = {watch_id for item in (*lost, *([slot] if slot else [])) for watch_id in item.ends}
        kept = {watch_id for post in posts if post not in lost for watch_id in post.ends}
        if card.id in self._pending.summaries:
            await self._store.summaries.drop(card.id)
        if ends - kept:
            await self._store.finish(ends - kept)
        for post in lost:
            self.drop(post)
        await self._lost(card.id, end)
        self._pending.slots.pop(card.id, None)
        del self.gone[card.id]

    async def _give_up(self, item: Slot | Post, why: str) -> None:
        """Never retry a card's edit or a result. Without a result, its card links to none."""
        if isinstance(item, Slot):
            log.error("a card's form was given up", extra={**item.about, "refusal": why})
            await self.finish(item, item.ends)
            item.ends.clear()
            item.shown = item.form
            if item.over:
                self._pending.slots.pop(item.card.id, None)
            return
        what = "a result" if isinstance(item, Result) else "a summary"
        log.error("%s was given up", what, extra={**item.about, "refusal": why})
        await self.finish(item, item.ends)
        self.drop(item)
        if (slot := self._pending.slots.get(item.card.id)) is not None:
            slot.not_before = 0.0
            if isinstance(item, Result):
                slot.form = slot.form.answerless

    def _drop_videos(self, result: Result) -> None:
        """Delete a result's videos: they may be why it failed, and would fill the disk in a long outage."""
        videos, result.videos = result.videos, Videos()
        self._poster.discard(videos)

    async def _is_gone(self, card: Card, action: ErrorAction, before: ServerState) -> bool:
        """Return whether a channel is really gone: its server is available, or the bot is no longer a member.

        `before` is the server's state when the request was sent. It must have been available then as well,
        because a late response may be about an outage that is over. The gateway may also report an outage or
        a removal a little later than the REST API.
        """
        if action is ErrorAction.CHANNEL_GONE:
            final = {ServerState.GONE, ServerState.AVAILABLE}
            if before not in final:
                return False
        elif action is ErrorAction.PAUSE:
            final = {ServerState.GONE}
        else:
            return False
        if self._rest.server_state(card) not in final:
            return False
        await asyncio.sleep(GATEWAY_SECONDS)
        return self._rest.server_state(card) in final

    def _is_too_late(self, item: Slot | Post) -> bool:
        return self._clock() - item.waiting_since > self._keep_seconds

    async def _pause(self, card: Card, error: BaseException, began_at: float) -> None:
        """Pause a channel that the bot may not use; after a day without access, end its watches."""
        now = self._clock()
        lacking = self._rest.lacking(card, error.code if isinstance(error, discord.HTTPException) else 0)
        if self._pending.pause is None:
            about = {"channel": card.channel_id, "lacking": lacking, "refusal": describe(error)}
            log.warning("a channel is closed to the bot, retrying for a day", extra=about)
            self._pending.pause = AccessPause(card.channel_id, lacking, since=now)
            await self._tell_people(card)
        pause = self._pending.pause
        pause.lacking = lacking
        if began_at > pause.tried_at:  # of several requests that were in flight together the first one counts
            pause.refused(now)
            if began_at <= self._pending.access_changed_at:  # while the request was in flight
                self._pending.access_changed(now)
        if pause.is_over(now):
            for lost in {item.card.id: item.card for item in self._pending.items}.values():
                await self.lose(lost, Ending.ACCESS_LOST, lacking)
            self._pending.pause = None

    async def _tell_people(self, card: Card) -> None:
        """Tell people that nothing can be posted here, while the card's interaction token still works."""
        try:
            await self._rest.tell_by_token(card, say(card.language, answers.CANNOT_POST))
        except Exception as error:
            log.info("could not tell people that a channel is closed", extra={"refusal": describe(error)})
