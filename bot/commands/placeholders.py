"""Placeholders: public "checking…" messages that stand in for a response, and their removal after a crash.

A placeholder is stored before it is sent, and removed from the store once it has become a response or a
card, or is deleted. After a crash, the next start searches for those that are still stored, by the id of
their interaction, and deletes each that still has its original text.
"""

import logging
from typing import Final

import discord

from bot.clock import Clock, WakeUp
from bot.outbound.discord_errors import ErrorAction, describe, error_action, retry_delay
from bot.store.errors import StoreFailed
from bot.store.records import Placeholder
from bot.store.store import Store

log = logging.getLogger(__name__)

KEEP_SECONDS: Final = 7 * 24 * 3600.0
"""Placeholders older than this are not searched for."""
MESSAGES_AFTER: Final = 100
"""How many messages after the command are searched for its response."""


class PlaceholderKeeper:
    """Stores placeholders. Its methods never raise: a response must not fail because of them."""

    def __init__(self, store: Store, client: discord.Client, clock: Clock) -> None:
        self._store: Final = store
        self._client: Final = client
        self._clock: Final = clock

    async def remember(self, interaction: discord.Interaction, content: str) -> None:
        """Store a placeholder that is about to be sent."""
        until = self._clock() + KEEP_SECONDS
        channel_id, guild_id = interaction.channel_id or 0, interaction.guild_id
        placeholder = Placeholder(interaction.id, channel_id, content, until, guild_id)
        try:
            await self._store.placeholders.add(placeholder)
        except StoreFailed as error:
            log.warning("could not store a placeholder", extra={"reason": str(error)})

    async def remove(self, interaction_id: int) -> None:
        """Remove a placeholder that has become a response or is deleted."""
        try:
            await self._store.placeholders.delete(interaction_id)
        except StoreFailed as error:
            log.warning("could not remove a placeholder from the store", extra={"reason": str(error)})

    async def left(self) -> list[Placeholder]:
        """Return the placeholders that an earlier process left behind."""
        try:
            return await self._store.placeholders.all()
        except StoreFailed as error:
            log.warning("could not read the leftover placeholders", extra={"reason": str(error)})
            return []

    async def clean_up(self, left: list[Placeholder], wake_up: WakeUp) -> None:
        """Delete the placeholders that an earlier process left behind, retrying until it works."""
        tries = 0
        while left:
            try:
                await self._clean_up(left[0])
            except StoreFailed as error:
                log.warning("could not look up a leftover placeholder", extra={"reason": str(error)})
                return
            except Exception as error:
                tries += 1
                refusal = {"refusal": describe(error)}
                log.info("could not delete a leftover placeholder, retrying", extra=refusal)
                left.append(left.pop(0))  # the others must not wait for it
                await wake_up.sleep(retry_delay(error, tries))
            else:
                del left[0]

    async def _clean_up(self, placeholder: Placeholder) -> None:
        if self._clock() < placeholder.until:
            try:
                await self._delete(placeholder)
            except Exception as error:
                if error_action(error) is ErrorAction.RETRY:
                    raise
                log.warning("a leftover placeholder stays", extra={"refusal": describe(error)})
        await self._store.placeholders.delete(placeholder.interaction_id)

    async def _delete(self, placeholder: Placeholder) -> None:
        channel = self._client.get_partial_messageable(placeholder.channel_id)
        # A response is newer than its interaction, so its id is larger.
        after = discord.Object(placeholder.interaction_id)
        async for message in channel.history(limit=MESSAGES_AFTER, after=after, oldest_first=True):
            metadata = message.interaction_metadata
            if metadata is None or metadata.id != placeholder.interaction_id:
                continue
            # If it became a card or a response just before the crash, it stays.
            if message.content == placeholder.content and not await self._store.is_card(message.id):
                await message.delete()
                log.info("deleted a leftover placeholder", extra={"channel": placeholder.channel_id})
                return
