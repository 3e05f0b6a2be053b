"""One answer to one command in Discord's time: the first response within 3 s, the rest within 15 minutes.

The response is never deferred: a deferral fixes whether everybody sees the response, and a refusal must still
be able to turn private. What takes longer is announced by a public line, which becomes the response, or is
deleted when the answer is a private refusal.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import discord

from bot.commands.placeholders import PlaceholderKeeper
from bot.commands.plain_answers import ACKNOWLEDGED, plainly, refuses_content, texts_of
from bot.commands.response_requests import TOKEN_SECONDS, RequestFailed, files_of, given, tried_again
from bot.commands.translation import channel_language
from bot.commands.turns import RESPONSE_SECONDS, Turn
from bot.core.delivery import Message
from bot.messages import language_for
from bot.outbound.discord_errors import ErrorAction, describe, error_action
from bot.outbound.rest import NOBODY

log = logging.getLogger(__name__)

RESPONSE_SLACK: Final = 1.0
"""Seconds after which a response that was sent in time is there, or will never be."""
SOONEST_RETRY: Final = 1.0
"""Seconds that discord.py waits at least before it sends a response again."""


class ResponseFailed(Exception):
    """Discord does not take the answer (too late, answered by another, out of reach): nothing can be said."""


class Response:
    """Answers one interaction; made when it arrives."""

    def __init__(
        self, interaction: discord.Interaction, card_language: str, turn: Turn, keeper: PlaceholderKeeper
    ) -> None:
        self.interaction: Final = interaction
        self._keeper: Final = keeper
        self._remembered = False
        self.turn: Final = turn
        """Held while there is work for the first response; whoever waits for others gives it back."""
        self._deadline: Final = turn.deadline
        self._placeholder_id: int | None = None
        self._kept = False
        self._deleted = False
        self._responded = False
        self.language: Final = language_for(interaction.locale.value)
        """The asker's language."""
        self.channel_language: Final = channel_language(interaction, card_language)
        """The language of what everybody sees."""

    async def placeholder(self, text: str) -> int:
        """Respond with a public line, once; return the message's id.

        Raises:
            ResponseFailed: there is no such message.
        """
        if self._placeholder_id is None:
            self._remembered = True
            await self._keeper.remember(self.interaction, text)
            self._placeholder_id = await self._respond(Message(text))
        return self._placeholder_id

    async def finish(self) -> None:
        """Forget the public line, unless it may still stand as one: the next start deletes it then."""
        if self._remembered and (self._kept or self._deleted):
            await self._keeper.forget(self.interaction.id)

    def keep(self) -> None:
        """Note that the public line has become a card or an answer: it stays, come what may."""
        self._kept = True

    async def send_private(self, text: str, view: discord.ui.View | None = None) -> None:
        """Tell only the asker; a public line that has come to nothing is taken back.

        Raises:
            ResponseFailed: it could not be told.
        """
        if not self._responded:
            await self._respond(Message(text), ephemeral=True, view=view)
            return
        await self.delete_placeholder()
        await self._follow_up(Message(text), ephemeral=True, view=view)

    async def show_layout(self, view: discord.ui.LayoutView, *, in_place: bool = False) -> None:
        """Show only the asker a layout; `in_place` of the one whose button they pressed.

        Raises:
            ResponseFailed: it could not be shown.
        """
        await self.turn.take()
        self._responded = True
        reply = self.interaction.response
        try:
            async with asyncio.timeout_at(self._deadline):
                if in_place:
                    await reply.edit_message(view=view, allowed_mentions=NOBODY)
                else:
                    await reply.send_message(view=view, ephemeral=True, allowed_mentions=NOBODY)
        except RequestFailed as error:
            if not refuses_content(error):
                raise ResponseFailed(describe(error)) from None
            await self._respond(plainly(Message(texts_of(view))), ephemeral=True, plain=True)
        finally:
            self.turn.give_back()

    async def delete_placeholder(self) -> None:
        """Delete the public line, if one stands: what it promised does not come."""
        if self._placeholder_id is None or self._kept:
            return
        own = self._placeholder_by_the_bot(self._placeholder_id)
        self._placeholder_id = None  # once: whether it goes or stays, it is nobody's line any more
        try:
            await tried_again(self.interaction.delete_original_response, own.delete)
        except RequestFailed as error:
            log.warning("a placeholder could not be deleted", extra={"refusal": describe(error)})
            self._deleted = error_action(error) is ErrorAction.CARD_GONE
        else:
            self._deleted = True

    async def send_public(self, messages: Sequence[Message]) -> None:
        """Tell everybody, in one message or more.

        Raises:
            ResponseFailed: it could not be told.
        """
        first, rest = messages[0], messages[1:]
        if self._placeholder_id is None:
            self._placeholder_id = await self._respond(first)
        else:
            await self._edit_placeholder(self._placeholder_id, first)
        self._kept = True
        await self.send_more(rest)

    async def send_more(self, messages: Iterable[Message]) -> None:
        """Tell everybody more, after the line.

        Raises:
            ResponseFailed: it could not be told.
        """
        for message in messages:
            await self._follow_up(message)

    async def _edit_placeholder(self, placeholder_id: int, message: Message, *, plain: bool = False) -> None:
        def by(edit: Callable[..., Awaitable[object]]) -> Callable[[], Awaitable[object]]:
            # Files are read by the request that sends them: each try needs new ones.
            return lambda: edit(
                content=message.content, attachments=files_of(message), allowed_mentions=NOBODY
            )

        own = self._placeholder_by_the_bot(placeholder_id)
        try:
            await tried_again(by(self.interaction.edit_original_response), by(own.edit))
        except RequestFailed as error:
            if plain or not refuses_content(error):
                raise ResponseFailed(describe(error)) from None
            await self._edit_placeholder(placeholder_id, plainly(message), plain=True)

    def _placeholder_by_the_bot(self, placeholder_id: int) -> discord.PartialMessage:
        """Return the public line as the bot's own token reaches it."""
        interaction = self.interaction
        channel = interaction.client.get_partial_messageable(
            interaction.channel_id or 0, guild_id=interaction.guild_id
        )
        return channel.get_partial_message(placeholder_id)

    async def _respond(
        self,
        message: Message,
        *,
        ephemeral: bool = False,
        view: discord.ui.View | None = None,
        plain: bool = False,
    ) -> int:
        await self.turn.take()
        self._responded = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout_at(self._deadline):
                reply = await self.interaction.response.send_message(
                    message.content,
                    ephemeral=ephemeral,
                    files=files_of(message),
                    view=given(view),
                    allowed_mentions=NOBODY,
                )
        except discord.HTTPException as error:
            if refuses_content(error) and not plain:  # the interaction is still open then
                return await self._respond(plainly(message), ephemeral=ephemeral, plain=True)
            # "Already acknowledged": by an earlier try of this very request, if there was time for one; else
            # by another process, the one before a crash or one with the same token, which then answers.
            ours = error.code == ACKNOWLEDGED and loop.time() - began >= SOONEST_RETRY
            if error.status < 500 and not ours:  # noqa: PLR2004
                raise ResponseFailed(describe(error)) from None
            return await self._find_response(describe(error), ephemeral=ephemeral)
        except RequestFailed as error:
            return await self._find_response(describe(error), ephemeral=ephemeral)
        finally:
            self.turn.give_back()
        if reply.message_id is None:
            return await self._find_response("no message in the answer", ephemeral=ephemeral)
        return reply.message_id

    async def _find_response(self, why: str, *, ephemeral: bool) -> int:
        """Return the id of a response whose acknowledgement was lost on the way."""
        self.turn.give_back()  # Discord is slow or away: others need not wait for it as well
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(RESPONSE_SECONDS):
                    found = await self.interaction.original_response()
            except RequestFailed as error:
                # What was sent in time may still be on its way: Discord takes it for 3 s.
                if loop.time() > self._deadline + RESPONSE_SLACK:
                    raise ResponseFailed(f"{why}, then {describe(error)}") from None
            else:
                if found.flags.ephemeral != ephemeral:
                    raise ResponseFailed(f"{why}, and somebody else's answer stands")
                return found.id
            await asyncio.sleep(RESPONSE_SLACK / 2)

    async def _follow_up(
        self,
        message: Message,
        *,
        ephemeral: bool = False,
        view: discord.ui.View | None = None,
        plain: bool = False,
    ) -> None:
        try:
            async with asyncio.timeout(TOKEN_SECONDS):
                await self.interaction.followup.send(
                    message.content,
                    ephemeral=ephemeral,
                    files=files_of(message),
                    view=given(view),
                    allowed_mentions=NOBODY,
                )
        except RequestFailed as error:
            if plain or not refuses_content(error):
                raise ResponseFailed(describe(error)) from None
            await self._follow_up(plainly(message), ephemeral=ephemeral, plain=True)
