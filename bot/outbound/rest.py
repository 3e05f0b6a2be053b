"""The requests that cards and results need, over discord.py; each raises what Discord says.

Everything goes through ids that were stored, never through a cache: a cache that does not know a channel says
nothing about the channel.
"""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import discord

from bot.cards.cards import CardForm, layout
from bot.cards.results import URLS_FILE
from bot.clock import Clock
from bot.core.outcome import Message
from bot.core.watch import Card
from bot.gateway.client import VeoBot
from bot.gateway.servers import ServerState
from bot.gateway.traffic import lost_answers
from bot.outbound.discord_errors import ErrorAction, error_action, is_refusal
from bot.outbound.permissions import lacking
from bot.outbound.rate_limiter import Priority, RateLimiter
from bot.videos.downloader import VideoFile

TOKEN_SECONDS: Final = 14 * 60.0
"""How long an interaction's token is used; Discord lets it live for 15 minutes."""
PAGE_SIZE: Final = 100
"""Messages that Discord shows at a time."""
TOKEN_EDIT_SECONDS: Final = 30.0
"""How long an edit through the token may take, until the bot's own way is gone."""
NOBODY: Final = discord.AllowedMentions.none()


@dataclass(frozen=True, slots=True)
class _Token:
    application_id: int
    token: str
    until: float


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
    """Edits cards, posts results and searches for them. Errors are discord.py's and aiohttp's own."""

    def __init__(self, client: VeoBot, clock: Clock) -> None:
        self._client: Final = client
        self._limiter: Final = RateLimiter(brake=lambda: client.invalid.gap)
        self._clock: Final = clock
        self._tokens: dict[int, _Token] = {}

    def lend_token(self, message_id: int, application_id: int, token: str) -> None:
        """Edit this card through its interaction while its token lives: it has a limit of its own."""
        now = self._clock()
        self._tokens = {key: kept for key, kept in self._tokens.items() if kept.until > now}
        self._tokens[message_id] = _Token(application_id, token, now + TOKEN_SECONDS)

    def uses_channel_limit(self, card: Card) -> bool:
        """Tell whether an edit of this card takes of its channel's limit, its token being over."""
        token = self._tokens.get(card.message_id)
        return token is None or token.until <= self._clock()

    @property
    def may_retry(self) -> bool:
        """Whether something that Discord refused may be tried again."""
        return self._client.invalid.may_retry

    def server_state(self, card: Card) -> ServerState:
        """Return what the gateway says of a card's server."""
        return self._client.servers.state(card.guild_id)

    def lacking(self, card: Card, code: int) -> str:
        """Return what keeps the bot out of a card's channel, given the code of Discord's refusal."""
        return lacking(self._client, card.guild_id, card.channel_id, code, self._clock())

    async def edit_card(self, card: Card, form: CardForm, priority: Priority) -> None:
        token = self._tokens.get(card.message_id)
        if token is not None and not self.uses_channel_limit(card):
            try:
                async with asyncio.timeout(TOKEN_EDIT_SECONDS):
                    await self._edit_by_token(card, form, token)
            except TimeoutError:
                # A limit on the token can last for a day, and discord.py would wait for it.
                self._tokens.pop(card.message_id, None)
            except discord.HTTPException as error:
                # Discord's edge refuses webhooks alone at times: the bot's own way may be open.
                ours = error_action(error) in {ErrorAction.RETRY, ErrorAction.TOKEN_DEAD}
                if not is_refusal(error) or not ours:
                    raise
                self._tokens.pop(card.message_id, None)
            else:
                return
        await self._limiter.enter(priority)
        message = self._channel(card).get_partial_message(card.message_id)
        await message.edit(content=None, view=layout(form), allowed_mentions=NOBODY)

    async def tell_by_token(self, card: Card, text: str) -> None:
        """Say something where a card is through its interaction's token, which asks for no permission."""
        token = self._tokens.get(card.message_id)
        if token is not None and not self.uses_channel_limit(card):
            webhook = discord.Webhook.partial(token.application_id, token.token, client=self._client)
            async with asyncio.timeout(TOKEN_EDIT_SECONDS):
                await webhook.send(text, allowed_mentions=NOBODY)

    async def _edit_by_token(self, card: Card, form: CardForm, token: _Token) -> None:
        webhook = discord.Webhook.partial(token.application_id, token.token, client=self._client)
        # The line that answered the command gives way to the layout, which goes with no content.
        await webhook.edit_message(  # type: ignore[call-overload]  # its overloads forget a content of None
            card.message_id, content=None, view=layout(form), allowed_mentions=NOBODY
        )

    async def post(
        self,
        card: Card,
        message: Message,
        nonce: str,
        *,
        reply: bool = True,
        videos: Sequence[VideoFile] = (),
    ) -> int:
        """Send a message in a card's channel, as a reply to it unless told otherwise; return its id.

        Discord sends a nonce once within some minutes, and answers a second try with the first message. With
        videos it is tried only once: discord.py would upload them five times after a 5xx.

        Raises:
            discord.HTTPException, discord.RateLimited: with a 4xx the message is certainly not there.
            AnswerLost: refused, but only after discord.py had repeated a request whose answer was lost.
            Exception: whatever else kept the answer away; the message may be there.
        """
        await self._limiter.enter(Priority.RESULT)
        people = [discord.Object(user_id) for user_id in message.mentions]
        mentions = discord.AllowedMentions(everyone=False, roles=False, users=people, replied_user=False)
        files = _opened(videos)
        if message.urls_file:
            lines = "\n".join(message.urls_file) + "\n"
            files.append(discord.File(io.BytesIO(lines.encode()), URLS_FILE))
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
        await self._limiter.enter(Priority.RESULT)
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


class AnswerLost(Exception):
    """It is not known whether a message was sent."""


class NotRepeated(Exception):
    """A request with videos has failed, and discord.py has not sent it again."""


class _VideoFile(discord.File):
    """A file whose message discord.py tries once: before it sends a request again, it rewinds the files."""

    def reset(self, *, seek: int | bool = True) -> None:
        if seek:
            raise NotRepeated
        super().reset(seek=seek)


def _opened(videos: Sequence[VideoFile]) -> list[discord.File]:
    files: list[discord.File] = []
    try:
        for video in videos:
            files.append(_VideoFile(video.path, video.name))  # noqa: PERF401  # what is open must be closed
    except OSError:
        for file in files:
            file.close()
        raise
    return files


def _may_be_a_result(message: discord.Message, card: Card) -> bool:
    """Tell replies to a card, plain messages where the card was deleted, from our other messages."""
    if message.reference is None:
        return message.type is discord.MessageType.default and not message.flags.components_v2
    return message.reference.message_id == card.message_id
