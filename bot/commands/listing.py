"""`/veo list`: the live watches that the asker may see, newest first, a page at a time.

Each press of a button renders its page again; nothing is kept between two presses.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from bot import messages
from bot.cards.buttons import Action, Button
from bot.cards.cards import CardForm, layout
from bot.cards.render_parts import Style, headline
from bot.cards.task_row import TaskRow, task_row
from bot.cards.text import jump_link, name_and_id, relative
from bot.clock import Clock
from bot.commands.response import Response
from bot.core.card import Card
from bot.core.health import Health
from bot.core.names import row_name
from bot.core.observed import UNOBSERVED, Observed
from bot.core.policy import PollPolicy
from bot.core.watch import Watch
from bot.engine.breaker import CircuitBreaker
from bot.engine.tracker import Tracker
from bot.messages import say
from bot.outbound.permissions import may_see
from bot.store.errors import StoreFailed
from bot.store.recent import Recent

log = logging.getLogger(__name__)

LOST_SECONDS: Final = 24 * 3_600.0
"""How long the list shows a watch that ended because the bot lost access."""
PAGE_SIZE: Final = 8
"""Entries of the longest kind that fit one layout."""


class Listing:
    """Shows the list to the asker alone."""

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
        """`closed` returns the channels that are closed to the bot."""
        self._recent: Final = recent
        self._closed: Final = closed
        self._clock: Final = clock
        self._tracker: Final = tracker
        self._breaker: Final = breaker
        self._policy: Final = policy

    async def show(self, response: Response, page: int = 0, *, in_place: bool = False) -> None:
        """Show a page, counted from 0; `in_place` of the page whose button was pressed."""
        interaction = response.interaction
        if interaction.guild_id is None:
            await response.send_private(say(response.language, messages.NEEDS_SERVER))
            return
        cards = self._tracker.registry.of_guild(interaction.guild_id)
        entries = [(state.card, watch) for state in cards for watch in state.watches if watch.outcome is None]
        try:
            entries += await self._recent.lost(interaction.guild_id, self._clock() - LOST_SECONDS)
        except StoreFailed as error:
            log.warning("the list lacks what has ended", extra={"reason": str(error)})
        channels = {card.channel_id for card, _ in entries}
        visible = {channel_id for channel_id in channels if may_see(interaction, channel_id)}
        form = list_page(
            [entry for entry in entries if entry[0].channel_id in visible],
            self._tracker.registry.observed,
            response.language,
            self._breaker.health,
            self._policy,
            page=page,
            closed=self._closed(),
        )
        await response.show_layout(layout(form), in_place=in_place)


def list_page(
    entries: Sequence[tuple[Card, Watch]],
    observed: Mapping[str, Observed],
    language: str,
    health: Health,
    policy: PollPolicy,
    *,
    page: int = 0,
    closed: Collection[int] = (),
) -> CardForm:
    """Return a page of the list, the last one if there is no such page any more.

    Entries are live watches, then those that ended because the bot lost access; `closed` are the channels
    that are closed to the bot.
    """
    if not entries:
        return CardForm((say(language, messages.NOTHING_WATCHED),), Style.MOVING.colour)
    live = sum(watch.outcome is None for _, watch in entries)
    last = (len(entries) - 1) // PAGE_SIZE
    page = max(0, min(page, last))
    shown = entries[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
    texts = [f"### {say(language, messages.LIVE_WATCHES, count=live)}"]
    for card, watch in shown:
        about = replace(observed.get(watch.task_id, UNOBSERVED), expected_end=None)
        text = _entry(
            card, watch, task_row(watch, about, language, health, policy, message_limit=0), language
        )
        if watch.outcome is not None:
            text += f"\n-# {say(language, messages.ACCESS_WAS_LOST)}"
        elif card.channel_id in closed:
            text += f"\n-# {say(language, messages.CHANNEL_CLOSED)}"
        texts.append(text)
    if last:
        texts.append(f"-# {say(language, messages.PAGE, page=page + 1, pages=last + 1)}")
    turns = ((page - 1, "◀"), (page + 1, "▶"))
    buttons = tuple(Button(Action.PAGE, other, sign) for other, sign in turns if 0 <= other <= last)
    return CardForm(tuple(texts), Style.MOVING.colour, buttons)


def _entry(card: Card, watch: Watch, row: TaskRow, language: str) -> str:
    link = jump_link(card.guild_id, card.channel_id, card.message_id)
    facts = [
        f"<#{card.channel_id}>",
        relative(watch.started_at),
        f"[{say(language, messages.OPEN_CARD)}]({link})",
    ]
    if row.progress:
        facts.insert(0, row.progress)
    render = name_and_id(row_name(watch.name), watch.task_id)
    return f"{headline(row.style, row.title, render)}\n{' · '.join(facts)}"
