"""What a refusal of Discord means to us: one table from its answers to our reactions.

The codes are those of Discord's documentation. A 403 or a 404 is final: repeating one risks a ban of the
address (10,000 invalid answers in ten minutes).
"""

from enum import Enum, auto
from typing import Final

import aiohttp
import discord

LONGEST_PAUSE: Final = 300.0
"""Seconds between two tries of something that Discord cannot do right now."""
LONGEST_LIMIT: Final = 3_600.0
"""Seconds of a limit that are believed; Discord's own are far shorter."""
BANNED_PAUSE: Final = 60.0
"""Seconds of rest after a 429 that does not come from Discord's own limits but from what stands before it."""


class Reaction(Enum):
    """What to do about a refusal."""

    LATER = auto()
    """Discord cannot right now, or the answer was lost: try again after a pause."""
    CARD_GONE = auto()
    ACCESS_LOST = auto()
    """The channel is gone or closed to us, a locked thread included."""
    ARCHIVED = auto()
    """An archived thread takes no edits; a new message would reopen it."""
    NO_REPLY = auto()
    """A reply needs the channel's history, which we may not read; a plain message needs it not."""
    TOO_LARGE = auto()
    """What is attached exceeds the server's limit; without it the message is taken."""
    BAD_FORM = auto()
    """Discord will never take this request as it is."""
    TOKEN_DEAD = auto()
    """The interaction's token has ended; the bot's own still works."""


_BY_CODE: Final = {
    10003: Reaction.ACCESS_LOST,
    10008: Reaction.CARD_GONE,
    10015: Reaction.TOKEN_DEAD,
    10062: Reaction.TOKEN_DEAD,
    30046: Reaction.LATER,
    40005: Reaction.TOO_LARGE,
    50001: Reaction.ACCESS_LOST,
    50013: Reaction.ACCESS_LOST,
    50027: Reaction.TOKEN_DEAD,
    50083: Reaction.ARCHIVED,
    160002: Reaction.NO_REPLY,
    160005: Reaction.ACCESS_LOST,
}


def reaction(error: BaseException) -> Reaction:
    """Return what to do about an error of a request to Discord."""
    if not isinstance(error, discord.HTTPException):
        return Reaction.LATER
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    if error.status == 413:  # noqa: PLR2004
        return Reaction.TOO_LARGE
    if error.status in {403, 404}:
        return Reaction.ACCESS_LOST if _is_discords_own(error) else Reaction.LATER
    if error.status in {401, 429} or error.status >= 500 or error.status < 400:  # noqa: PLR2004
        return Reaction.LATER
    return Reaction.BAD_FORM


def _is_discords_own(error: discord.HTTPException) -> bool:
    """Tell Discord's word from that of a proxy before it, which says nothing about a channel."""
    return error.response.headers.get("Content-Type", "").startswith("application/json")


def pause(error: BaseException, tries: int) -> float:
    """Return the seconds to wait before trying again for the `tries`-th time."""
    if isinstance(error, discord.RateLimited):
        return max(1.0, min(error.retry_after, LONGEST_LIMIT))
    growing = min(LONGEST_PAUSE, 2.0 ** min(tries, 10))
    if isinstance(error, discord.HTTPException) and error.status == 429:  # noqa: PLR2004
        return max(BANNED_PAUSE, growing)
    return growing


def told(error: BaseException) -> str:
    """Return an error for the log: what Discord said in numbers, never a request or a token."""
    if isinstance(error, discord.HTTPException):
        return f"{error.status} code {error.code}"
    if isinstance(error, discord.RateLimited):
        return f"limited for {error.retry_after:.0f} s"
    if isinstance(error, aiohttp.ClientError | OSError | TimeoutError):
        return f"no answer ({type(error).__name__})"
    return type(error).__name__
