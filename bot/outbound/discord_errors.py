"""What Discord's errors mean: the one table from an error code to an action.

    gone     10003, 10004, 10008: the channel, the server or the card no longer exists; 10008 only counts as
             the response to an edit of the card
    paused   50001, 50013, 160005: the bot has lost access, which people usually fix; the channel waits
    retried  everything else. Other 403s and 404s say nothing about the channel: Discord's edge servers return
             them for seconds to hours (discord-api-docs#6473). Nor do 5xx, 429 and lost responses

10003 and 10004 are believed only while the gateway reports the server as available (`bot.gateway.servers`):
during an outage of a server, requests to its channels return 10003 as well. `bot.outbound.failures` carries
the actions out. Every 401, 403 and 429 counts towards the 10,000 in ten minutes after which Discord bans an
address (`bot.gateway.traffic`).
"""

from enum import Enum, auto
from typing import Final

import aiohttp
import discord

from bot.core.backoff import exponential_backoff

FIRST_DELAY: Final = 2.0
LONGEST_DELAY: Final = 300.0
"""Longest delay in seconds between tries while Discord is down or slow."""
LONGEST_REFUSED_DELAY: Final = 3_600.0
"""Longest delay in seconds between tries of a request that Discord refuses."""
LONGEST_LIMIT: Final = 3_600.0
"""The longest rate limit, in seconds, that is believed; Discord's own are far shorter."""
BANNED_DELAY: Final = 60.0
"""Delay in seconds after a 429 that comes from a proxy in front of Discord, not from its rate limits."""
ACCESS_DELAYS: Final = (60.0, 300.0, 900.0, 1_800.0)
"""Delays in seconds between tries in a channel to which the bot has lost access; the last one repeats."""
ACCESS_SECONDS: Final = 24 * 3_600.0
"""After so many seconds without access, a channel's watches end."""


NOT_DISCORDS: Final = (TypeError, KeyError, ValueError, AttributeError)
"""What discord.py raises if a proxy responds instead of Discord, with a page or with unexpected JSON."""


class ErrorAction(Enum):
    """What to do about an error."""

    RETRY = auto()
    """A temporary failure, a lost response, or a refusal that says nothing about the channel."""
    CARD_GONE = auto()
    CHANNEL_GONE = auto()
    """The channel or its server does not exist, if the server is available."""
    PAUSE = auto()
    """The bot lost access to the channel, or the thread was locked: wait until people fix it."""
    ARCHIVED = auto()
    """Messages in an archived thread cannot be edited; a new message would reopen it."""
    NO_REPLY = auto()
    """The message cannot be a reply: without the channel's history, or because its target is gone."""
    TOO_LARGE = auto()
    """The files exceed the server's limit; the message can be sent without them."""
    BAD_FORM = auto()
    """Discord rejects the content of this request."""
    TOKEN_DEAD = auto()
    """The interaction's token has expired; the bot's own still works."""


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
"""Codes about the channel, the thread or the card: the response would be the same without files."""
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
    """Return whether Discord refused the request; refusals count towards a ban (`bot.gateway.traffic`)."""
    return isinstance(error, discord.HTTPException) and error.status in _REFUSALS


def certainly_unsent(error: BaseException) -> bool:
    """Return whether a message is certainly not in its channel because it was refused.

    After a 5xx, a timeout or a lost connection it may be there.
    """
    if isinstance(error, discord.HTTPException):
        return 400 <= error.status < 500 and error.status != 408  # noqa: PLR2004
    return isinstance(error, discord.RateLimited)


def may_be_the_files(error: Exception) -> bool:
    """Return whether a message may have been refused only because of its files.

    Attach Files is missing (403/50013), the files are too large, their content is unwanted (20009), or the
    server limits uploads (a 403 with another code, discord-api-docs#7796).
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
    """Return an error as text for the log: status and code, never a request or a token."""
    if isinstance(error, discord.HTTPException):
        return f"{error.status} code {error.code}"
    if isinstance(error, discord.RateLimited):
        return f"limited for {error.retry_after:.0f} s"
    if isinstance(error, aiohttp.ClientError | OSError | TimeoutError):
        return f"no answer ({type(error).__name__})"
    return type(error).__name__
