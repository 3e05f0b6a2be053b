"""Where the bot works, and how much it watches for one person and one server."""

from dataclasses import dataclass

from bot import messages
from bot.engine.tracker import Tracker
from bot.messages import say


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
        return say(language, messages.NOT_ALLOWED_HERE)

    def admit(
        self, tracker: Tracker, guild_id: int, user_id: int, wanted: int, language: str
    ) -> tuple[int, str | None]:
        """Return how many of `wanted` more watches there may be, and why not all of them."""
        mine, here = tracker.registry.counted(guild_id=guild_id, starter_id=user_id)
        if mine + wanted > self.per_person and self.per_person - mine <= self.per_server - here:
            why = say(language, messages.PERSON_IS_FULL, count=mine, limit=self.per_person)
            return max(0, self.per_person - mine), why
        if here + wanted > self.per_server:
            why = say(language, messages.SERVER_IS_FULL, count=here, limit=self.per_server)
            return max(0, self.per_server - here), why
        return wanted, None
