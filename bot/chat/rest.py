"""The requests that cards and results need, over discord.py; each raises what Discord says.

Everything goes through ids that were stored, never through a cache: a cache that does not know a channel says
nothing about the channel.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import discord

from bot.chat.attachments import Videos, with_attachments
from bot.chat.cards import CardForm, layout
from bot.chat.gate import Gate, Urgency
from bot.chat.refusals import Reaction, reaction
from bot.chat.results import URLS_FILE
from bot.clock import Clock
from bot.copies import Copy
from bot.core.card import Card
from bot.core.delivery import Message

TOKEN_SECONDS: Final = 14 * 60.0
"""How long an interaction's token is used; Discord lets it live for 15 minutes."""
HISTORY_LIMIT: Final = 500
"""Messages of a channel that are looked through for one of ours."""
NOBODY: Final = discord.AllowedMentions.none()


@dataclass(frozen=True, slots=True)
class _Token:
    application_id: int
    token: str
    until: float


@dataclass(frozen=True, slots=True)
class Found:
    """A message of ours in a channel's history."""

    id: int
    content: str


class DiscordRest:
    """Edits cards, posts results and looks for them. Errors are discord.py's and aiohttp's own."""

    def __init__(self, client: discord.Client, gate: Gate, clock: Clock) -> None:
        self._client: Final = client
        self._gate: Final = gate
        self._clock: Final = clock
        self._tokens: dict[int, _Token] = {}

    def lend_token(self, message_id: int, application_id: int, token: str) -> None:
        """Edit this card through its interaction while its token lives: it has a limit of its own."""
        now = self._clock()
        self._tokens = {key: kept for key, kept in self._tokens.items() if kept.until > now}
        self._tokens[message_id] = _Token(application_id, token, now + TOKEN_SECONDS)

    def spends_room(self, card: Card) -> bool:
        """Tell whether an edit of this card takes of its channel's limit, its token being over."""
        token = self._tokens.get(card.message_id)
        return token is None or token.until <= self._clock()

    async def edit_card(self, card: Card, form: CardForm, urgency: Urgency) -> None:
        token = self._tokens.get(card.message_id)
        if token is not None and not self.spends_room(card):
            try:
                await self._edit_by_token(card, form, token)
            except discord.HTTPException as error:
                if error.status != 401 and reaction(error) is not Reaction.TOKEN_DEAD:  # noqa: PLR2004
                    raise
                self._tokens.pop(card.message_id, None)
            else:
                return
        await self._gate.enter(urgency)
        message = self._channel(card).get_partial_message(card.message_id)
        await message.edit(content=None, view=layout(form), allowed_mentions=NOBODY)

    async def _edit_by_token(self, card: Card, form: CardForm, token: _Token) -> None:
        webhook = discord.Webhook.partial(token.application_id, token.token, client=self._client)
        # The line that answered the command gives way to the layout, which goes with no content.
        await webhook.edit_message(  # type: ignore[call-overload]  # its overloads forget a content of None
            card.message_id, content=None, view=layout(form), allowed_mentions=NOBODY
        )

    async def post(
        self, card: Card, message: Message, nonce: str, *, reply: bool = True, videos: Videos | None = None
    ) -> int:
        """Send a message in a card's channel, as a reply to it unless told otherwise; return its id.

        Discord sends a nonce once within some minutes, and answers a second try with the first message. With
        videos it is tried only once: discord.py would upload them five times after a 5xx.
        """
        await self._gate.enter(Urgency.RESULT)
        people = [discord.Object(user_id) for user_id in message.mentions]
        mentions = discord.AllowedMentions(everyone=False, roles=False, users=people, replied_user=False)
        content, carried = with_attachments(message, videos or Videos())
        files = _opened(carried)
        if message.urls_file:
            lines = "\n".join(message.urls_file) + "\n"
            files.append(discord.File(io.BytesIO(lines.encode()), URLS_FILE))
        reply_to = discord.MessageReference(
            message_id=card.message_id,
            channel_id=card.channel_id,
            guild_id=card.guild_id,
            fail_if_not_exists=False,
        )
        sent = await self._channel(card).send(
            content,
            nonce=nonce,
            allowed_mentions=mentions,
            files=files,
            reference=reply_to if reply else None,  # type: ignore[arg-type]  # None is its default
        )
        return sent.id

    async def replies(self, card: Card, since: float) -> list[Found]:
        """Return our own replies to a card, not older than `since` (Unix seconds, Discord's clock)."""
        await self._gate.enter(Urgency.RESULT)
        after = discord.Object(max(card.message_id, _snowflake(since)))
        found = []
        async for message in self._channel(card).history(limit=HISTORY_LIMIT, after=after, oldest_first=True):
            ours = self._client.user is not None and message.author.id == self._client.user.id
            if ours and _may_be_a_result(message, card):
                found.append(Found(message.id, message.content))
        return found

    def _channel(self, card: Card) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(card.channel_id, guild_id=card.guild_id)


class NotRepeated(Exception):
    """A request with videos has failed, and discord.py has not sent it again."""


class _VideoFile(discord.File):
    """A file whose message discord.py tries once: before it sends a request again, it rewinds the files."""

    def reset(self, *, seek: int | bool = True) -> None:
        if seek:
            raise NotRepeated
        super().reset(seek=seek)


def _opened(videos: Sequence[Copy]) -> list[discord.File]:
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


def _snowflake(at: float) -> int:
    """Return the smallest id of a message sent at a Unix time."""
    return max(0, int(at * 1000) - discord.utils.DISCORD_EPOCH) << 22
