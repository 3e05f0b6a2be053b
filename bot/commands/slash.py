"""What the slash commands do: answer in time, call, render, respond."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

import discord

from bot import messages
from bot.cards.buttons import Action, CardButton
from bot.cards.results import answer_messages
from bot.cards.text import mention, named
from bot.commands.first_poll import FirstPoll
from bot.commands.limits import Limits
from bot.commands.listing import Listing
from bot.commands.message_text import tasks_of_ours
from bot.commands.placeholders import PlaceholderKeeper
from bot.commands.response import Response, ResponseFailed
from bot.commands.sentences import describe
from bot.commands.turns import NewestFirst, TooLate, Turn
from bot.commands.watch_command import WatchCommand, left_out
from bot.core.card import CardState
from bot.core.task_ids import MOST_AT_ONCE, Found, read_task_id
from bot.engine.tracker import Tracker
from bot.messages import say
from bot.store.errors import StoreFailed
from bot.store.recent import Recent
from bot.veo.errors import VeoError

log = logging.getLogger(__name__)

REMEMBERED: Final = 10_000
"""Interactions that are known if they come again; Discord repeats one within seconds."""


class Commands:
    """Answers every interaction that it is given, whatever happens."""

    def __init__(
        self,
        first_poll: FirstPoll,
        tracker: Tracker,
        watch: WatchCommand,
        listing: Listing,
        limits: Limits,
        *,
        recent: Recent,
        turns: NewestFirst,
        card_language: str,
        keeper: PlaceholderKeeper,
    ) -> None:
        self.watch: Final = watch
        self.listing: Final = listing
        self._first_poll: Final = first_poll
        self._tracker: Final = tracker
        self._limits: Final = limits
        self._recent: Final = recent
        self._turns: Final = turns
        self._card_language: Final = card_language
        self._keeper: Final = keeper
        self._under_way: set[asyncio.Task[object]] = set()
        self._closing = False
        self._answered: dict[int, None] = {}
        """The newest interactions by id, in the order of their coming."""

    async def status(self, response: Response, given: str) -> None:
        """Look at a task once and tell everybody; what could not be found out only the asker is told."""
        if (found := await self._one(response, given)) is None:
            return
        (task_id,) = found.task_ids
        seen = (await self._first_poll.at(response, [task_id]))[task_id]
        if isinstance(seen, VeoError):
            await response.send_private(describe(seen, response.language, task_id))
        else:
            await response.send_public(answer_messages(seen, response.channel_language))
        await _say_left_out(response, found)

    async def stop(self, response: Response, given: str) -> None:
        """End the watch of one task in this channel, for whoever may."""
        if (found := await self._one(response, given)) is None:
            return
        (task_id,) = found.task_ids
        state = self._tracker.registry.watching(response.interaction.channel_id or 0, task_id)
        if state is None:
            await response.send_private(say(response.language, messages.NOT_WATCHED_HERE, task=task_id))
            return
        await self._stop(response, state, task_id)
        await _say_left_out(response, found)

    async def press(self, interaction: discord.Interaction, action: Action, number: int) -> None:
        """Handle a press on a card's button."""
        message = interaction.message

        async def work(response: Response) -> None:
            state = self._tracker.registry.of_message(message.id) if message is not None else None
            if action is Action.AGAIN:
                await self.watch.again(response)
            elif action is Action.PAGE:
                # Never in the place of what everybody sees: a list is for whoever asked.
                private = message is not None and message.flags.ephemeral
                await self.listing.show(response, number, in_place=private)
            elif state is None or state.card.id != number:
                await self._offer_again(response)
            elif action is Action.STOP:
                await self._stop(response, state, None)
            else:
                await self._toggle(response, state)

        await self.run(interaction, work)

    async def _stop(self, response: Response, state: CardState, task_id: str | None) -> None:
        user = response.interaction.user
        if user.id != state.card.starter_id and not response.interaction.permissions.manage_messages:
            starter = mention(state.card.starter_id)
            await response.send_private(say(response.language, messages.MAY_NOT_STOP, starter=starter))
            return
        stopped = await self._tracker.stop(state.card.id, user.id, task_id)
        if stopped:
            await response.send_private(
                say(response.language, messages.STOPPED_FOR_YOU, tasks=named(stopped))
            )
        else:
            await self._offer_again(response)

    async def _toggle(self, response: Response, state: CardState) -> None:
        user_id = response.interaction.user.id
        following = user_id not in state.followers
        await self._tracker.follow(state.card.id, user_id, following=following)
        live = [watch.task_id for watch in state.watches if watch.outcome is None]
        if len(live) == 1:
            sentence = messages.NOW_FOLLOWING if following else messages.NO_LONGER_FOLLOWING
        else:
            sentence = messages.NOW_FOLLOWING_SEVERAL if following else messages.NO_LONGER_FOLLOWING_SEVERAL
        await response.send_private(say(response.language, sentence, tasks=named(live)))

    async def _offer_again(self, response: Response) -> None:
        """Tell that a card is followed no more, and how its tasks can be watched again."""
        message = response.interaction.message
        task_ids = () if message is None else (await tasks_of_ours(message, self._recent))[:MOST_AT_ONCE]
        if not task_ids:
            await response.send_private(say(response.language, messages.CARD_IS_OVER))
            return
        text = say(response.language, messages.CARD_IS_OVER_FOR, tasks=named(task_ids))
        view = discord.ui.View(timeout=None)
        view.add_item(CardButton(Action.AGAIN, 0, say(response.language, messages.WATCH_AGAIN)))
        await response.send_private(text, view)

    async def run(
        self,
        interaction: discord.Interaction,
        command: Callable[[Response], Awaitable[None]],
    ) -> None:
        """Run a command; what it did not foresee is logged under a reference that the asker is told."""
        if not self._is_new(interaction.id):
            log.debug("an interaction came again", extra={"interaction": interaction.id})
            return
        turn = Turn(self._turns)
        task = asyncio.current_task()
        if task is not None:
            self._under_way.add(task)
        try:
            await turn.take()
            await self._run(Response(interaction, self._card_language, turn, self._keeper), command)
        except TooLate:
            log.debug("an interaction was not answered in time", extra={"interaction": interaction.id})
        finally:
            turn.give_back()
            if task is not None:
                self._under_way.discard(task)

    async def _run(self, response: Response, command: Callable[[Response], Awaitable[None]]) -> None:
        interaction = response.interaction
        try:
            if self._closing:
                await response.send_private(say(response.language, messages.RESTARTING))
            elif refusal := self._limits.refuse_place(interaction.guild_id, response.language):
                await response.send_private(refusal)
            else:
                await command(response)
        except TooLate:
            raise
        except ResponseFailed as error:
            log.warning("a command could not be answered", extra={"refusal": str(error)})
            await response.delete_placeholder()
        except StoreFailed as error:
            log.error("a command could not be saved", extra={"reason": str(error)})  # noqa: TRY400
            await self._refuse(response, say(response.language, messages.NOT_STORED))
        except Exception:
            reference = secrets.token_hex(4)
            log.exception("a command failed", extra={"reference": reference})
            await self._refuse(response, say(response.language, messages.BROKEN, reference=reference))
        finally:
            await response.finish()

    async def _refuse(self, response: Response, sentence: str) -> None:
        try:
            await response.send_private(sentence)
        except ResponseFailed as error:
            log.warning("a command could not be answered", extra={"refusal": str(error)})

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

    async def _one(self, response: Response, given: str) -> Found | None:
        found = read_task_id(given)
        if not found.task_ids:
            await response.send_private(say(response.language, messages.NOT_AN_ID))
            return None
        return found


async def _say_left_out(response: Response, found: Found) -> None:
    if found.left_out:
        await response.send_private(left_out(response.language, found.left_out))
