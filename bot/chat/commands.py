"""What the slash commands do: answer in time, call, render, respond."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import discord

from bot import words
from bot.board import Board
from bot.chat.answer import Answer, Unanswerable
from bot.chat.buttons import Action
from bot.chat.limits import Limits
from bot.chat.places import why_no_card
from bot.chat.rest import DiscordRest
from bot.chat.results import answer_messages
from bot.chat.sentences import sentence_for
from bot.chat.text import mention
from bot.core.card import CardState
from bot.core.events import Seen
from bot.core.task import Task, read_task_id
from bot.poller import Look
from bot.store.errors import AlreadyWatched, StoreError
from bot.veo.errors import VeoError, as_event
from bot.watching import Watching
from bot.words import say

log = logging.getLogger(__name__)

FIRST_LOOK_SECONDS: Final = 1.5
"""How long the API may take to be in the first response; after that a line says that we are looking."""
REMEMBERED: Final = 1_000
"""Interactions that are known if they come again; Discord repeats one within seconds."""


class Commands:
    """Answers every interaction that it is given, whatever happens."""

    def __init__(
        self, look: Look, board: Board, watching: Watching, rest: DiscordRest, limits: Limits
    ) -> None:
        self._look: Final = look
        self._limits: Final = limits
        self._board: Final = board
        self._watching: Final = watching
        self._rest: Final = rest
        self._under_way: set[asyncio.Task[object]] = set()
        self._closing = False
        self._answered: dict[int, None] = {}
        """The newest interactions by id, in the order of their coming."""

    async def status(self, answer: Answer, given: str) -> None:
        """Look at a task once and tell everybody; what could not be found out only the asker is told."""
        if (task_id := await self._task_id(answer, given)) is None:
            return
        try:
            task = await self._look_in_time(answer, task_id)
        except VeoError as error:
            log.info("a look for a person failed", extra={"task": task_id, "reason": str(error)})
            await answer.refuse(say(answer.language, sentence_for(error), task=task_id))
            return
        await answer.tell(answer_messages(task, answer.channel_language))

    async def watch(self, answer: Answer, given: str) -> None:
        """Follow a task on a card in the channel, unless it has ended or is followed there already."""
        if (task_id := await self._task_id(answer, given)) is None:
            return
        if refusal := why_no_card(answer.interaction, answer.language, task_id):
            await answer.refuse(refusal)
            return
        if await self._join(answer, task_id):
            return
        interaction = answer.interaction
        if refusal := self._limits.refuse_watch(
            self._board, interaction.guild_id or 0, interaction.user.id, answer.language
        ):
            await answer.refuse(refusal)
            return
        seen: Seen
        try:
            seen = await self._look_in_time(answer, task_id)
        except VeoError as error:
            log.info(
                "a first look failed, watching all the same", extra={"task": task_id, "reason": str(error)}
            )
            seen = as_event(error)
        if isinstance(seen, Task) and seen.settled:
            await answer.tell(answer_messages(seen, answer.channel_language))
            return
        await self._begin(answer, task_id, seen)

    async def stop(self, answer: Answer, given: str) -> None:
        """End the watch of one task in this channel, for whoever may."""
        if (task_id := await self._task_id(answer, given)) is None:
            return
        state = self._board.card_watching(answer.interaction.channel_id or 0, task_id)
        if state is None:
            await answer.refuse(say(answer.language, words.NOT_WATCHED_HERE, task=task_id))
            return
        await self._stop(answer, state, task_id)

    async def press(self, interaction: discord.Interaction, action: Action, card_id: int) -> None:
        """Handle a press on a card's button."""
        message = interaction.message

        async def work(answer: Answer) -> None:
            state = self._board.card_of_message(message.id) if message is not None else None
            if state is None or state.card.id != card_id:
                await answer.refuse(say(answer.language, words.CARD_IS_OVER))
            elif action is Action.STOP:
                await self._stop(answer, state, None)
            else:
                await self._toggle(answer, state)

        await self.run(interaction, work)

    async def _stop(self, answer: Answer, state: CardState, task_id: str | None) -> None:
        user = answer.interaction.user
        if user.id != state.card.starter_id and not answer.interaction.permissions.manage_messages:
            starter = mention(state.card.starter_id)
            await answer.refuse(say(answer.language, words.MAY_NOT_STOP, starter=starter))
            return
        stopped = await self._board.stop(state.card.id, user.id, task_id)
        sentence = words.STOPPED_FOR_YOU if stopped else words.CARD_IS_OVER
        await answer.refuse(say(answer.language, sentence, tasks=_named(stopped)))

    async def _toggle(self, answer: Answer, state: CardState) -> None:
        user_id = answer.interaction.user.id
        following = user_id not in state.followers
        await self._board.follow(state.card.id, user_id, following=following)
        sentence = words.NOW_FOLLOWING if following else words.NO_LONGER_FOLLOWING
        live = [watch.task_id for watch in state.watches if watch.outcome is None]
        await answer.refuse(say(answer.language, sentence, tasks=_named(live)))

    async def run(
        self,
        interaction: discord.Interaction,
        command: Callable[[Answer], Awaitable[None]],
    ) -> None:
        """Run a command; what it did not foresee is logged under a reference that the asker is told."""
        if not self._is_new(interaction.id):
            log.debug("an interaction came again", extra={"interaction": interaction.id})
            return
        answer = Answer(interaction)
        task = asyncio.current_task()
        if task is not None:
            self._under_way.add(task)
        try:
            if self._closing:
                await answer.refuse(say(answer.language, words.RESTARTING))
            elif refusal := self._limits.refuse_place(interaction.guild_id, answer.language):
                await answer.refuse(refusal)
            else:
                await command(answer)
        except Unanswerable as error:
            log.warning("a command could not be answered", extra={"refusal": str(error)})
            await answer.take_back()
        except Exception:
            reference = secrets.token_hex(4)
            log.exception("a command failed", extra={"reference": reference})
            try:
                await answer.refuse(say(answer.language, words.BROKEN, reference=reference))
            except Unanswerable as error:
                log.warning("a command could not be answered", extra={"refusal": str(error)})
        finally:
            if task is not None:
                self._under_way.discard(task)

    def _is_new(self, interaction_id: int) -> bool:
        """Tell whether an interaction comes for the first time: the gateway may bring one twice."""
        if interaction_id in self._answered:
            return False
        self._answered[interaction_id] = None
        if len(self._answered) > REMEMBERED:
            del self._answered[next(iter(self._answered))]
        return True

    async def close(self, seconds: float) -> None:
        """Take no new command, give those under way `seconds`."""
        self._closing = True
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)

    async def _task_id(self, answer: Answer, given: str) -> str | None:
        task_id = read_task_id(given)
        if task_id is None:
            await answer.refuse(say(answer.language, words.NOT_AN_ID))
        return task_id

    async def _look_in_time(self, answer: Answer, task_id: str) -> Task:
        """Look at a task; if that takes longer than a first response may, say that we are looking."""
        look = asyncio.ensure_future(self._look(task_id))
        try:
            await asyncio.wait({look}, timeout=FIRST_LOOK_SECONDS)
            if not look.done():
                await answer.line(say(answer.channel_language, words.LOOKING, task=task_id))
            return await look
        finally:
            look.cancel()

    async def _begin(self, answer: Answer, task_id: str, seen: Seen) -> None:
        message_id = await answer.line(say(answer.channel_language, words.LOOKING, task=task_id))
        interaction = answer.interaction
        self._rest.lend_token(message_id, interaction.application_id, interaction.token)
        try:
            await self._watching.begin(
                guild_id=interaction.guild_id or 0,
                channel_id=interaction.channel_id or 0,
                message_id=message_id,
                starter_id=interaction.user.id,
                language=answer.channel_language,
                task_id=task_id,
                seen=seen,
            )
        except AlreadyWatched:  # by somebody who asked at the same moment
            if not await self._join(answer, task_id):
                await answer.refuse(say(answer.language, words.NOT_SAVED, task=task_id))
        except StoreError:
            log.exception("a watch could not be saved", extra={"task": task_id})
            await answer.refuse(say(answer.language, words.NOT_SAVED, task=task_id))

    async def _join(self, answer: Answer, task_id: str) -> bool:
        """Make the asker a follower of the card that watches the task here; False if there is none."""
        interaction = answer.interaction
        state = await self._watching.join(interaction.channel_id or 0, task_id, interaction.user.id)
        if state is None:
            return False
        card = state.card
        link = f"https://discord.com/channels/{card.guild_id}/{card.channel_id}/{card.message_id}"
        await answer.refuse(say(answer.language, words.ALREADY_WATCHED, task=task_id, link=link))
        return True


def _named(task_ids: Sequence[str]) -> str:
    return ", ".join(f"`{task_id}`" for task_id in task_ids)
