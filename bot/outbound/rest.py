"""The requests to Discord for cards and results, made with discord.py. Each raises Discord's error.

Channels and messages are addressed by their stored ids, never taken from a cache: that a cache does not
contain a channel says nothing about the channel.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import discord
from discord.http import MultipartParameters
from discord.webhook.async_ import async_context

from bot.cards.cards import CardForm, components
from bot.clock import Clock
from bot.core.outcome import Message
from bot.core.watch import Card
from bot.gateway.client import VeoBot
from bot.gateway.rate_limiter import Priority, stale_since
from bot.gateway.rate_limiter import priority as of_requests
from bot.gateway.servers import ServerState
from bot.gateway.traffic import lost_answers
from bot.outbound.discord_errors import ErrorAction, error_action, is_refusal
from bot.outbound.files import opened, text_files
from bot.outbound.permissions import lacking
from bot.outbound.tokens import Token, Tokens
from bot.videos.downloader import VideoFile

PAGE_SIZE: Final = 100
"""Discord's maximum of messages per page."""
TOKEN_EDIT_SECONDS: Final = 30.0
"""How long an edit with the interaction's token may take before the bot's own token is used."""
NOBODY: Final = discord.AllowedMentions.none()
COMPONENTS_V2: Final = discord.MessageFlags(components_v2=True).value


@dataclass(frozen=True, slots=True)
class Found:
    """A message of ours in a channel's history that may be a result; `at` is Discord's Unix time."""

    id: int
    content: str
    at: float


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages of a channel, newest first."""

    ours: list[Found]
    size: int
    oldest: int
    oldest_at: float

    @property
    def is_last(self) -> bool:
        return self.size < PAGE_SIZE


class DiscordRest:
    """Edits cards, posts results and reads history. Raises discord.py's and aiohttp's errors."""

    def __init__(self, client: VeoBot, clock: Clock) -> None:
        self._client: Final = client
        self._clock: Final = clock
        self.tokens: Final = Tokens(clock)

    def uses_channel_limit(self, card: Card) -> bool:
        """Return whether an edit of this card counts towards its channel's limit: it has no valid token."""
        return self.tokens.of(card.message_id) is None

    @property
    def may_retry(self) -> bool:
        """Whether something that Discord refused may be tried again."""
        return self._client.traffic.invalid.may_retry

    def server_state(self, card: Card) -> ServerState:
        """Return what the gateway says of a card's server."""
        return self._client.servers.state(card.guild_id)

    def lacking(self, card: Card, code: int) -> str:
        """Return what keeps the bot out of a card's channel, given the code of Discord's refusal."""
        return lacking(self._client, card.guild_id, card.channel_id, code, self._clock())

    def may_attach(self, card: Card) -> bool:
        """Return whether files can be attached in a card's channel, as far as the client knows."""
        return "attach_files" not in self.lacking(card, code=0).split()

    async def edit_card(self, card: Card, form: CardForm, priority: Priority, since: float) -> None:
        """Make a card show a form; `since` is when it was edited before."""
        if (token := self.tokens.of(card.message_id)) is not None:
            try:
                async with asyncio.timeout(TOKEN_EDIT_SECONDS):
                    await self._edit_by_token(card, form, token)
            except TimeoutError:
                # A limit on the token can last for a day, and discord.py would wait for it.
                self.tokens.drop(card.message_id)
            except discord.HTTPException as error:
                # Discord's edge sometimes refuses only webhooks; the bot's own token may still work.
                ours = error_action(error) in {ErrorAction.RETRY, ErrorAction.TOKEN_DEAD}
                if not is_refusal(error) or not ours:
                    raise
                self.tokens.refused(card.message_id)
            else:
                self.tokens.accepted()
                return
        of_requests.set(priority)
        stale_since.set(since)
        params = MultipartParameters(_edit(form), None, None)
        _confirm(await self._client.http.edit_message(card.channel_id, card.message_id, params=params), card)

    async def tell_by_token(self, card: Card, text: str) -> None:
        """Post beside a card with its interaction's token, which needs no permission in the channel."""
        if (token := self.tokens.of(card.message_id)) is not None:
            webhook = discord.Webhook.partial(token.application_id, token.token, client=self._client)
            async with asyncio.timeout(TOKEN_EDIT_SECONDS):
                await webhook.send(text, allowed_mentions=NOBODY)

    async def _edit_by_token(self, card: Card, form: CardForm, token: Token) -> None:
        webhook = discord.Webhook.partial(token.application_id, token.token, client=self._client)
        answer = await async_context.get().edit_webhook_message(
            webhook.id, token.token, card.message_id, session=webhook.session, payload=_edit(form)
        )
        _confirm(answer, card)

    async def post(
        self,
        card: Card,
        message: Message,
        nonce: str,
        *,
        reply: bool = True,
        videos: Sequence[VideoFile] = (),
    ) -> int:
        """Send a message in a card's channel, by default as a reply to the card; return its id.

        For some minutes Discord accepts a nonce only once, and returns the first message for a repeated one.
        A message with videos is tried only once: discord.py would upload them five times after a 5xx.

        Raises:
            discord.HTTPException, discord.RateLimited: after a 4xx the message is certainly not there.
            AnswerLost: refused, but only after discord.py had retried a request whose response was lost.
            Exception: no response arrived; the message may be there.
        """
        of_requests.set(Priority.RESULT)
        people = [discord.Object(user_id) for user_id in message.mentions]
        mentions = discord.AllowedMentions(everyone=False, roles=False, users=people, replied_user=False)
        files = [*opened(videos), *text_files(message)]
        reply_to = discord.MessageReference(
            message_id=card.message_id,
            channel_id=card.channel_id,
            guild_id=card.guild_id,
            fail_if_not_exists=False,
        )
        lost: list[str] = []
        lost_answers.set(lost)
        try:
            sent = await self._channel(card).send(
                message.content,
                nonce=nonce,
                allowed_mentions=mentions,
                files=files,
                silent=message.silent,
                reference=reply_to if reply else None,  # type: ignore[arg-type]  # None is its default
            )
        except (discord.HTTPException, discord.RateLimited) as error:
            # The refusal is about the last repetition; one before it may have reached the channel.
            if lost and not isinstance(error, discord.DiscordServerError):
                raise AnswerLost(lost) from error
            raise
        return sent.id

    async def history(self, card: Card, before: int | None) -> Page:
        """Return the messages of a card's channel before one of them, or the newest."""
        of_requests.set(Priority.RESULT)
        until = None if before is None else discord.Object(before)
        messages = [message async for message in self._channel(card).history(limit=PAGE_SIZE, before=until)]
        me = self._client.user
        ours = [
            Found(message.id, message.content, message.created_at.timestamp())
            for message in messages
            if me is not None and message.author.id == me.id and _may_be_a_result(message, card)
        ]
        oldest = min((message.id for message in messages), default=0)
        return Page(ours, len(messages), oldest, discord.utils.snowflake_time(oldest).timestamp())

    def _channel(self, card: Card) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(card.channel_id, guild_id=card.guild_id)


def _confirm(answer: object, card: Card) -> None:
    """Check that the response to an edit is the edited message.

    Raises:
        ValueError: it is not; a proxy may answer 200 with a page of its own, and Discord never saw the edit.
    """
    if not isinstance(answer, Mapping) or answer.get("id") != str(card.message_id):
        raise ValueError("the response is not the edited message")


def _edit(form: CardForm) -> dict[str, Any]:
    """Return the body of an edit. discord.py would make a view of it, and parse the message that comes back.

    The placeholder's text is removed: a message with Components V2 must have no content.
    """
    return {
        "content": None,
        "components": components(form),
        "flags": COMPONENTS_V2,
        "allowed_mentions": NOBODY.to_dict(),
    }


class AnswerLost(Exception):
    """It is not known whether a message was sent."""


def _may_be_a_result(message: discord.Message, card: Card) -> bool:
    """Return whether a message may be a result: a reply to a card, or a plain message if that was deleted."""
    if message.reference is None:
        return message.type is discord.MessageType.default and not message.flags.components_v2
    return message.reference.message_id == card.message_id
