"""The response to one interaction: its first message within 3 s, the rest within 15 minutes.

Responses are never deferred: a deferral decides whether the response is public, and an error must still be
able to turn private. If something takes longer, a public placeholder is sent. It becomes the response or a
card, or is deleted if the response turns out to be private.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import discord

from bot import messages
from bot.cards.cards import CardForm, Layout
from bot.commands.placeholders import PlaceholderKeeper
from bot.commands.response_requests import (
    ACKNOWLEDGED,
    TOKEN_SECONDS,
    RequestFailed,
    refuses_content,
    repeat,
    send_or_simplify,
    without_markup,
)
from bot.commands.turns import RESPONSE_SECONDS, Turn
from bot.core.outcome import Message
from bot.messages import language_for, say
from bot.outbound.discord_errors import ErrorAction, describe, error_action
from bot.outbound.files import text_files
from bot.outbound.rest import NOBODY

log = logging.getLogger(__name__)

RESPONSE_SLACK: Final = 1.0
"""After so many seconds past the deadline, a response that was sent in time has arrived or never will."""
SOONEST_RETRY: Final = 1.0
"""discord.py waits at least so many seconds before it repeats a response."""
NO_VIEW: Final[discord.ui.View] = discord.utils.MISSING


class ResponseFailed(Exception):
    """Discord did not accept the response: too late, answered by another process, or no access."""


class Response:
    """Responds to one interaction. Methods that send raise `ResponseFailed` if they could not."""

    def __init__(
        self, interaction: discord.Interaction, channel_language: str, turn: Turn, keeper: PlaceholderKeeper
    ) -> None:
        self.interaction: Final = interaction
        self.turn: Final = turn
        """Held while working on the first message; given back while waiting for something else."""
        self._keeper: Final = keeper
        self._placeholder_id: int | None = None
        self._placeholder_stored = False
        self._placeholder_settled = False
        """True once it has become a card or a response, or is deleted."""
        self._responded = False
        self.language: Final = language_for(interaction.locale.value)
        """The language of private messages: the user's."""
        self.channel_language: Final = channel_language
        """The language of public messages."""
        self.asked_at: Final = interaction.created_at.timestamp()
        """By Discord's clock."""

    async def placeholder(self, task_ids: Sequence[str]) -> int:
        """Post publicly that tasks are being checked, once; return the message's id."""
        if self._placeholder_id is None:
            sentence = messages.CHECKING if len(task_ids) == 1 else messages.CHECKING_SEVERAL
            text = say(self.channel_language, sentence, task=task_ids[0], count=len(task_ids))
            self._placeholder_stored = True
            await self._keeper.remember(self.interaction, text)
            self._placeholder_id = await self._respond(Message(text))
        return self._placeholder_id

    async def finish(self) -> None:
        """Remove the placeholder from the store, unless it is still visible: the next start deletes it."""
        if self._placeholder_stored and self._placeholder_settled:
            await self._keeper.remove(self.interaction.id)

    def keep(self) -> None:
        """Keep the placeholder: it has become a card or a response."""
        self._placeholder_settled = True

    async def send_private(self, text: str, view: discord.ui.View = NO_VIEW) -> None:
        """Send a message only the user can see; delete a placeholder that is still unused."""
        if not self._responded:
            await self._respond(Message(text), ephemeral=True, view=view)
            return
        await self.delete_placeholder()
        await self._follow_up(Message(text), ephemeral=True, view=view)

    async def send_public(self, messages: Sequence[Message]) -> list[int]:
        """Send public messages; the first replaces the placeholder."""
        if self._placeholder_id is None:
            self._placeholder_id = await self._respond(messages[0])
        else:
            await self._edit(self.message_by_bot(self._placeholder_id), messages[0])
        self.keep()
        return [self._placeholder_id, *await self.send_more(messages[1:])]

    async def send_more(self, messages: Iterable[Message]) -> list[int]:
        """Send more public messages after the first."""
        return [await self._follow_up(message) for message in messages]

    async def show_form(self, form: CardForm, *, in_place: bool = False) -> None:
        """Show a form only the user can see; `in_place` replaces the one whose button was pressed."""
        await self.turn.take()
        self._responded = True
        reply = self.interaction.response
        try:
            async with asyncio.timeout_at(self.turn.deadline):
                if in_place:
                    await reply.edit_message(view=Layout(form), allowed_mentions=NOBODY)
                else:
                    await reply.send_message(view=Layout(form), ephemeral=True, allowed_mentions=NOBODY)
        except RequestFailed as error:
            if not refuses_content(error):
                raise ResponseFailed(describe(error)) from None
            await self._respond(Message("\n".join(form.texts)), ephemeral=True, plain=True)
        finally:
            self.turn.give_back()

    async def delete_placeholder(self) -> None:
        """Delete the placeholder, if there is one that is still unused."""
        if self._placeholder_id is None or self._placeholder_settled:
            return
        message = self.message_by_bot(self._placeholder_id)
        self._placeholder_id = None  # before the request, so that it is tried only once
        try:
            await repeat(self.interaction.delete_original_response, message.delete)
        except RequestFailed as error:
            log.warning("could not delete a placeholder", extra={"refusal": describe(error)})
            self._placeholder_settled = error_action(error) is ErrorAction.CARD_GONE
        else:
            self._placeholder_settled = True

    async def _edit(self, placeholder: discord.PartialMessage, message: Message) -> None:
        async def edit(message: Message) -> None:
            def by(request: Callable[..., Awaitable[object]]) -> Callable[[], Awaitable[object]]:
                return lambda: request(
                    content=message.content, attachments=text_files(message), allowed_mentions=NOBODY
                )

            await repeat(by(self.interaction.edit_original_response), by(placeholder.edit))

        try:
            await send_or_simplify(edit, message)
        except RequestFailed as error:
            raise ResponseFailed(describe(error)) from None

    def message_by_bot(self, message_id: int) -> discord.PartialMessage:
        """Return a message that is edited and deleted with the bot's own token, not the interaction's."""
        interaction = self.interaction
        channel = interaction.client.get_partial_messageable(
            interaction.channel_id or 0, guild_id=interaction.guild_id
        )
        return channel.get_partial_message(message_id)

    async def _respond(
        self,
        message: Message,
        *,
        ephemeral: bool = False,
        view: discord.ui.View = NO_VIEW,
        plain: bool = False,
    ) -> int:
        """Send the first message and return its id; `plain` sends it without markup right away."""
        await self.turn.take()
        self._responded = True
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def send(message: Message) -> int | None:
            nonlocal began
            began = loop.time()
            async with asyncio.timeout_at(self.turn.deadline):
                reply = await self.interaction.response.send_message(
                    message.content,
                    ephemeral=ephemeral,
                    files=text_files(message),
                    view=view,
                    allowed_mentions=NOBODY,
                )
            return reply.message_id

        try:
            if plain:
                message_id = await send(without_markup(message))
            else:
                message_id = await send_or_simplify(send, message)
        except RequestFailed as error:
            if isinstance(error, discord.HTTPException):
                # "Already acknowledged": by an earlier attempt of this same request if there was time for
                # one, otherwise by another process (before a crash, or with the same token).
                ours = error.code == ACKNOWLEDGED and loop.time() - began >= SOONEST_RETRY
                if error.status < 500 and not ours:  # noqa: PLR2004
                    raise ResponseFailed(describe(error)) from None
            return await self._find_response(describe(error), ephemeral=ephemeral)
        finally:
            self.turn.give_back()
        if message_id is None:
            return await self._find_response("no message in the answer", ephemeral=ephemeral)
        return message_id

    async def _find_response(self, why: str, *, ephemeral: bool) -> int:
        """Return the id of a response whose acknowledgement was lost."""
        self.turn.give_back()  # Discord is slow or down: do not make the other interactions wait as well
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(RESPONSE_SECONDS):
                    found = await self.interaction.original_response()
            except RequestFailed as error:
                # A response sent in time may still be on its way: Discord accepts it for 3 s.
                if loop.time() > self.turn.deadline + RESPONSE_SLACK:
                    raise ResponseFailed(f"{why}, then {describe(error)}") from None
            else:
                if found.flags.ephemeral != ephemeral:
                    raise ResponseFailed(f"{why}, and another process has responded")
                return found.id
            await asyncio.sleep(RESPONSE_SLACK / 2)

    async def _follow_up(
        self, message: Message, *, ephemeral: bool = False, view: discord.ui.View = NO_VIEW
    ) -> int:
        async def send(message: Message) -> int:
            async with asyncio.timeout(TOKEN_SECONDS):
                sent = await self.interaction.followup.send(
                    message.content,
                    ephemeral=ephemeral,
                    files=text_files(message),
                    view=view,
                    allowed_mentions=NOBODY,
                    wait=True,
                )
            return sent.id

        try:
            return await send_or_simplify(send, message)
        except RequestFailed as error:
            raise ResponseFailed(describe(error)) from None
