"""Where the bot works, and how many live watches a person and a server may have."""

from dataclasses import dataclass

from bot import answers
from bot.config import Settings
from bot.engine.tracker import Tracker
from bot.messages import say


@dataclass(frozen=True, slots=True)
class Limits:
    """The servers in which the bot works, and how many watches a person and a server may have."""

    allowed_guilds: frozenset[int] = frozenset()
    """Empty: every server, and direct messages too."""
    per_person: int = 25
    per_server: int = 250

    def allow(self, guild_id: int | None) -> bool:
        """Return whether the bot works in a server; None is a direct message."""
        return not self.allowed_guilds or guild_id in self.allowed_guilds

    def admit(
        self, tracker: Tracker, guild_id: int, user_id: int, count: int, language: str, *, stored: int = 0
    ) -> tuple[int, str]:
        """Return how many of `count` more watches are allowed, and why not all of them ("" if all are).

        `stored` are the person's live watches as the store has counted them, in all processes.
        """
        mine, here = tracker.registry.counted(guild_id=guild_id, starter_id=user_id)
        mine = max(mine, stored)
        if mine + count > self.per_person and self.per_person - mine <= self.per_server - here:
            why = say(language, answers.PERSON_IS_FULL, count=mine, limit=self.per_person)
            return max(0, self.per_person - mine), why
        if here + count > self.per_server:
            why = say(language, answers.SERVER_IS_FULL, count=here, limit=self.per_server)
            return max(0, self.per_server - here), why
        return count, ""


def limits_of(settings: Settings) -> Limits:
    return Limits(settings.allowed_guild_ids, settings.watches_per_person, settings.watches_per_server)
