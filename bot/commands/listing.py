"""`/veo list`: the live and the recently ended watches that the user may see, newest first.

Each press of a button renders the page again; no state is kept between presses.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import discord

from bot import answers, messages
from bot.cards.buttons import Action, Button
from bot.cards.cards import CardForm
from bot.cards.render_parts import Style
from bot.cards.task_row import TaskRow, task_row
from bot.cards.text import jump_link, relative
from bot.clock import Clock
from bot.commands.response import Response
from bot.core.health import Health
from bot.core.observed import UNOBSERVED, Observed
from bot.core.outcome import Ending
from bot.core.policy import PollPolicy
from bot.core.watch import Listed
from bot.engine.breaker import CircuitBreaker
from bot.engine.tracker import Tracker
from bot.messages import say
from bot.outbound.permissions import may_see
from bot.store.errors import StoreFailed
from bot.store.recent import Recent

log = logging.getLogger(__name__)

ENDED_SECONDS: Final = 24 * 3_600.0
"""How long the list shows a watch that has ended."""
PAGE_SIZE: Final = 8
"""So many entries fit in one layout even if all are of the longest kind."""


class ListPage(NamedTuple):
    """One page of the watches that the user may see, and how many there are in all."""

    entries: Sequence[Listed]
    """The entries of this page, live ones first."""
    live: int
    ended: int
    page: int
    """Counted from 0."""

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(0, self.live + self.ended - 1) // PAGE_SIZE


class Listing:
    """Shows the list, visible only to the user who asked for it."""

    def __init__(
        self,
        tracker: Tracker,
        breaker: CircuitBreaker,
        policy: PollPolicy,
        *,
        recent: Recent,
        closed: Callable[[], Collection[int]],
        clock: Clock,
    ) -> None:
        """`closed` returns the channels where the bot cannot post."""
        self._recent: Final = recent
        self._closed: Final = closed
        self._clock: Final = clock
        self._tracker: Final = tracker
        self._breaker: Final = breaker
        self._policy: Final = policy

    async def show(self, response: Response, page: int = 0, *, in_place: bool = False) -> None:
        """Show a page, counted from 0; `in_place` replaces the page whose button was pressed."""
        interaction = response.interaction
        if interaction.guild_id is None:
            await response.send_private(say(response.language, answers.NEEDS_SERVER))
            return
        live = [
            Listed(state.card, watch)
            for state in self._tracker.registry.of_guild(interaction.guild_id)
            if may_see(interaction, state.card.channel_id)
            for watch in state.live
        ]
        try:
            shown = await self._page(interaction, interaction.guild_id, live, page)
        except StoreFailed as error:
            log.warning("could not read ended watches, listing live ones only", extra={"reason": str(error)})
            shown = _page_of(live, 0, page)
        form = list_page(
            shown,
            self._tracker.registry.observed,
            response.language,
            self._breaker.health,
            self._policy,
            closed=self._closed(),
        )
        await response.show_form(form, in_place=in_place)

    async def _page(
        self, interaction: discord.Interaction, guild_id: int, live: Sequence[Listed], page: int
    ) -> ListPage:
        """Return a page of live and ended watches.

        Raises:
            StoreFailed: the ended ones could not be read.
        """
        channels = [c for c in await self._recent.channels(guild_id) if may_see(interaction, c)]
        since = self._clock() - ENDED_SECONDS
        shown = _page_of(live, await self._recent.count_ended(channels, since), page)
        missing = PAGE_SIZE - len(shown.entries)
        offset = max(0, shown.page * PAGE_SIZE - len(live))
        ended = await self._recent.ended_page(channels, since, offset, missing) if missing else []
        return shown._replace(entries=[*shown.entries, *ended])


def _page_of(live: Sequence[Listed], ended: int, page: int) -> ListPage:
    """Return a page with only its live watches; the last page if that page no longer exists."""
    whole = ListPage(live, len(live), ended, page)
    page = max(0, min(page, whole.last))
    return whole._replace(entries=live[page * PAGE_SIZE : (page + 1) * PAGE_SIZE], page=page)


def list_page(
    shown: ListPage,
    observed: Mapping[str, Observed],
    language: str,
    health: Health,
    policy: PollPolicy,
    *,
    closed: Collection[int] = (),
) -> CardForm:
    """Return a page of the list as a layout; `closed` are the channels where the bot cannot post."""
    texts = [] if shown.live else [say(language, answers.NOTHING_WATCHED)]
    heading = ""
    for entry in shown.entries:
        if entry.watch.outcome is None:
            own = say(language, answers.LIVE_WATCHES, count=shown.live)
        else:
            own = say(language, answers.ENDED_LATELY, count=shown.ended)
        if own != heading:
            heading = own
            texts.append(f"### {heading}")
        about = replace(observed.get(entry.watch.task_id, UNOBSERVED), expected_end=None)
        row = task_row(entry.watch, about, language, health, policy, message_limit=0)
        texts.append(_entry(entry, row, language, closed))
    if shown.last:
        texts.append(f"-# {say(language, answers.PAGE, page=shown.page + 1, pages=shown.last + 1)}")
    turns = ((shown.page - 1, answers.PREVIOUS_PAGE), (shown.page + 1, answers.NEXT_PAGE))
    buttons = tuple(
        Button(Action.PAGE, other, say(language, label)) for other, label in turns if 0 <= other <= shown.last
    )
    return CardForm(tuple(texts), Style.MOVING.colour, buttons, separated=True)


def _entry(entry: Listed, row: TaskRow, language: str, closed: Collection[int]) -> str:
    card, watch, result_id = entry
    link = jump_link(card.guild_id, card.channel_id, result_id or card.message_id)
    opens = say(language, answers.OPEN_CARD if result_id is None else answers.OPEN_RESULT)
    when = relative(watch.started_at)
    note = say(language, answers.CHANNEL_CLOSED) if card.channel_id in closed else ""
    if watch.outcome is not None:
        when = say(language, messages.ENDED, when=relative(watch.outcome.at))
        lost = watch.outcome.ending is Ending.ACCESS_LOST
        note = say(language, answers.ACCESS_WAS_LOST) if lost else ""
    facts = (row.progress, f"<#{card.channel_id}>", when, f"[{opens}]({link})")
    lines = (row.headline, " · ".join(fact for fact in facts if fact), note and f"-# {note}")
    return "\n".join(line for line in lines if line)
