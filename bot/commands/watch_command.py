"""`/veo watch`, the message menu and *Watch again*: watch one or more tasks on one card in the channel.

Each id is handled by itself, so a bad one does not affect the others. A finished task's result is sent
immediately, the user joins the followers of a task that is already watched here, and the rest goes on a new
card. A private summary names the tasks that are not watched, and why.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import discord

from bot import answers
from bot.cards.render_parts import listed
from bot.cards.text import NAME_LIMIT, code, jump_link, named, packed, plain
from bot.commands.ended_renders import EndedRenders
from bot.commands.first_poll import FirstPoll
from bot.commands.limits import Limits
from bot.commands.message_text import tasks_of, tasks_of_ours
from bot.commands.response import Response
from bot.core.events import Observation
from bot.core.names import clean_name, numbered
from bot.core.task import Task
from bot.core.task_ids import LEFT_OUT_LENGTH, MOST_AT_ONCE, Found, read_task_ids
from bot.core.watch import CardState
from bot.engine.tracker import Tracker
from bot.engine.watch_service import WatchService
from bot.messages import say
from bot.outbound.permissions import why_no_card
from bot.outbound.rest import DiscordRest
from bot.store.errors import StoreError, TooManyWatches
from bot.store.recent import Recent
from bot.veo.errors import VeoError, as_event

log = logging.getLogger(__name__)

NAMED_AT_MOST: Final = 5


class Names(NamedTuple):
    """The names of the tasks to watch, by id, for those that have one."""

    by_task: Mapping[str, str]
    typed: bool = False
    """Whether the user typed them. A typed name also renames a watch that the same user started."""


class WatchCommand:
    """Begins watches for people."""

    def __init__(
        self,
        first_poll: FirstPoll,
        tracker: Tracker,
        watch_service: WatchService,
        rest: DiscordRest,
        limits: Limits,
        *,
        recent: Recent,
        renders: EndedRenders,
    ) -> None:
        self._first_poll: Final = first_poll
        self._tracker: Final = tracker
        self._watch_service: Final = watch_service
        self._rest: Final = rest
        self._limits: Final = limits
        self._recent: Final = recent
        self.renders: Final = renders
        self._beginning: Final = asyncio.Lock()
        """Held from checking the limits until the new watches are counted, so that none slip in between."""

    async def typed(self, response: Response, given: str, name: str = "") -> None:
        """Watch the ids that somebody typed: one, or several separated by spaces, commas or newlines.

        If there are several tasks, each gets the name with a number.
        """
        typed = read_task_ids(given)
        if not typed.task_ids:
            await response.send_private(say(response.language, answers.NOT_AN_ID))
            return
        name, several = clean_name(name), len(typed.task_ids) > 1
        names = {
            task_id: numbered(name, number) if several else name
            for number, task_id in enumerate(typed.task_ids, 1)
        }
        await self._watch(response, typed, Names(names, typed=True))

    async def found_in(self, response: Response, message: discord.Message) -> None:
        """Watch the tasks that a message names."""
        us = response.interaction.client.user
        found, names = await tasks_of(message, self._recent, us.id if us is not None else 0)
        if not found.task_ids:
            await response.send_private(say(response.language, answers.NO_TASKS_FOUND))
            return
        await self._watch(response, found, Names(names))

    async def again(self, response: Response) -> None:
        """Watch the tasks that our own message with the pressed button names."""
        message = response.interaction.message
        task_ids, names = ((), {}) if message is None else await tasks_of_ours(message, self._recent)
        if not task_ids:
            await response.send_private(say(response.language, answers.CARD_IS_OVER))
            return
        await self._watch(response, Found(task_ids), Names(names))

    async def _watch(self, response: Response, found: Found, names: Names) -> None:
        language, task_ids = response.language, found.task_ids
        if refusal := why_no_card(response.interaction, language, named(task_ids[:MOST_AT_ONCE])):
            await response.send_private(refusal)
            return
        summary: list[str] = []
        if found.left_out:
            summary.append(left_out(language, found.left_out))
        if surplus := task_ids[MOST_AT_ONCE:]:
            why = say(language, answers.TOO_MANY_IDS, limit=MOST_AT_ONCE)
            summary.append(_not_watched(language, why, surplus))
        new = await self._join_or_admit(response, task_ids[:MOST_AT_ONCE], names, summary)
        polled = await self._first_poll.of(response, new)
        ended: list[Task] = []
        live: dict[str, Observation] = {}
        for task_id, task in polled.items():
            if isinstance(task, VeoError):
                live[task_id] = as_event(task)  # still watched: the API may answer later
            elif task.is_terminal:
                ended.append(task)
            else:
                live[task_id] = task
        watched = bool(live) and await self._begin(response, live, names, summary)
        if ended:
            named_tasks = [(task, names.by_task.get(task.id, "")) for task in ended]
            await self.renders.answer(response, named_tasks, follow_up=watched)
        for text in packed(summary):
            await response.send_private(text)

    async def _begin(
        self, response: Response, polled: Mapping[str, Observation], names: Names, summary: list[str]
    ) -> bool:
        """Make the placeholder a card of the tasks still to be watched; return whether there is one."""
        message_id = await response.placeholder(list(polled))
        interaction = response.interaction
        async with self._beginning:
            # Checked again: meanwhile others may have watched the same task or used up the limit.
            new = await self._join_or_admit(response, list(polled), names, summary)
            while new:
                self._rest.tokens.lend(message_id, interaction.application_id, interaction.token)
                try:
                    await self._watch_service.begin(
                        guild_id=interaction.guild_id or 0,
                        channel_id=interaction.channel_id or 0,
                        message_id=message_id,
                        starter_id=interaction.user.id,
                        language=response.channel_language,
                        observations={task_id: polled[task_id] for task_id in new},
                        names=names.by_task,
                        per_person=self._limits.per_person,
                    )
                except TooManyWatches as error:  # another process has begun some of them
                    new = self._admit(response, new, summary, error.count)
                except StoreError as error:
                    about = {"tasks": list(new), "reason": str(error)}
                    log.error("could not save watches", extra=about)  # noqa: TRY400
                    summary.append(say(response.language, answers.NOT_SAVED, tasks=named(new)))
                    return False
                else:
                    response.keep()
                    return True
        return False

    async def _join_or_admit(
        self, response: Response, task_ids: Sequence[str], names: Names, summary: list[str]
    ) -> list[str]:
        """Follow the tasks that are watched here already; return those of the rest that the limits allow."""
        interaction = response.interaction
        new: list[str] = []
        for task_id in task_ids:
            state = await self._watch_service.join(
                interaction.channel_id or 0,
                task_id,
                interaction.user.id,
                names.by_task.get(task_id, "") if names.typed else "",
            )
            if state is None:
                new.append(task_id)
            else:
                summary.append(_already_watched(response, state, task_id))
        return self._admit(response, new, summary)

    def _admit(self, response: Response, new: list[str], summary: list[str], stored: int = 0) -> list[str]:
        """Return those of the tasks that the limits allow."""
        allowed, why = self._limits.admit(
            self._tracker,
            response.interaction.guild_id or 0,
            response.interaction.user.id,
            len(new),
            response.language,
            stored=stored,
        )
        if why:
            summary.append(_not_watched(response.language, why, new[allowed:]))
        return new[:allowed]


def left_out(language: str, beginnings: Sequence[str]) -> str:
    """Return the sentence that names the words that are not ids."""
    names = [code(beginning, LEFT_OUT_LENGTH + 2) for beginning in beginnings]
    return say(language, answers.NOT_IDS, names=listed(language, names, NAMED_AT_MOST))


def _already_watched(response: Response, state: CardState, task_id: str) -> str:
    language = response.language
    link = jump_link(state.card.guild_id, state.card.channel_id, state.card.message_id)
    name = "".join(plain(watch.name, NAME_LIMIT) for watch in state.live if watch.task_id == task_id)
    sentence = answers.ALREADY_WATCHED_AS if name else answers.ALREADY_WATCHED
    # Whoever follows all of a card with several tasks is not pinged by each of its results.
    once = state.card.batch and response.interaction.user.id in state.followers
    promise = say(language, answers.WILL_NOTIFY_ONCE if once else answers.WILL_NOTIFY)
    return say(language, sentence, task=task_id, name=name, link=link, promise=promise)


def _not_watched(language: str, why: str, task_ids: Sequence[str]) -> str:
    tasks = listed(language, [f"`{task_id}`" for task_id in task_ids], NAMED_AT_MOST)
    return f"{why} {say(language, answers.NOT_WATCHED, tasks=tasks)}"
