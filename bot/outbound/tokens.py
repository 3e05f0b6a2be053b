"""The tokens of commands: a card is edited by the token of the command that began it, while Discord takes it.

Such edits count towards no limit of the bot's. But each refused one counts towards a ban, and at times
Discord's edge refuses them all. So several refusals in a row end the use of all tokens for a while.
"""

import logging
from dataclasses import dataclass
from typing import Final

from bot.clock import Clock

log = logging.getLogger(__name__)

TOKEN_SECONDS: Final = 14 * 60.0
"""How long a token is used; Discord lets it live for 15 minutes."""
REFUSED_IN_A_ROW: Final = 10
PAUSE_SECONDS: Final = 600.0
"""How long no token is used after so many refusals in a row."""


@dataclass(frozen=True, slots=True)
class Token:
    """The token of a command, which may be used until a time."""

    application_id: int
    token: str
    until: float


class Tokens:
    """The tokens by message."""

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._tokens: Final[dict[int, Token]] = {}
        """The oldest first."""
        self._refused = 0
        self._paused_until = 0.0

    def lend(self, message_id: int, application_id: int, token: str) -> None:
        """Use a command's token for its card while it is valid."""
        now = self._clock()
        self._tokens.pop(message_id, None)
        while self._tokens and (oldest := next(iter(self._tokens.items())))[1].until <= now:
            del self._tokens[oldest[0]]
        self._tokens[message_id] = Token(application_id, token, now + TOKEN_SECONDS)

    def of(self, message_id: int) -> Token | None:
        """Return the token to use for a message, if there is one."""
        now, token = self._clock(), self._tokens.get(message_id)
        return token if token is not None and token.until > now >= self._paused_until else None

    def drop(self, message_id: int) -> None:
        """Use a message's token no more."""
        self._tokens.pop(message_id, None)

    def refused(self, message_id: int) -> None:
        """Drop a token that Discord refused; after many in a row, use none for a while."""
        self.drop(message_id)
        self._refused += 1
        if self._refused == REFUSED_IN_A_ROW:
            log.warning("Discord refuses the tokens of commands, using the bot's own for a while")
            self._paused_until = self._clock() + PAUSE_SECONDS
            self._refused = 0

    def accepted(self) -> None:
        """Forget earlier refusals."""
        self._refused = 0
