"""One answer to one command in Discord's time: the first response within 3 s, the rest within 15 minutes.

The response is never deferred: a deferral fixes whether everybody sees the answer, and a refusal must still
be able to turn private. What takes longer is announced by a public line, which becomes the answer, or is
deleted when the answer is a private refusal.
"""

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Final

import aiohttp
import discord

from bot.chat.discord_errors import ErrorAction, describe, error_action
from bot.chat.rest import NOBODY
from bot.chat.results import URLS_FILE
from bot.chat.turns import RESPONSE_SECONDS, Turn
from bot.core.delivery import Message
from bot.words import LANGUAGES, language_for

log = logging.getLogger(__name__)

RESPONSE_SLACK: Final = 1.0
"""Seconds after which a response that was sent in time is there, or will never be."""
TRIES: Final = 3
ACKNOWLEDGED: Final = 40060
SOONEST_RETRY: Final = 1.0
"""Seconds that discord.py waits at least before it sends a response again."""

NotDiscords = (TypeError, KeyError, ValueError)
"""What discord.py raises where a proxy's page or other JSON comes with status 200 in Discord's place."""
RequestFailed = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, *NotDiscords)
"""What a request to Discord may raise."""


class Unanswerable(Exception):
    """Discord does not take the answer (too late, answered by another, out of reach): nothing can be said."""


class Answer:
    """Answers one interaction; made when it arrives."""

    def __init__(self, interaction: discord.Interaction, card_language: str, turn: Turn) -> None:
        self.interaction: Final = interaction
        self.turn: Final = turn
        """Held while there is work for the first response; whoever waits for others gives it back."""
        self._deadline: Final = turn.deadline
        self._line_id: int | None = None
        self._kept = False
        self._responded = False
        self.language: Final = language_for(interaction.locale.value)
        """The asker's language."""
        self.channel_language: Final = _channel_language(interaction, card_language)
        """The language of what everybody sees."""

    async def line(self, text: str) -> int:
        """Respond with a public line, once; return the message's id.

        Raises:
            Unanswerable: there is no such message.
        """
        if self._line_id is None:
            self._line_id = await self._respond(text)
        return self._line_id

    def keep(self) -> None:
        """Note that the public line has become a card or an answer: it stays, come what may."""
        self._kept = True

    async def refuse(self, text: str, view: discord.ui.View | None = None) -> None:
        """Tell only the asker; a public line that has come to nothing is taken back.

        Raises:
            Unanswerable: it could not be told.
        """
        if not self._responded:
            await self._respond(text, ephemeral=True, view=view)
            return
        await self.take_back()
        await self._follow_up(Message(text), ephemeral=True, view=view)

    async def show(self, view: discord.ui.LayoutView, *, in_place: bool = False) -> None:
        """Show only the asker a layout; `in_place` of the one whose button they pressed.

        Raises:
            Unanswerable: it could not be shown.
        """
        await self.turn.take()
        self._responded = True
        response = self.interaction.response
        try:
            async with asyncio.timeout_at(self._deadline):
                if in_place:
                    await response.edit_message(view=view, allowed_mentions=NOBODY)
                else:
                    await response.send_message(view=view, ephemeral=True, allowed_mentions=NOBODY)
        except RequestFailed as error:
            raise Unanswerable(describe(error)) from None
        finally:
            self.turn.give_back()

    async def take_back(self) -> None:
        """Delete the public line, if one stands: what it promised does not come."""
        if self._line_id is None or self._kept:
            return
        self._line_id = None  # once: whether it goes or stays, it is nobody's line any more
        try:
            await _tried_again(self.interaction.delete_original_response)
        except RequestFailed as error:
            log.warning("a line could not be taken back", extra={"refusal": describe(error)})

    async def tell(self, messages: Sequence[Message]) -> None:
        """Tell everybody, in one message or more.

        Raises:
            Unanswerable: it could not be told.
        """
        first, rest = messages[0], messages[1:]
        if self._line_id is None:
            self._line_id = await self._respond(first.content, files=_files(first))
        else:
            edit = partial(
                self.interaction.edit_original_response,
                content=first.content,
                attachments=_files(first),
                allowed_mentions=NOBODY,
            )
            try:
                await _tried_again(edit)
            except RequestFailed as error:
                raise Unanswerable(describe(error)) from None
        self._kept = True
        await self.follow(rest)

    async def follow(self, messages: Iterable[Message]) -> None:
        """Tell everybody more, after the line.

        Raises:
            Unanswerable: it could not be told.
        """
        for message in messages:
            await self._follow_up(message)

    async def _respond(
        self,
        text: str,
        *,
        ephemeral: bool = False,
        files: Sequence[discord.File] = (),
        view: discord.ui.View | None = None,
    ) -> int:
        await self.turn.take()
        self._responded = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout_at(self._deadline):
                response = await self.interaction.response.send_message(
                    text, ephemeral=ephemeral, files=files, view=_given(view), allowed_mentions=NOBODY
                )
        except discord.HTTPException as error:
            # "Already acknowledged": by an earlier try of this very request, if there was time for one; else
            # by another process, the one before a crash or one with the same token, which then answers.
            ours = error.code == ACKNOWLEDGED and loop.time() - began >= SOONEST_RETRY
            if error.status < 500 and not ours:  # noqa: PLR2004
                raise Unanswerable(describe(error)) from None
            return await self._find_response(describe(error), ephemeral=ephemeral)
        except RequestFailed as error:
            return await self._find_response(describe(error), ephemeral=ephemeral)
        finally:
            self.turn.give_back()
        if response.message_id is None:
            return await self._find_response("no message in the answer", ephemeral=ephemeral)
        return response.message_id

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
                    raise Unanswerable(f"{why}, then {describe(error)}") from None
            else:
                if found.flags.ephemeral != ephemeral:
                    raise Unanswerable(f"{why}, and somebody else's answer stands")
                return found.id
            await asyncio.sleep(RESPONSE_SLACK / 2)

    async def _follow_up(
        self, message: Message, *, ephemeral: bool = False, view: discord.ui.View | None = None
    ) -> None:
        try:
            await self.interaction.followup.send(
                message.content,
                ephemeral=ephemeral,
                files=_files(message),
                view=_given(view),
                allowed_mentions=NOBODY,
            )
        except RequestFailed as error:
            raise Unanswerable(describe(error)) from None


def _channel_language(interaction: discord.Interaction, card_language: str) -> str:
    """Return the operator's choice, else the server's where it could choose (Community), else the asker's.

    In a direct message nobody reads but the asker.
    """
    if interaction.guild_id is not None and card_language in LANGUAGES:
        return card_language
    guild = interaction.guild
    if guild is not None and "COMMUNITY" in guild.features and interaction.guild_locale is not None:
        return language_for(interaction.guild_locale.value)
    return language_for(interaction.locale.value)


def _given(view: discord.ui.View | None) -> discord.ui.View:
    """Return a view as discord.py takes it: its sign for none is not None."""
    missing: discord.ui.View = discord.utils.MISSING
    return missing if view is None else view


def _files(message: Message) -> list[discord.File]:
    if not message.urls_file:
        return []
    return [discord.File(io.BytesIO("\n".join((*message.urls_file, "")).encode()), URLS_FILE)]


async def _tried_again(request: Callable[[], Awaitable[object]]) -> None:
    """Make a request that does the same however often it is made, again where its answer was lost."""
    for tries_left in reversed(range(TRIES)):
        try:
            await request()
        except RequestFailed as error:
            if not tries_left or error_action(error) is not ErrorAction.RETRY:
                raise
            await asyncio.sleep(1.0)
        else:
            return
