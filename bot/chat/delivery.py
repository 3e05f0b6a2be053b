"""The end comes once: how the messages of a result reach a channel, through crashes and lost answers.

Nobody's chat API sends exactly once. Discord gives two tools: a nonce, enforced for some minutes, and the
channel's history, in which our replies can be found but not their nonces. The order that uses both:

    1. plan the messages, and commit the plan: a crash repeats it to the letter
    2. for each message: commit the intent to send it
    3. send it with a nonce made from the watch and the part
    4. commit its id

Whoever finds an intent without an id does not know whether the message was sent. The channel is looked
through for it, from the intent on, and only if it is not there is it sent again with the same nonce.
"""

import logging
from dataclasses import replace
from typing import Final

from bot.chat.attachments import Copies, dressed
from bot.chat.refusals import Reaction, reaction, told
from bot.chat.rest import DiscordRest
from bot.chat.results import is_part, result_messages
from bot.clock import Clock
from bot.core.card import Card
from bot.core.delivery import Delivery, Message
from bot.core.pace import Pace
from bot.core.watch import Watch
from bot.store.store import Store

log = logging.getLogger(__name__)

HISTORY_MARGIN: Final = 120.0
"""Seconds before the intent from which the channel is looked through: clocks differ."""


class Refused(Exception):
    """Discord will not take the result: the channel is gone or closed to us."""


class Deliverer:
    """Carries results to their channels. `discord_clock` tells Unix time as Discord's messages have it."""

    def __init__(self, store: Store, rest: DiscordRest, pace: Pace, discord_clock: Clock) -> None:
        self._store: Final = store
        self._rest: Final = rest
        self._pace: Final = pace
        self._discord_clock: Final = discord_clock

    async def deliver(self, card: Card, watch: Watch, copies: Copies) -> None:
        """Send what is not yet sent of an ended watch's result, with the copies that there are.

        Whatever is raised, calling again later goes on where this ended.

        Raises:
            Refused: the channel is gone or closed to us.
            Exception: whatever kept a message from being sent or noted.
        """
        if watch.outcome is None:
            raise ValueError("only an ended watch has a result")
        followers = await self._store.followers(card.id)
        messages = result_messages(watch.task_id, watch.outcome, followers, card.language, self._pace)
        deliveries = await self._store.plan(watch.id, messages)
        for delivery in deliveries:
            if delivery.message_id is None:
                parts = len(deliveries)
                found = await self._find(card, watch, delivery, parts)
                message_id = await self._send(card, watch, delivery, copies) if found is None else found
                await self._store.sent(watch.id, delivery.part, message_id)
                about = {"task": watch.task_id, "card": card.id, "part": f"{delivery.part}/{parts}"}
                log.info("result posted" if found is None else "result found in the channel", extra=about)

    async def _send(self, card: Card, watch: Watch, delivery: Delivery, copies: Copies) -> int:
        # Also after a look that found nothing: whatever was tried before, only this try can be in doubt now.
        await self._store.intend(watch.id, delivery.part, self._discord_clock())
        nonce = f"{card.message_id:x}-{watch.position}-{delivery.part}"
        try:
            return await self._post(card, delivery.message, nonce, copies)
        except Exception as error:
            return await self._post_refused(error, card, watch, delivery, nonce)

    async def _post(self, card: Card, message: Message, nonce: str, copies: Copies) -> int:
        """Send a message with its copies, or if they are refused or gone, with its links alone."""
        if not dressed(message, copies)[1]:
            return await self._rest.post(card, message, nonce)
        try:
            return await self._rest.post(card, message, nonce, copies=copies)
        except Exception as error:
            if reaction(error) not in {Reaction.TOO_LARGE, Reaction.BAD_FORM} and not isinstance(
                error, OSError
            ):
                raise
            log.info("a result goes without its videos", extra={"card": card.id, "refusal": told(error)})
            return await self._rest.post(card, message, nonce)

    async def _post_refused(
        self, error: Exception, card: Card, watch: Watch, delivery: Delivery, nonce: str
    ) -> int:
        match reaction(error):
            case Reaction.CARD_GONE:  # for a new message 10008 is about the one that had this nonce
                return 0
            case Reaction.ACCESS_LOST | Reaction.ARCHIVED:
                raise Refused(told(error)) from None
            case Reaction.NO_REPLY:
                return await self._post_or_give_up(card, delivery.message, f"{nonce}r", reply=False)
            case Reaction.TOO_LARGE:
                bare = replace(delivery.message, urls_file=())
                return await self._post_or_give_up(card, bare, f"{nonce}b")
            case Reaction.BAD_FORM:
                log.error(
                    "Discord refused a result, posting it as plainly as possible",
                    extra={"task": watch.task_id, "card": card.id, "refusal": told(error)},
                )
                return await self._post_or_give_up(card, _plainly(delivery.message), f"{nonce}p")
            case _:
                raise error

    async def _post_or_give_up(self, card: Card, message: Message, nonce: str, *, reply: bool = True) -> int:
        """Send what is left of a message after a first refusal."""
        try:
            return await self._rest.post(card, message, nonce, reply=reply)
        except Exception as error:
            if reaction(error) in {Reaction.LATER, Reaction.TOKEN_DEAD}:
                raise
            raise Refused(told(error)) from None

    async def _find(self, card: Card, watch: Watch, delivery: Delivery, parts: int) -> int | None:
        """Return the id of a message that may have been sent before a crash or a lost answer, if it was."""
        if delivery.intended_at is None:
            return None
        try:
            replies = await self._rest.replies(card, delivery.intended_at - HISTORY_MARGIN)
        except Exception as error:
            if reaction(error) is Reaction.ACCESS_LOST:
                raise Refused(told(error)) from None
            raise
        found = [r.id for r in replies if is_part(r.content, watch.task_id, delivery.part, parts)]
        # Where cards were deleted, another watch's result about the same task looks the same.
        others = await self._store.noted(found) if found else set()
        return next((message_id for message_id in found if message_id not in others), None)


def _plainly(message: Message) -> Message:
    """Return only whom a message calls and what it is found by, and the rest of it as a file."""
    first, *rest = message.content.splitlines()
    kept = [first, *(line for line in rest if line.startswith(("<@", "-# ")))]
    lines = (*(line for line in rest if line not in kept), *message.urls_file)
    return Message("\n".join(kept), message.mentions, lines)
