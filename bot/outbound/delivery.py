"""The end comes once: how the messages of a result reach a channel, through crashes and lost answers.

Nobody's chat API sends exactly once. Discord gives two tools: a nonce, enforced for some minutes, and the
channel's history, in which our replies can be found but not their nonces. The order that uses both:

    1. plan the messages, and commit the plan: a crash repeats it to the letter
    2. for each message: commit the intent to send it
    3. send it with a nonce made from the watch and the part
    4. commit its id

An intent without an id: it is not known whether the message was sent. The channel is searched for it, back
to the intent (`bot.outbound.history`), and only if it is not there, it is sent again with the same nonce.
A search that came to no answer leaves the intent as it is: whether the message was sent is still in doubt.
"""

import logging
from dataclasses import replace
from typing import Final

from bot.cards.results import is_part, result_messages
from bot.clock import Clock
from bot.core.card import Card
from bot.core.delivery import Delivery, Message
from bot.core.policy import PollPolicy
from bot.core.watch import Watch
from bot.outbound.attachments import Videos, with_attachments
from bot.outbound.discord_errors import ErrorAction, describe, error_action
from bot.outbound.history import MARGIN, HistorySearch, NotFound
from bot.outbound.rest import DiscordRest, Found
from bot.outbound.uploads import NotUploaded, Uploads, may_be_the_files
from bot.store.store import Store

log = logging.getLogger(__name__)


class Deliverer:
    """Carries results to their channels. `discord_clock` tells Unix time as Discord's messages have it."""

    def __init__(
        self, store: Store, rest: DiscordRest, uploads: Uploads, policy: PollPolicy, discord_clock: Clock
    ) -> None:
        self._store: Final = store
        self._rest: Final = rest
        self._uploads: Final = uploads
        self._policy: Final = policy
        self._discord_clock: Final = discord_clock
        self._searches: Final[dict[tuple[int, int], HistorySearch]] = {}
        """By watch and part, those that are to be gone on with."""

    async def deliver(self, card: Card, watch: Watch, videos: Videos) -> None:
        """Send what is not yet sent of an ended watch's result, with the videos that there are.

        Whatever is raised, calling again later goes on where this ended.

        Raises:
            Exception: whatever kept a message from being sent or noted.
        """
        if watch.outcome is None:
            raise ValueError("only an ended watch has a result")
        followers = await self._store.followers(card.id)
        messages = result_messages(watch.task_id, watch.outcome, followers, card.language, self._policy)
        deliveries = await self._store.plan(watch.id, messages)
        for delivery in deliveries:
            if delivery.message_id is None:
                parts = len(deliveries)
                found = await self._find(card, watch, delivery, parts)
                if isinstance(found, Found):
                    message_id = found.id
                else:
                    # After an inconclusive search what was tried before is still in doubt.
                    absent = found is NotFound.ABSENT
                    intended = await self._intend(watch, delivery) if absent else delivery
                    message_id = await self._send(card, watch, intended, parts, videos)
                await self._store.sent(watch.id, delivery.part, message_id)
                about = {"task": watch.task_id, "card": card.id, "part": f"{delivery.part}/{parts}"}
                posted = not isinstance(found, Found)
                log.info("result posted" if posted else "result found in the channel", extra=about)

    async def _intend(self, watch: Watch, delivery: Delivery) -> Delivery:
        now = self._discord_clock()
        await self._store.mark_sending(watch.id, delivery.part, now)
        return replace(delivery, intended_at=now)

    async def _send(self, card: Card, watch: Watch, delivery: Delivery, parts: int, videos: Videos) -> int:
        try:
            return await self._post(card, watch, delivery, parts, videos)
        except Exception as error:
            return await self._post_refused(error, card, watch, delivery)

    async def _post(self, card: Card, watch: Watch, delivery: Delivery, parts: int, videos: Videos) -> int:
        """Send a message with its videos, or where that fails, with its links alone."""
        nonce = _nonce(card, watch, delivery)
        if with_attachments(delivery.message, videos)[1]:
            try:
                return await self._uploads.post(card, delivery.message, nonce, videos)
            except NotUploaded as failed:
                about = {"task": watch.task_id, "card": card.id, "refusal": str(failed)}
                log.info("a result goes without its videos", extra=about)
                perhaps_sent = failed.perhaps_sent
            # Where the answer was lost or late the message may be there: the nonce alone would do for some
            # minutes, but Discord may have been away for longer.
            if perhaps_sent:
                found = await self._find(card, watch, delivery, parts)
                if isinstance(found, Found):
                    return found.id
        return await self._post_text(card, delivery.message, nonce)

    async def _post_text(self, card: Card, message: Message, nonce: str, *, reply: bool = True) -> int:
        """Send a message without videos, and where its list of links is refused, without that."""
        try:
            return await self._rest.post(card, message, nonce, reply=reply)
        except Exception as error:
            if not message.urls_file or not may_be_the_files(error):
                raise
            log.warning("links were left out", extra={"card": card.id, "refusal": describe(error)})
        return await self._rest.post(card, replace(message, urls_file=()), f"{nonce}b", reply=reply)

    async def _post_refused(self, error: Exception, card: Card, watch: Watch, delivery: Delivery) -> int:
        nonce = _nonce(card, watch, delivery)
        about = {"task": watch.task_id, "card": card.id, "refusal": describe(error)}
        match error_action(error):
            case ErrorAction.CARD_GONE:  # for a new message 10008 is about the one that had this nonce
                return 0
            case ErrorAction.NO_REPLY:
                return await self._post_text(card, delivery.message, f"{nonce}r", reply=False)
            case ErrorAction.BAD_FORM:
                log.error("Discord refused a result, posting it as plainly as possible", extra=about)
                return await self._post_text(card, _plainly(delivery.message), f"{nonce}p")
            case _:
                raise error

    async def _find(self, card: Card, watch: Watch, delivery: Delivery, parts: int) -> Found | NotFound:
        """Search for a message that may have been sent before a crash or a lost answer."""
        if delivery.intended_at is None:
            return NotFound.ABSENT

        async def is_it(ours: Found) -> bool:
            # Where cards were deleted, another watch's result about the same task looks the same.
            fits = is_part(ours.content, watch.task_id, delivery.part, parts)
            return fits and ours.id not in await self._store.noted([ours.id])

        key = watch.id, delivery.part
        search = self._searches.setdefault(key, HistorySearch(card, delivery.intended_at - MARGIN))
        found = await search.run(self._rest, is_it)
        del self._searches[key]
        if found is NotFound.INCONCLUSIVE:
            log.warning(
                "the search for a result that may have been posted before is inconclusive, posting it",
                extra={"task": watch.task_id, "card": card.id, "messages": search.seen},
            )
        return found


def _nonce(card: Card, watch: Watch, delivery: Delivery) -> str:
    return f"{card.message_id:x}-{watch.position}-{delivery.part}"


def _plainly(message: Message) -> Message:
    """Return only whom a message calls and what it is found by, and the rest of it as a file."""
    first, *rest = message.content.splitlines()
    kept = [first, *(line for line in rest if line.startswith(("<@", "-# ")))]
    lines = (*(line for line in rest if line not in kept), *message.urls_file)
    return Message("\n".join(kept), message.mentions, lines)
