"""Posts planned messages exactly once, despite crashes and lost responses.

Discord's API has no exactly-once delivery, but two tools help: a nonce, which is enforced for some minutes,
and the channel's history, in which our replies can be found (without their nonces). For each message:

    1. its text is planned and committed before, so that a retry after a crash sends the same text
    2. commit the intent to send it
    3. send it with a nonce of its own
    4. commit its id

If there is an intent but no id, nobody knows whether the message was sent. Then the channel is searched back
to the time of the intent (`bot.outbound.history`), and only if the message is not there, it is sent again
with the same nonce. If the search is inconclusive, the intent keeps its time, so that a later search covers
the older attempt as well. If Discord has certainly refused the message and no earlier attempt is in doubt,
the intent is removed and the next attempt needs no search. A crash at any point costs one search, no more.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import discord

from bot.clock import Clock
from bot.core.outcome import Delivery, Message
from bot.core.watch import Card
from bot.outbound.attachments import Videos, with_attachments
from bot.outbound.discord_errors import (
    ErrorAction,
    certainly_unsent,
    describe,
    error_action,
    may_be_the_files,
)
from bot.outbound.history import MARGIN, HistorySearch, NotFound
from bot.outbound.rest import DiscordRest, Found
from bot.outbound.uploads import NotUploaded, Uploads
from bot.store.deliveries import Deliveries
from bot.store.store import Store

log = logging.getLogger(__name__)

DELETED_SECONDS: Final = 30.0
"""How long Discord must say that a message is unknown until it counts as sent and deleted."""


@dataclass(frozen=True, slots=True)
class Posting:
    """What is posted beside a card: the result of a watch, or the card's summary."""

    card: Card
    watch_id: int
    """The watch by which its messages are stored."""
    deliveries: Deliveries
    nonce: str
    """The beginning of its messages' nonces: no other posting has it."""
    what: str
    """What the log calls it."""
    about: Mapping[str, object]
    """What else the log says about it."""
    matches: Callable[[str, Delivery, int], bool]
    """Returns whether a content is that of a planned message, given how many there are."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One message of a posting; `parts` is how many it has."""

    posting: Posting
    delivery: Delivery
    parts: int

    @property
    def card(self) -> Card:
        return self.posting.card

    @property
    def nonce(self) -> str:
        return f"{self.posting.nonce}-{self.delivery.part}"

    @property
    def about(self) -> dict[str, object]:
        """What the log says about it."""
        return {**self.posting.about, "card": self.card.id}


class MessagePoster:
    """Posts planned messages. `discord_clock` is Unix time by the clock of Discord's messages."""

    def __init__(self, store: Store, rest: DiscordRest, discord_clock: Clock, uploads: Uploads) -> None:
        self._store: Final = store
        self._rest: Final = rest
        self._uploads: Final = uploads
        self._discord_clock: Final = discord_clock
        self._searches: Final[dict[str, HistorySearch]] = {}
        """Unfinished searches by nonce; the next attempt continues them."""
        self._unknown_since: Final[dict[str, float]] = {}
        """By nonce, since when Discord has answered 10008, in the loop's time."""

    async def post(self, posting: Posting, planned: Sequence[Message], videos: Videos) -> None:
        """Send the remaining messages of a posting, with the given videos.

        If an earlier attempt stored a plan, that is used instead of `planned`: followers may have changed
        since. After any exception, calling this again continues where it stopped.

        Raises:
            Exception: a message could not be sent or its id could not be stored.
        """
        deliveries = await posting.deliveries.plan(posting.watch_id, planned)
        for delivery in deliveries:
            if delivery.message_id is None:
                await self._post_part(_Part(posting, delivery, len(deliveries)), videos)

    async def _post_part(self, part: _Part, videos: Videos) -> None:
        delivery = part.delivery
        in_doubt = delivery.intended_at is not None
        found = await self._find(part) if in_doubt else NotFound.ABSENT
        if isinstance(found, Found):
            message_id = found.id
        else:
            if found is NotFound.ABSENT:  # after an inconclusive search the older attempt is still in doubt
                now = self._discord_clock()
                await part.posting.deliveries.mark_sending(part.posting.watch_id, delivery.part, now)
                part = replace(part, delivery=replace(delivery, intended_at=now))
            message_id = await self._send(part, videos, in_doubt=in_doubt)
        await part.posting.deliveries.sent(part.posting.watch_id, delivery.part, message_id)
        about = {**part.about, "part": f"{delivery.part}/{part.parts}"}
        if isinstance(found, Found):
            log.info("%s found in the channel", part.posting.what, extra=about)
        else:
            log.info("%s posted", part.posting.what, extra=about)

    async def _send(self, part: _Part, videos: Videos, *, in_doubt: bool) -> int:
        """Send a message with its videos or, if that fails, with only its links."""
        try:
            return await self._post(part, videos, in_doubt=in_doubt)
        except NotUploaded as failed:
            log.info("a result goes without its videos", extra={**part.about, "refusal": str(failed)})
            perhaps_sent = failed.perhaps_sent
        # After a lost or late response the message may be there. The nonce alone would prevent a duplicate
        # for some minutes, but Discord may have been down for longer.
        if perhaps_sent and isinstance(found := await self._find(part), Found):
            return found.id
        return await self._post(part, Videos(), in_doubt=in_doubt or perhaps_sent)

    async def _post(self, part: _Part, videos: Videos, *, in_doubt: bool) -> int:
        """Send a message; if it is refused, store that it is not there.

        `in_doubt`: an earlier attempt may have sent it. Then a refusal says nothing about that attempt.
        """
        try:
            return await self._post_somehow(part, videos)
        except Exception as error:
            if in_doubt and self._was_deleted(part, error):
                return 0  # an id that no message has, so that it is not sent again
            if not in_doubt and certainly_unsent(error):
                await part.posting.deliveries.mark_unsent(part.posting.watch_id, part.delivery.part)
            raise

    def _was_deleted(self, part: _Part, error: Exception) -> bool:
        """Return whether a message that may have been sent was, and has been deleted since.

        Discord then answers a repetition of its nonce with 10008 ("unknown message") for some minutes. From
        Discord's edge servers that means as little as any other 404: it is believed only once it has lasted.
        """
        key = part.nonce
        if error_action(error) is not ErrorAction.CARD_GONE:
            self._unknown_since.pop(key, None)
            return False
        now = asyncio.get_running_loop().time()
        if now - self._unknown_since.setdefault(key, now) < DELETED_SECONDS:
            return False
        del self._unknown_since[key]
        return True

    async def _post_somehow(self, part: _Part, videos: Videos) -> int:
        """Send a message; if Discord refuses its form, send a simpler one with a different nonce."""
        card, message, nonce = part.card, part.delivery.message, part.nonce
        try:
            if with_attachments(message, videos)[1]:
                return await self._uploads.post(card, message, nonce, videos)
            return await self._post_text(card, message, nonce)
        except discord.HTTPException as error:
            match error_action(error):
                case ErrorAction.NO_REPLY:
                    return await self._post_text(card, message, f"{nonce}r", reply=False)
                case ErrorAction.BAD_FORM:
                    about = {**part.about, "refusal": describe(error)}
                    log.warning("Discord refused a result, posting it as plainly as possible", extra=about)
                    return await self._post_text(card, plainly(message), f"{nonce}p")
                case _:
                    raise

    async def _post_text(self, card: Card, message: Message, nonce: str, *, reply: bool = True) -> int:
        """Send a message without videos; if its file of links is refused, without that as well."""
        try:
            return await self._rest.post(card, message, nonce, reply=reply)
        except Exception as error:
            if not (message.urls_file or message.error_file) or not may_be_the_files(error):
                raise
            log.warning("text files were left out", extra={"card": card.id, "refusal": describe(error)})
        return await self._rest.post(
            card, replace(message, urls_file=(), error_file=""), f"{nonce}b", reply=reply
        )

    async def _find(self, part: _Part) -> Found | NotFound:
        """Search for a message that may have been sent before a crash or a lost answer."""
        posting, delivery = part.posting, part.delivery

        async def is_it(ours: Found) -> bool:
            # Where cards were deleted, the result of another watch of the same task reads the same.
            fits = posting.matches(ours.content, delivery, part.parts)
            return fits and not await self._store.is_result(ours.id)

        since = (delivery.intended_at or 0.0) - MARGIN
        search = self._searches.setdefault(part.nonce, HistorySearch(part.card, since))
        found = await search.run(self._rest, is_it)
        del self._searches[part.nonce]
        if found is NotFound.INCONCLUSIVE:
            log.warning(
                "the search for a result that may have been posted before is inconclusive, posting it",
                extra={**part.about, "messages": search.read},
            )
        return found


def plainly(message: Message) -> Message:
    """Return a message reduced to its pings and the lines by which it is found; the rest becomes a file."""
    first, *rest = message.content.splitlines()
    kept = [first, *(line for line in rest if line.startswith(("<@", "-# ")))]
    lines = (*(line for line in rest if line not in kept), *message.urls_file)
    return replace(message, content="\n".join(kept), urls_file=lines)
