"""What Discord's errors mean: one table from its answers to what is done about them.

    gone     10003, 10004, 10008: the channel, the server or the card no longer exists; 10008 says so only in
             the answer to an edit of the card
    paused   50001, 50013, 160005: access was taken away, which people usually repair; the channel waits
    retried  everything else: other 403s and 404s say nothing of the channel (Discord's edge answers them for
             seconds to hours, discord-api-docs#6473), nor do 5xx, 429 and lost answers

10003 and 10004 are believed only while the gateway says that the server is available
(`bot.gateway.servers`): in an outage of a server its channels answer 10003, too. Codes are those of Discord's
documentation. Every 401, 403 and 429 counts towards 10,000 in ten minutes, which ban the address
(`bot.gateway.traffic`).
"""

from enum import Enum, auto
from typing import Final

import aiohttp
import discord

from bot.core.backoff import exponential_backoff

FIRST_DELAY: Final = 2.0
LONGEST_DELAY: Final = 300.0
"""Seconds between two tries while Discord is down or slow."""
LONGEST_REFUSED_DELAY: Final = 3_600.0
"""Seconds between two tries of something that Discord refuses."""
LONGEST_LIMIT: Final = 3_600.0
"""Seconds of a limit that are believed; Discord's own are far shorter."""
BANNED_DELAY: Final = 60.0
"""Seconds of rest after a 429 that does not come from Discord's own limits but from what stands before it."""
ACCESS_DELAYS: Final = (60.0, 300.0, 900.0, 1_800.0)
"""Seconds between two tries in a channel to which access was taken away; the last one again and again."""
ACCESS_SECONDS: Final = 24 * 3_600.0
"""After so long without access the watches of a channel end."""


NOT_DISCORDS: Final = (TypeError, KeyError, ValueError, AttributeError)
"""What discord.py raises where a proxy's page, other JSON or half of one answers in Discord's place."""


class ErrorAction(Enum):
    """What to do about an error."""

    RETRY = auto()
    """Discord cannot now, the answer was lost, or the refusal says nothing of the channel."""
    CARD_GONE = auto()
    CHANNEL_GONE = auto()
    """The channel or its server does not exist, if the server is available."""
    PAUSE = auto()
    """Access to the channel was taken away, or a thread was locked: wait for people to repair it."""
    ARCHIVED = auto()
    """An archived thread takes no edits; a new message would reopen it."""
    NO_REPLY = auto()
    """The message cannot be a reply: without the channel's history, or because its target is gone."""
    TOO_LARGE = auto()
    """What is attached exceeds the server's limit; without it the message is taken."""
    BAD_FORM = auto()
    """Discord does not take this request as it is."""
    TOKEN_DEAD = auto()
    """The interaction's token has ended; the bot's own still works."""


_BY_CODE: Final = {
    10003: ErrorAction.CHANNEL_GONE,
    10004: ErrorAction.CHANNEL_GONE,
    10008: ErrorAction.CARD_GONE,
    10015: ErrorAction.TOKEN_DEAD,
    10062: ErrorAction.TOKEN_DEAD,
    30046: ErrorAction.RETRY,
    40005: ErrorAction.TOO_LARGE,
    50001: ErrorAction.PAUSE,
    50006: ErrorAction.BAD_FORM,
    50013: ErrorAction.PAUSE,
    50027: ErrorAction.TOKEN_DEAD,
    50035: ErrorAction.BAD_FORM,
    50083: ErrorAction.ARCHIVED,
    160002: ErrorAction.NO_REPLY,
    160005: ErrorAction.PAUSE,
}
NOT_THE_FILES: Final = {10003, 10004, 10008, 50001, 50083, 160002, 160005}
"""Codes that say something of the channel, the thread or the card: without files the answer is the same."""
LOCKED: Final = 160005
_BAD_FORM: Final = 50035
_REFUSALS: Final = frozenset({401, 403, 404})


def error_action(error: BaseException) -> ErrorAction:
    """Return what to do about an error of a request to Discord."""
    if not isinstance(error, discord.HTTPException):
        return ErrorAction.RETRY
    if error.code == _BAD_FORM and "message_reference" in error.text:
        return ErrorAction.NO_REPLY
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    if error.status == 413:  # noqa: PLR2004
        return ErrorAction.TOO_LARGE
    if 400 <= error.status < 500 and error.status not in {*_REFUSALS, 408, 429}:  # noqa: PLR2004
        return ErrorAction.BAD_FORM
    return ErrorAction.RETRY


def is_refusal(error: BaseException) -> bool:
    """Tell whether Discord said no, rather than nothing: every such try costs something."""
    return isinstance(error, discord.HTTPException) and error.status in _REFUSALS


def certainly_unsent(error: BaseException) -> bool:
    """Tell whether a message is certainly not in its channel: Discord, or what stands before it, said no.

    After a 5xx, a timeout or a lost connection it may be there.
    """
    if isinstance(error, discord.HTTPException):
        return 400 <= error.status < 500 and error.status != 408  # noqa: PLR2004
    return isinstance(error, discord.RateLimited)


def may_be_the_files(error: Exception) -> bool:
    """Tell whether a message may have been refused for its files alone.

    Attach Files is missing (403/50013), they are too large, what they show is unwanted (20009), or uploads
    are limited in the server (a 403 with a code of its own, discord-api-docs#7796).
    """
    if not isinstance(error, discord.HTTPException):
        return False
    if error.status == 403:  # noqa: PLR2004
        return error.code not in {0, 50001, 160005}  # of Discord's edge, or about the channel
    return error.status == 413 or error.code in {20009, 40005}  # noqa: PLR2004


def retry_delay(error: BaseException, tries: int) -> float:
    """Return the seconds to wait before trying again for the `tries`-th time."""
    if isinstance(error, discord.RateLimited):
        return max(1.0, min(error.retry_after, LONGEST_LIMIT))
    if isinstance(error, discord.HTTPException):
        if error.status == 429:  # noqa: PLR2004
            return max(BANNED_DELAY, exponential_backoff(tries, FIRST_DELAY, LONGEST_DELAY))
        if 400 <= error.status < 500:  # noqa: PLR2004
            return exponential_backoff(tries, FIRST_DELAY, LONGEST_REFUSED_DELAY)
    return exponential_backoff(tries, FIRST_DELAY, LONGEST_DELAY)


def access_delay(tries: int) -> float:
    """Return the seconds to wait before the `tries`-th try to send to a channel without access."""
    return ACCESS_DELAYS[min(max(tries, 1), len(ACCESS_DELAYS)) - 1]


def describe(error: BaseException) -> str:
    """Return an error for the log: what Discord said in numbers, never a request or a token."""
    if isinstance(error, discord.HTTPException):
        return f"{error.status} code {error.code}"
    if isinstance(error, discord.RateLimited):
        return f"limited for {error.retry_after:.0f} s"
    if isinstance(error, aiohttp.ClientError | OSError | TimeoutError):
        return f"no answer ({type(error).__name__})"
    return type(error).__name__
