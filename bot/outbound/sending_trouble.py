"""What follows when Discord does not take something: it waits, its channel waits, or its card is let go.

`bot.outbound.discord_errors` says what an error means; here that is done to one channel's outbox.
"""

import asyncio
import logging
from typing import Final

import discord

from bot import messages
from bot.core.card import Card
from bot.core.outcome import Ending
from bot.gateway.servers import ServerState
from bot.messages import say
from bot.outbound.attachments import Videos
from bot.outbound.desk import Desk
from bot.outbound.discord_errors import ErrorAction, describe, error_action, is_refusal, retry_delay
from bot.outbound.outbox import AccessPause, Outbox, Result, Wanted

log = logging.getLogger(__name__)

GATEWAY_SECONDS: Final = 5.0
"""How long after a channel's "unknown" the gateway may still say that its server is in an outage."""
BUDGET_SECONDS: Final = 60.0
"""How long nothing is tried again where so much was refused that the rest is kept for other requests."""
LASTING: Final = 2
"""Tries from which a trouble with Discord is worth a line in the log; each further one is routine."""


class SendingTrouble:
    """Puts off, pauses and lets go of what is in `outbox`."""

    def __init__(self, desk: Desk, outbox: Outbox) -> None:
        self._desk: Final = desk
        self._outbox: Final = outbox

    async def failed(self, item: Result | Wanted, error: Exception, server: ServerState) -> None:
        """Say what an error means for the channel, or put off what it hit.

        `server` is what the gateway said of the server when the request was sent.
        """
        action = error_action(error)
        if await self._is_gone(item.card, action, server):
            await self.lose(item.card, Ending.ACCESS_LOST, describe(error))
        elif action is ErrorAction.PAUSE:
            if isinstance(item, Result):
                self._drop_videos(item)
            await self._pause(item.card, error)
        elif self._is_too_late(item):
            await self.give_up(item, describe(error))
        else:
            self.put_off(item, error)

    def put_off(self, item: Result | Wanted, error: Exception) -> None:
        """Try again after a pause."""
        if isinstance(item, Result):
            self._drop_videos(item)
        item.tries += 1
        item.failing_since = min(item.failing_since, self._desk.clock())
        item.refused = is_refusal(error)
        item.not_before = self._desk.clock() + retry_delay(error, item.tries)
        if item.tries == LASTING:
            about = {**item.about, "refusal": describe(error)}
            log.warning("Discord does not take it, trying again", extra=about)

    def held_back(self, item: Result | Wanted) -> bool:
        """Put off what was refused before while much is refused, so that the rest of the bot may go on."""
        pause = self._outbox.pause
        if self._desk.rest.may_retry or not (item.refused or pause is not None):
            return False
        later = self._desk.clock() + BUDGET_SECONDS
        if pause is not None:
            pause.not_before = later
        else:
            item.not_before = later
        return True

    async def give_up(self, item: Result | Wanted, why: str) -> None:
        """Leave a card as it is or a result unposted for good; the result's card then points to nothing."""
        if isinstance(item, Wanted):
            log.error("a card's form was given up", extra={**item.about, "refusal": why})
            await self._desk.ledger.shown(item.ends)
            self._outbox.wanted.pop(item.card.id, None)
            return
        result = item
        log.error("a result was given up", extra={**result.about, "refusal": why})
        await self._desk.ledger.told({result.watch.id})
        self.forget(result.watch.id)
        if (wanted := self._outbox.wanted.get(result.card.id)) is not None:
            wanted.form, wanted.not_before = wanted.form.answerless, 0.0

    def forget(self, watch_id: int) -> None:
        """Take a result out of the outbox."""
        self._drop_videos(self._outbox.results.pop(watch_id))

    def _drop_videos(self, result: Result) -> None:
        """Clear away a result's videos: they may be why it failed, and a long outage would fill the disk."""
        videos, result.videos = result.videos, Videos()
        self._desk.discard(videos)

    async def lose(self, card: Card, end: Ending, why: str) -> None:
        """Touch a card no more, and end what is live on it; a deleted card keeps its results."""
        if card.id not in self._desk.gone:
            log.warning("a card cannot be reached any more", extra={"card": card.id, "refusal": why})
        self._desk.gone[card.id] = end
        wanted = self._outbox.wanted.get(card.id)
        ends = set(wanted.ends) if wanted is not None else set()
        if end is Ending.ACCESS_LOST:
            results = {key for key, result in self._outbox.results.items() if result.card.id == card.id}
            await self._desk.ledger.close(ends | results)
            for key in results:
                self.forget(key)
        else:
            await self._desk.ledger.shown(ends)
        await self._desk.lost(card.id, end)
        self._outbox.wanted.pop(card.id, None)
        self._desk.shown.pop(card.id, None)
        del self._desk.gone[card.id]

    async def _tell_people(self, card: Card) -> None:
        """Say that nothing can be posted here, while the card's token still lets the bot say it."""
        try:
            await self._desk.rest.tell_by_token(card, say(card.language, messages.CANNOT_POST))
        except Exception as error:
            log.info("a closed channel could not be told so", extra={"refusal": describe(error)})

    def note_access(self, began_at: float) -> None:
        """Note that Discord took something that was sent at this time: the channel is not closed."""
        if (pause := self._outbox.pause) is not None and began_at >= pause.tried_at:
            self._outbox.pause = None
            about = {"channel": pause.channel_id, "lacking": pause.lacking}
            log.info("a channel is open to the bot again", extra=about)

    async def _is_gone(self, card: Card, action: ErrorAction, before: ServerState) -> bool:
        """Tell whether a channel is gone for good: its server is there, or the bot is not in it any more.

        The server must have been there when the request was sent as well: an answer that took long may tell
        of an outage that is over. And the gateway may tell of one, or of a removal, a little later than the
        REST side.
        """
        if action is ErrorAction.CHANNEL_GONE:
            final = {ServerState.GONE, ServerState.AVAILABLE}
            if before not in final:
                return False
        elif action is ErrorAction.PAUSE:
            final = {ServerState.GONE}
        else:
            return False
        if self._desk.rest.server_state(card) not in final:
            return False
        await asyncio.sleep(GATEWAY_SECONDS)
        return self._desk.rest.server_state(card) in final

    def _is_too_late(self, item: Result | Wanted) -> bool:
        outcome = item.watch.outcome if isinstance(item, Result) else None
        since = item.failing_since if outcome is None else outcome.at
        return self._desk.clock() - since > self._desk.keep_seconds

    async def _pause(self, card: Card, error: Exception) -> None:
        """Leave a channel alone that is closed to the bot; after a day without access, end what is there."""
        now = self._desk.clock()
        lacking = self._desk.rest.lacking(card, error.code if isinstance(error, discord.HTTPException) else 0)
        if self._outbox.pause is None:
            about = {"channel": card.channel_id, "lacking": lacking, "refusal": describe(error)}
            log.warning("a channel is closed to the bot, trying again for a day", extra=about)
            self._outbox.pause = AccessPause(card.guild_id, card.channel_id, lacking, since=now)
            await self._tell_people(card)
        pause = self._outbox.pause
        pause.lacking = lacking
        pause.refused(now)
        if pause.is_over(now):
            cards = [result.card for result in self._outbox.results.values()]
            cards += [wanted.card for wanted in self._outbox.wanted.values()]
            for lost in {card.id: card for card in cards}.values():
                await self.lose(lost, Ending.ACCESS_LOST, lacking)
            self._outbox.pause = None


def note_recovery(item: Result | Wanted) -> None:
    if item.tries >= LASTING:
        log.info("Discord takes it again", extra=item.about)
