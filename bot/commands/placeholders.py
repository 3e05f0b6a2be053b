"""The public lines that announce an answer, and what becomes of those that a crash has left.

A line is remembered before it is sent, and forgotten once it has become an answer or a card, or is deleted.
At the next start those that are left are looked for by their interaction, and deleted if they still say the
same.
"""

import logging
from typing import Final

import discord

from bot.clock import Alarm, Clock
from bot.outbound.discord_errors import ErrorAction, describe, error_action, retry_delay
from bot.store.errors import StoreFailed
from bot.store.placeholders import Placeholder, Placeholders

log = logging.getLogger(__name__)

KEEP_SECONDS: Final = 7 * 24 * 3600.0
"""How long after a line was sent a start still looks for it."""
MESSAGES_AFTER: Final = 100
"""Messages after the command among which its answer is."""


class PlaceholderKeeper:
    """Remembers lines; none of its methods raises, for an answer does not depend on it."""

    def __init__(self, store: Placeholders, client: discord.Client, clock: Clock) -> None:
        self._store: Final = store
        self._client: Final = client
        self._clock: Final = clock

    async def remember(self, interaction: discord.Interaction, content: str) -> None:
        """Note that a line is about to be sent."""
        until = self._clock() + KEEP_SECONDS
        placeholder = Placeholder(interaction.id, interaction.channel_id or 0, content, until)
        try:
            await self._store.remember(placeholder)
        except StoreFailed as error:
            log.warning("a line could not be remembered", extra={"reason": str(error)})

    async def forget(self, interaction_id: int) -> None:
        """Note that a line is no longer one."""
        try:
            await self._store.forget(interaction_id)
        except StoreFailed as error:
            log.warning("a line could not be forgotten", extra={"reason": str(error)})

    async def left(self) -> list[Placeholder]:
        """Return the lines that an earlier process left."""
        try:
            return await self._store.left()
        except StoreFailed as error:
            log.warning("the lines that were left are not known", extra={"reason": str(error)})
            return []

    async def clean_up(self, left: list[Placeholder], alarm: Alarm) -> None:
        """Delete the lines that an earlier process left, however often it takes."""
        tries = 0
        while left:
            try:
                await self._clean_up(left[0])
            except StoreFailed as error:
                log.warning("a line that was left cannot be looked up", extra={"reason": str(error)})
                return
            except Exception as error:
                tries += 1
                log.info("a line that was left is tried again", extra={"refusal": describe(error)})
                left.append(left.pop(0))  # the others need not wait for it
                await alarm.sleep(retry_delay(error, tries))
            else:
                del left[0]

    async def _clean_up(self, placeholder: Placeholder) -> None:
        if self._clock() < placeholder.until:
            try:
                await self._delete(placeholder)
            except Exception as error:
                if error_action(error) is ErrorAction.RETRY:
                    raise
                log.warning("a line that was left stays", extra={"refusal": describe(error)})
        await self._store.forget(placeholder.interaction_id)

    async def _delete(self, placeholder: Placeholder) -> None:
        channel = self._client.get_partial_messageable(placeholder.channel_id)
        # An answer comes after its interaction, and has a larger id.
        after = discord.Object(placeholder.interaction_id)
        async for message in channel.history(limit=MESSAGES_AFTER, after=after, oldest_first=True):
            metadata = message.interaction_metadata
            if metadata is None or metadata.id != placeholder.interaction_id:
                continue
            if message.content == placeholder.content and not await self._store.is_card(message.id):
                await message.delete()
                log.info("deleted a line that was left", extra={"channel": placeholder.channel_id})
                return
