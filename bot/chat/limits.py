"""Where the bot works, and how much it watches for one person and one server."""

from dataclasses import dataclass

from bot import words
from bot.board import Board
from bot.words import say


@dataclass(frozen=True, slots=True)
class Limits:
    """The operator's limits. No allowed servers means all of them, and direct messages too."""

    allowed_guilds: frozenset[int] = frozenset()
    per_person: int = 25
    per_server: int = 250

    def refuse_place(self, guild_id: int | None, language: str) -> str | None:
        """Return why the bot does not work in a server (None: a direct message), or None if it does."""
        if not self.allowed_guilds or guild_id in self.allowed_guilds:
            return None
        return say(language, words.NOT_ALLOWED_HERE)

    def refuse_watch(self, board: Board, guild_id: int, user_id: int, language: str) -> str | None:
        """Return why one more watch would be too many, or None if it would not."""
        mine, here = board.live_watches(guild_id=guild_id, starter_id=user_id)
        if mine >= self.per_person:
            return say(language, words.PERSON_IS_FULL, count=mine, limit=self.per_person)
        if here >= self.per_server:
            return say(language, words.SERVER_IS_FULL, count=here, limit=self.per_server)
        return None
