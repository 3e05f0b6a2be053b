"""Every send and edit after an interaction is answered.

For each card it keeps the newest form that is wanted, not a queue of edits: the newest wins, and a card that
shows it already is not touched. One sender per channel, so that one channel's limits never hold up another.
Callers never wait: they say what should be seen, and go on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from bot.chat.cards import CardForm, card_form, plain_form
from bot.chat.delivery import Deliverer, Refused
from bot.chat.ledger import Ledger
from bot.chat.outbox import Outbox, Result, Wanted
from bot.chat.refusals import Reaction, pause, reaction, told
from bot.chat.rest import DiscordRest
from bot.clock import Alarm, Clock, Idle, idle
from bot.core.card import Card, CardState
from bot.core.events import AccessLost, CardDeleted
from bot.core.health import Health
from bot.core.pace import Pace
from bot.core.watch import Watch
from bot.store.store import Store

log = logging.getLogger(__name__)

FINAL_EDIT_SECONDS: Final = 2.0
"""How long a result waits for its card's final form."""
EDIT_SECONDS: Final = 30.0
"""How long an edit may take, discord.py's own waits for limits included."""
GRACE_SECONDS: Final = 1.0
"""How long an edit under way may hold up a result that came after it."""

LASTING: Final = 2
"""Tries from which a trouble with Discord is worth a line in the log; each further one is routine."""

Lost = Callable[[int, CardDeleted | AccessLost], Awaitable[None]]
"""Awaited with a card's id when Discord says that the card or its channel is gone."""
Prepare = Callable[[Card, Watch], Awaitable[None]]
"""Awaited before a result takes its turn in the channel: what takes long there holds up nobody else."""


async def prepare_nothing(_card: Card, _watch: Watch) -> None:
    """Results carry nothing that would have to be fetched first."""


class _Channel:
    """A channel's outbox and the task that empties it, which lives only while there is something in it."""

    def __init__(self, alarm: Alarm) -> None:
        self.outbox: Final = Outbox()
        self.alarm: Final = alarm
        self.sender: asyncio.Task[None] | None = None
        self.edit: asyncio.Timeout | None = None
        """The limit on the edit under way, to be shortened when a result comes."""


class Messenger:
    """Shows cards and announces results. `clock` is Unix time; `lost` must be set before the first call."""

    lost: Lost

    def __init__(
        self,
        store: Store,
        rest: DiscordRest,
        deliverer: Deliverer,
        pace: Pace,
        clock: Clock,
        *,
        idle: Idle = idle,
        prepare: Prepare = prepare_nothing,
    ) -> None:
        self._rest: Final = rest
        self._deliverer: Final = deliverer
        self._pace: Final = pace
        self._clock: Final = clock
        self._idle: Final = idle
        self._prepare: Final = prepare
        self._channels: dict[int, _Channel] = {}
        self._shown: dict[int, CardForm] = {}
        self._ledger: Final = Ledger(store)
        self._preparing: set[asyncio.Task[None]] = set()
        self._closing = False

    def show(self, state: CardState, health: Health) -> None:
        """Bring a card to the form of its state, some time soon."""
        self._want(state, health, set())

    def announce(self, state: CardState, watch: Watch, health: Health) -> None:
        """Bring a card to its form after this watch has ended, and tell its followers."""
        if watch.outcome is None:
            raise ValueError("only an ended watch can be announced")
        self._ledger.open(watch.id, told=not watch.outcome.ending.announced)
        if watch.outcome.ending.announced:
            channel = self._channel(state.card)
            channel.outbox.results[watch.id] = result = Result(state.card, watch)
            if channel.edit is not None:
                soon = asyncio.get_running_loop().time() + GRACE_SECONDS
                channel.edit.reschedule(min(soon, channel.edit.when() or soon))
            task = asyncio.create_task(self._make_ready(result, channel))
            self._preparing.add(task)
            task.add_done_callback(self._preparing.discard)
        self._want(state, health, {watch.id})

    async def close(self, seconds: float) -> None:
        """Send what can be sent within `seconds`, then stop; what is left is found in the store again."""
        self._closing = True
        senders = [channel.sender for channel in self._channels.values() if channel.sender is not None]
        for channel in self._channels.values():
            channel.alarm.ring()
        tasks = [*senders, *self._preparing]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _want(self, state: CardState, health: Health, ends: set[int]) -> None:
        form = card_form(state, health, self._pace)
        channel = self._channel(state.card)
        if ends or self._shown.get(state.card.id) != form or state.card.id in channel.outbox.wanted:
            channel.outbox.want(state.card, form, ends)
            self._wake(state.card.channel_id, channel)

    def _channel(self, card: Card) -> _Channel:
        return self._channels.setdefault(card.channel_id, _Channel(Alarm(self._idle)))

    def _wake(self, channel_id: int, channel: _Channel) -> None:
        channel.alarm.ring()
        if channel.sender is None and not self._closing:
            channel.sender = asyncio.create_task(self._send(channel_id, channel), name=f"sender {channel_id}")

    async def _make_ready(self, result: Result, channel: _Channel) -> None:
        try:
            await self._prepare(result.card, result.watch)
        except Exception:
            log.exception("a result goes without what should have come with it", extra=result.about)
        result.ready = True
        self._wake(result.card.channel_id, channel)

    async def _send(self, channel_id: int, channel: _Channel) -> None:
        outbox = channel.outbox
        while not outbox.empty:
            item = outbox.next(self._clock())
            if item is None:
                if self._closing:
                    return
                await channel.alarm.sleep(outbox.wait(self._clock()))
                continue
            try:
                if isinstance(item, Result):
                    await self._tell(item, channel)
                else:
                    await self._show(item, channel, EDIT_SECONDS)
            except Exception:
                log.exception("sending failed, trying again later", extra=item.about)
                self._put_off(item, RuntimeError())
        del self._channels[channel_id]

    async def _tell(self, result: Result, channel: _Channel) -> None:
        card, watch = result.card, result.watch
        wanted = channel.outbox.wanted.get(card.id)
        if wanted is not None and wanted.not_before <= self._clock():
            await self._show(wanted, channel, FINAL_EDIT_SECONDS)
        if watch.id not in channel.outbox.results:  # the edit showed that the channel is closed to us
            return
        try:
            await self._deliverer.deliver(card, watch)
        except Refused as error:
            await self._lose(card, channel, AccessLost(), str(error))
        except Exception as error:
            self._put_off(result, error)
        else:
            del channel.outbox.results[watch.id]
            if (left := channel.outbox.wanted.get(card.id)) is not None:
                left.not_before = 0.0  # a reply reopens an archived thread; repair the card now
            _note_recovery(result)
            await self._ledger.told({watch.id})

    async def _show(self, wanted: Wanted, channel: _Channel, seconds: float) -> None:
        card, form, ends = wanted.card, wanted.form, set(wanted.ends)
        if self._shown.get(card.id) != form:
            try:
                async with asyncio.timeout(seconds) as channel.edit:
                    sent = plain_form(form) if wanted.plainly else form
                    await self._rest.edit_card(card, sent, wanted.urgency)
            except Exception as error:
                self._shown.pop(card.id, None)
                await self._refused(wanted, channel, error)
                return
            finally:
                channel.edit = None
        self._shown[card.id] = form
        _note_recovery(wanted)
        wanted.tries, wanted.not_before = 0, 0.0
        await self._ledger.shown(ends)
        if wanted.form == form and wanted.ends == ends:
            channel.outbox.wanted.pop(card.id, None)

    async def _refused(self, wanted: Wanted, channel: _Channel, error: Exception) -> None:
        card = wanted.card
        match reaction(error):
            case Reaction.CARD_GONE:
                channel.outbox.wanted.pop(card.id, None)
                await self._ledger.shown(wanted.ends)
                await self.lost(card.id, CardDeleted())
            case Reaction.ACCESS_LOST:
                await self._lose(card, channel, AccessLost(), told(error))
            case Reaction.ARCHIVED if any(r.card.id == card.id for r in channel.outbox.results.values()):
                wanted.not_before = self._clock() + EDIT_SECONDS  # until the result has reopened the thread
            case Reaction.ARCHIVED:
                channel.outbox.wanted.pop(card.id, None)
                await self._ledger.shown(wanted.ends)
            case Reaction.BAD_FORM if not wanted.plainly:
                log.error("Discord refused a card's form", extra={**wanted.about, "refusal": told(error)})
                wanted.plainly = True
            case Reaction.BAD_FORM:
                channel.outbox.wanted.pop(card.id, None)
                await self._ledger.shown(wanted.ends)
            case _:
                self._put_off(wanted, error)

    def _put_off(self, item: Result | Wanted, error: Exception) -> None:
        """Try again after a pause; an edit that only gave way to a result needs none."""
        item.tries += 1
        gave_way = isinstance(error, TimeoutError) and item.tries == 1
        item.not_before = self._clock() + (0.0 if gave_way else pause(error, item.tries))
        if item.tries == LASTING:
            log.warning(
                "Discord does not take it, trying again", extra={**item.about, "refusal": told(error)}
            )

    async def _lose(self, card: Card, channel: _Channel, event: AccessLost, why: str) -> None:
        log.warning("the channel is closed to the bot", extra={"card": card.id, "refusal": why})
        wanted = channel.outbox.wanted.pop(card.id, None)
        results = [key for key, result in channel.outbox.results.items() if result.card.id == card.id]
        for key in results:
            del channel.outbox.results[key]
        ended = {*results, *(wanted.ends if wanted is not None else ())}
        await self._ledger.close(ended)
        await self.lost(card.id, event)


def _note_recovery(item: Result | Wanted) -> None:
    if item.tries >= LASTING:
        log.info("Discord takes it again", extra=item.about)
