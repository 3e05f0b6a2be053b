"""Autocomplete of the `id` option: tasks watched recently in channels that the user may see.

It runs on every keystroke, so it reads only memory and the store, never the task API.
"""

import asyncio
import logging
from typing import Final

import discord
from discord import app_commands

from bot import messages
from bot.cards.render_parts import ENDING_STYLES, STATE_STYLES
from bot.clock import Clock
from bot.commands.limits import Limits
from bot.commands.response_requests import RequestFailed
from bot.commands.turns import NewestFirst, TooLate, Turn
from bot.core.characters import shortened, visible
from bot.core.names import row_name
from bot.core.observed import UNOBSERVED
from bot.core.task import Task
from bot.core.task_ids import read_task_ids, start_of_last, without_surroundings
from bot.core.watch import Watch
from bot.engine.tracker import Tracker
from bot.messages import language_for, say
from bot.outbound.discord_errors import describe
from bot.outbound.permissions import may_see
from bot.store.recent import Recent

log = logging.getLogger(__name__)

Choice = app_commands.Choice[str]

CHOICES_LIMIT: Final = 25
LENGTH_LIMIT: Final = 100
"""Characters of a label and of a value (Discord's own limits, both)."""
RECENTLY: Final = 7 * 24 * 3600.0
"""How long a task is offered after it has ended."""


class NotAnswered(Exception):
    """An autocomplete was too late or refused. The next keystroke asks again; discord.py logs this."""


class Autocomplete:
    """Completes ids. A failure is logged, and nothing is offered."""

    def __init__(
        self, tracker: Tracker, recent: Recent, limits: Limits, turns: NewestFirst, clock: Clock
    ) -> None:
        self._tracker: Final = tracker
        self._recent: Final = recent
        self._limits: Final = limits
        self._turns: Final = turns
        self._clock: Final = clock

    async def one(self, interaction: discord.Interaction, typed: str) -> list[Choice]:
        """Offer tasks for a command that takes one id."""
        return await self._respond(interaction, "", typed)

    async def several(self, interaction: discord.Interaction, typed: str) -> list[Choice]:
        """Offer tasks for the last of several ids; the text before it stays."""
        start = start_of_last(typed)
        return await self._respond(interaction, typed[:start], typed[start:])

    async def stoppable(self, interaction: discord.Interaction, typed: str) -> list[Choice]:
        """Offer the tasks watched in this channel."""
        return await self._respond(interaction, "", typed, here_only=True)

    async def _respond(
        self, interaction: discord.Interaction, before: str, part: str, *, here_only: bool = False
    ) -> list[Choice]:
        """Send the choices. Returns an empty list, which discord.py ignores after a response.

        Raises:
            NotAnswered: the deadline has passed, or Discord refused the response.
        """
        turn = Turn(self._turns)
        try:
            await turn.take()
            async with asyncio.timeout_at(turn.deadline):
                choices = await self._choices(interaction, before, part, here_only=here_only)
                await interaction.response.autocomplete(choices)
        except (TimeoutError, TooLate):
            raise NotAnswered("too late") from None
        except RequestFailed as error:
            raise NotAnswered(describe(error)) from None
        finally:
            turn.give_back()
        return []

    async def _choices(
        self, interaction: discord.Interaction, before: str, part: str, *, here_only: bool
    ) -> list[Choice]:
        guild_id = interaction.guild_id
        language = language_for(interaction.locale.value)
        if guild_id is None or not self._limits.allow(guild_id):
            return []
        name, part = visible(before + part), without_surroundings(part)
        if len(before) + len(part) > LENGTH_LIMIT:
            return []  # no value would fit
        try:
            found = await self._found(interaction, guild_id, part, name, here_only=here_only)
        except Exception:
            log.exception("could not complete an id")
            return []
        if before and (named := [watch for watch in found if _contains(watch.name, name)]):
            found, before = named, ""  # the text is several words of a name, not several ids
        typed = {*read_task_ids(before).task_ids}
        now, observed = self._clock(), self._tracker.registry.observed
        choices: dict[str, Choice] = {}
        for watch in found:
            value = before + watch.task_id
            if value not in choices and watch.task_id not in typed and len(value) <= LENGTH_LIMIT:
                task = observed.get(watch.task_id, UNOBSERVED).task
                choices[value] = Choice(name=label(watch, task, now, language), value=value)
        return list(choices.values())[:CHOICES_LIMIT]

    async def _found(
        self, interaction: discord.Interaction, guild_id: int, part: str, name: str, *, here_only: bool
    ) -> list[Watch]:
        """Return the watches whose id or name contains `part`; ended ones named `name` come first."""
        live = [
            watch
            for state in self._tracker.registry.of_guild(guild_id)
            if not here_only or state.card.channel_id == interaction.channel_id
            if may_see(interaction, state.card.channel_id)
            for watch in state.live
            if _contains(watch.task_id, part) or _contains(watch.name, part)
        ]
        if here_only or len({watch.task_id for watch in live}) >= CHOICES_LIMIT:
            return live
        channels = [c for c in await self._recent.channels(guild_id) if may_see(interaction, c)]
        since = self._clock() - RECENTLY
        # Twice the limit, because some of them are being watched again or are typed already.
        return [*live, *await self._recent.ended(channels, part, since, 2 * CHOICES_LIMIT, name=name)]


def label(watch: Watch, task: Task | None, now: float, language: str) -> str:
    """Return one line of plain text: the watch's name, as much of its id as fits, its state and progress.

    A watch without a name shows its age instead. `task` is what the last poll returned.
    """
    since = watch.outcome.at if watch.outcome is not None else watch.started_at
    name = f"{row_name(watch.name)} · " if watch.name else ""
    age = "" if watch.name else f" · {_age(now - since, language)}"
    state = f" · {_state(watch, task, language)}{age}"
    return f"{name}{shortened(watch.task_id, LENGTH_LIMIT - len(name) - len(state))}{state}"


def _contains(text: str, part: str) -> bool:
    return part.lower() in text.lower()


def _state(watch: Watch, task: Task | None, language: str) -> str:
    if watch.outcome is not None:
        return say(language, ENDING_STYLES[watch.outcome.ending][1]) if watch.outcome.ending.shown else "–"
    if task is None:
        return say(language, messages.NO_ANSWER_YET)
    _, sentence = STATE_STYLES[task.state]
    state = say(language, sentence, state=visible(task.state_text)[:20])
    return f"{state} {task.progress} %" if task.progress else state


def _age(seconds: float, language: str) -> str:
    minutes = int(max(0.0, seconds) // 60)
    if minutes < 1:
        return say(language, messages.AGE_NOW)
    if minutes < 60:  # noqa: PLR2004
        return say(language, messages.AGE_MINUTES, count=minutes)
    hours = minutes // 60
    if hours < 24:  # noqa: PLR2004
        return say(language, messages.AGE_HOURS, count=hours)
    return say(language, messages.AGE_DAYS, count=hours // 24)
