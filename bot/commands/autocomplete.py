"""What the option `id` completes to: tasks watched lately in channels that the asker may see.

It answers from memory and the store alone, at every key that somebody presses; the task API is never asked.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

import discord
from discord import app_commands

from bot import messages
from bot.cards.render_parts import ENDING_STYLES, STATE_STYLES
from bot.clock import Clock
from bot.commands.limits import Limits
from bot.commands.response_requests import RequestFailed
from bot.commands.turns import NewestFirst, TooLate, Turn
from bot.core.characters import visible
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
LATELY: Final = 7 * 24 * 3600.0
"""Seconds after its end for which a task is offered."""


class NotAnswered(Exception):
    """An autocompletion was given up, or not taken; the next key asks again. discord.py's tree logs it."""


class Autocomplete:
    """Completes ids. Whatever fails is logged, and nothing is offered."""

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
        return await self._answer(interaction, "", typed)

    async def several(self, interaction: discord.Interaction, typed: str) -> list[Choice]:
        """Offer tasks for the last of several ids; what was typed before it stays."""
        start = start_of_last(typed)
        return await self._answer(interaction, typed[:start], typed[start:])

    async def stoppable(self, interaction: discord.Interaction, typed: str) -> list[Choice]:
        """Offer what is watched in this very channel."""
        return await self._answer(interaction, "", typed, here_only=True)

    async def _answer(
        self, interaction: discord.Interaction, before: str, part: str, *, here_only: bool = False
    ) -> list[Choice]:
        """Respond with what is offered; the list that is returned tells discord.py nothing any more.

        Raises:
            NotAnswered: it is too late, or Discord did not take it.
        """
        turn = Turn(self._turns)
        try:
            await turn.take()
            async with asyncio.timeout_at(turn.deadline):
                await _respond(
                    interaction, await self._offered(interaction, before, part, here_only=here_only)
                )
        except (TimeoutError, TooLate):
            raise NotAnswered("too late") from None
        finally:
            turn.give_back()
        return []

    async def _offered(
        self, interaction: discord.Interaction, before: str, part: str, *, here_only: bool
    ) -> list[Choice]:
        guild_id = interaction.guild_id
        language = language_for(interaction.locale.value)
        if guild_id is None or self._limits.refuse_place(guild_id, language) is not None:
            return []
        contains = without_surroundings(part)
        if len(before) + len(contains) > LENGTH_LIMIT:
            return []  # no value would fit
        try:
            found = await self._found(interaction, guild_id, contains, here_only=here_only)
        except Exception:
            log.exception("an id could not be completed")
            return []
        typed = {*read_task_ids(before).task_ids}
        now, observed = self._clock(), self._tracker.registry.observed
        choices: dict[str, Choice] = {}
        for watch in found:
            value = before + watch.task_id
            if watch.task_id not in typed and len(value) <= LENGTH_LIMIT:
                choices.setdefault(
                    watch.task_id,
                    Choice(
                        name=label(watch, observed.get(watch.task_id, UNOBSERVED).task, now, language),
                        value=value,
                    ),
                )
        return list(choices.values())[:CHOICES_LIMIT]

    async def _found(
        self, interaction: discord.Interaction, guild_id: int, part: str, *, here_only: bool
    ) -> Iterable[Watch]:
        live = [
            watch
            for state in self._tracker.registry.of_guild(guild_id)
            if not here_only or state.card.channel_id == interaction.channel_id
            if may_see(interaction, state.card.channel_id)
            for watch in state.watches
            if watch.outcome is None and part.lower() in watch.task_id.lower()
        ]
        if here_only or len({watch.task_id for watch in live}) >= CHOICES_LIMIT:
            return live
        channels = [c for c in await self._recent.channels(guild_id) if may_see(interaction, c)]
        since = self._clock() - LATELY
        # Those that are live again, or typed already, must not use up the room.
        return [*live, *await self._recent.ended(channels, part, since, 2 * CHOICES_LIMIT)]


async def _respond(interaction: discord.Interaction, choices: list[Choice]) -> None:
    try:
        await interaction.response.autocomplete(choices)
    except TimeoutError:
        raise
    except RequestFailed as error:
        raise NotAnswered(describe(error)) from None


def label(watch: Watch, task: Task | None, now: float, language: str) -> str:
    """Return a watch on one line of plain text: its id, as much as fits, its state, progress and age.

    `task` is the newest answer about its task.
    """
    told = f" · {_state(watch, task, language)} · {_age(now - _since(watch), language)}"
    room = LENGTH_LIMIT - len(told)
    shown = watch.task_id if len(watch.task_id) <= room else f"{watch.task_id[: room - 1]}…"
    return f"{shown}{told}"


def _since(watch: Watch) -> float:
    return watch.outcome.at if watch.outcome is not None else watch.started_at


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
