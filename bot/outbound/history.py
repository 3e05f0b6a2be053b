"""Searches a channel for a message that may have been sent before a crash, newest first, back to its intent.

A search may take several tries; each continues where the last one stopped. It ends as inconclusive after
`MOST_MESSAGES` messages or `MOST_SECONDS`, not counting the time in which Discord was down.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from typing import Final

from bot.core.watch import Card
from bot.outbound.discord_errors import ErrorAction, error_action, is_refusal
from bot.outbound.rest import DiscordRest, Found

MARGIN: Final = 120.0
"""The search goes back so many seconds further than the intent, because clocks differ."""
MOST_MESSAGES: Final = 2_000
MOST_SECONDS: Final = 600.0


class NotFound(Enum):
    """Why a search found nothing."""

    ABSENT = auto()
    """The message is not there."""
    INCONCLUSIVE = auto()
    """It may be there: too many messages since, or Discord returned too few or was too slow."""


@dataclass(slots=True)
class HistorySearch:
    """One search; `since` is Unix seconds by Discord's clock."""

    card: Card
    since: float
    before: int | None = None
    """The oldest message read so far."""
    read: int = 0
    began_at: float = inf
    """By the loop's clock."""

    async def run(self, rest: DiscordRest, is_it: Callable[[Found], Awaitable[bool]]) -> Found | NotFound:
        """Start or continue the search; return the newest message that matches, or why there is none.

        Raises:
            Exception: Discord did not answer; call again.
        """
        while True:
            now = asyncio.get_running_loop().time()
            self.began_at = min(self.began_at, now)
            if now - self.began_at >= MOST_SECONDS or self.read >= MOST_MESSAGES:
                return NotFound.INCONCLUSIVE
            try:
                page = await rest.history(self.card, self.before)
            except Exception as error:
                # While Discord is down or the channel is closed to the bot, nothing could be posted either,
                # so that time does not count. A search refused for an unknown reason must end.
                closed = error_action(error) in {ErrorAction.PAUSE, ErrorAction.CHANNEL_GONE}
                if closed or not is_refusal(error):
                    self.began_at = inf
                raise
            if not page.size and self.before is None:
                return NotFound.INCONCLUSIVE  # without Read Message History Discord shows an empty channel
            for ours in page.ours:
                if ours.at >= self.since and await is_it(ours):
                    return ours
            self.read += page.size
            self.before = page.oldest
            if page.is_last or page.oldest_at < self.since or page.oldest <= self.card.message_id:
                return NotFound.ABSENT
