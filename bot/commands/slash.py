"""Runs the slash commands, which `bot.commands.tree` declares, and the buttons; handles their failures."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection
from typing import Final

import discord

from bot import answers
from bot.cards.buttons import Action, CardButton
from bot.cards.text import mention, named
from bot.clock import Clock
from bot.commands.autocomplete import Autocomplete
from bot.commands.ended_renders import EndedRenders
from bot.commands.first_poll import FirstPoll, error_message
from bot.commands.limits import limits_of
from bot.commands.listing import Listing
from bot.commands.message_text import tasks_of_ours
from bot.commands.placeholders import PlaceholderKeeper
from bot.commands.response import Response, ResponseFailed
from bot.commands.turns import NewestFirst, TooLate, Turn
from bot.commands.watch_command import WatchCommand, left_out
from bot.config import Settings
from bot.core.task_ids import MOST_AT_ONCE, read_task_id
from bot.core.watch import CardState
from bot.engine.poller import Poller
from bot.engine.tracker import Tracker
from bot.engine.watch_service import WatchService
from bot.messages import LANGUAGES, language_for, say
from bot.outbound.rest import DiscordRest
from bot.store.errors import StoreFailed
from bot.store.recent import Recent
from bot.veo.errors import VeoError

log = logging.getLogger(__name__)

REMEMBERED: Final = 10_000
"""Interactions that are recognised when they are repeated; Discord does so within seconds."""


class Commands:
    """Responds to every interaction, even if something fails."""

    def __init__(
        self,
        settings: Settings,
        tracker: Tracker,
        poller: Poller,
        *,
        watch_service: WatchService,
        rest: DiscordRest,
        recent: Recent,
        renders: EndedRenders,
        keeper: PlaceholderKeeper,
        clock: Clock,
        closed: Callable[[], Collection[int]],
    ) -> None:
        self._tracker: Final = tracker
        self._recent: Final = recent
        self._keeper: Final = keeper
        self._card_language: Final = settings.card_language
        self._limits: Final = limits_of(settings)
        self._turns: Final = NewestFirst()
        self._first_poll: Final = FirstPoll(poller)
        self.watch: Final = WatchCommand(
            self._first_poll, tracker, watch_service, rest, self._limits, recent=recent, renders=renders
        )
        self.listing: Final = Listing(
            tracker, poller.breaker, settings.poll_policy, recent=recent, closed=closed, clock=clock
        )
        self.autocomplete: Final = Autocomplete(tracker, recent, self._limits, self._turns, clock)
        self._under_way: Final = set[asyncio.Future[None]]()
        """One per running command, done when the command is."""
        self._closing = False
        self._answered: dict[int, None] = {}  # the ids of the newest interactions, oldest first

    async def status(self, response: Response, task_id: str) -> None:
        """Poll a task once and post its state publicly; errors are private."""
        task = (await self._first_poll.of(response, [task_id]))[task_id]
        if isinstance(task, VeoError):
            await response.send_private(error_message(task, response.language, task_id))
        else:
            await self.watch.renders.answer(response, [(task, "")])

    async def stop(self, response: Response, task_id: str) -> None:
        """End the watch of one task in this channel, if the user may do so."""
        state = self._tracker.registry.find_card(response.interaction.channel_id or 0, task_id)
        if state is None:
            await response.send_private(say(response.language, answers.NOT_WATCHED_HERE, task=task_id))
        else:
            await self._stop(response, state, task_id)

    async def press(self, interaction: discord.Interaction, action: Action, number: int) -> None:
        """Handle a press of a button; `number` comes from a client, so it is checked."""
        message = interaction.message

        async def work(response: Response) -> None:
            state = self._tracker.registry.of_message(message.id) if message is not None else None
            if action is Action.AGAIN:
                await self.watch.again(response)
            elif action is Action.PAGE:
                # A list is private, so it must never replace a public message.
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
            await response.send_private(say(response.language, answers.MAY_NOT_STOP, starter=starter))
            return
        stopped = await self._tracker.stop(state.card.id, user.id, task_id)
        if stopped:
            tasks = named(stopped, state.names)
            await response.send_private(say(response.language, answers.STOPPED_FOR_YOU, tasks=tasks))
        else:
            await self._offer_again(response)

    async def _toggle(self, response: Response, state: CardState) -> None:
        user_id = response.interaction.user.id
        following = user_id not in state.followers
        await self._tracker.follow(state.card.id, user_id, following=following)
        live = [watch.task_id for watch in state.live]
        on, off = answers.NOW_FOLLOWING, answers.NO_LONGER_FOLLOWING
        if len(live) > 1:
            on = answers.NOW_FOLLOWING_ALL if state.card.batch else answers.NOW_FOLLOWING_SEVERAL
            off = answers.NO_LONGER_FOLLOWING_SEVERAL
        sentence = on if following else off
        await response.send_private(say(response.language, sentence, tasks=named(live, state.names)))

    async def _offer_again(self, response: Response) -> None:
        """Say that the card has ended, and offer to watch its tasks again."""
        message = response.interaction.message
        task_ids = () if message is None else (await tasks_of_ours(message, self._recent))[0][:MOST_AT_ONCE]
        if not task_ids:
            await response.send_private(say(response.language, answers.CARD_IS_OVER))
            return
        text = say(response.language, answers.CARD_IS_OVER_FOR, tasks=named(task_ids))
        again = CardButton(Action.AGAIN, 0, say(response.language, answers.WATCH_AGAIN))
        await response.send_private(text, discord.ui.View(timeout=None).add_item(again))

    async def run_on_id(
        self,
        interaction: discord.Interaction,
        typed: str,
        command: Callable[[Response, str], Awaitable[None]],
    ) -> None:
        """Run a command on the one id that the user typed; then name the words that are not ids."""

        async def work(response: Response) -> None:
            found = read_task_id(typed)
            if not found.task_ids:
                await response.send_private(say(response.language, answers.NOT_AN_ID))
                return
            await command(response, found.task_ids[0])
            if found.left_out:
                await response.send_private(left_out(response.language, found.left_out))

        await self.run(interaction, work)

    async def run(
        self, interaction: discord.Interaction, command: Callable[[Response], Awaitable[None]]
    ) -> None:
        """Run a command. An unexpected error is logged with a reference that the user sees as well."""
        if not self._is_new(interaction.id):
            log.debug("skipped a repeated interaction", extra={"interaction": interaction.id})
            return
        turn = Turn(self._turns)
        language = channel_language(interaction, self._card_language)
        response = Response(interaction, language, turn, self._keeper)
        done = asyncio.get_running_loop().create_future()
        self._under_way.add(done)
        try:
            await self._run_in_turn(response, command)
        finally:
            turn.give_back()
            self._under_way.discard(done)
            done.set_result(None)

    async def _run_in_turn(self, response: Response, command: Callable[[Response], Awaitable[None]]) -> None:
        try:
            await response.turn.take()
            if sentence := await self._attempt(response, command):
                await response.send_private(sentence)
        except TooLate:
            log.debug("too late for an interaction", extra={"interaction": response.interaction.id})
        except ResponseFailed as error:
            log.warning("could not respond to a command", extra={"refusal": str(error)})
            await response.delete_placeholder()
        finally:
            await response.finish()

    async def _attempt(self, response: Response, command: Callable[[Response], Awaitable[None]]) -> str:
        """Run a command if that is allowed; return what to tell the user if it did not work, else ""."""
        if self._closing:
            return say(response.language, answers.RESTARTING)
        if not self._limits.allow(guild := response.interaction.guild_id):
            return say(response.language, answers.NOT_ALLOWED_HERE if guild else answers.NOT_ALLOWED_IN_DM)
        try:
            await command(response)
        except (TooLate, ResponseFailed):
            raise
        except StoreFailed as error:
            log.error("a command could not be saved", extra={"reason": str(error)})  # noqa: TRY400
            return say(response.language, answers.NOT_STORED)
        except Exception:
            reference = secrets.token_hex(4)
            log.exception("a command failed", extra={"reference": reference})
            return say(response.language, answers.COMMAND_FAILED, reference=reference)
        return ""

    def _is_new(self, interaction_id: int) -> bool:
        """Return whether an interaction is new: a RESUME may replay one."""
        if interaction_id in self._answered:
            return False
        self._answered[interaction_id] = None
        if len(self._answered) > REMEMBERED:
            del self._answered[next(iter(self._answered))]
        return True

    async def close(self, seconds: float) -> None:
        """Start no new commands; wait up to `seconds` for running ones."""
        self._closing = True
        self._first_poll.close()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)


def channel_language(interaction: discord.Interaction, card_language: str) -> str:
    """Return the operator's choice, else the language of a Community server, else the user's.

    Only Community servers can choose a language. A direct message is read only by the user.
    """
    if interaction.guild_id is not None and card_language in LANGUAGES:
        return card_language
    guild = interaction.guild
    if guild is not None and "COMMUNITY" in guild.features and interaction.guild_locale is not None:
        return language_for(interaction.guild_locale.value)
    return language_for(interaction.locale.value)
