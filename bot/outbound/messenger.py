"""Every send and edit after an interaction is answered.

For each card it keeps the newest form that is wanted, not a queue of edits: the newest wins, and a card that
shows it already is not touched. One sender per channel, so that one channel's limits never hold up another.
Callers never wait: they say what should be seen, and go on.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from bot.cards.cards import CardForm, card_form
from bot.clock import Clock, WaitHook, WakeUp, plain_wait
from bot.core.card import Card, CardState
from bot.core.health import Health
from bot.core.observed import Observed
from bot.core.policy import PollPolicy
from bot.core.watch import Watch
from bot.metrics import Metrics
from bot.outbound.attachments import NoCopies, Preparation
from bot.outbound.delivery import Deliverer
from bot.outbound.desk import Desk, Lost
from bot.outbound.ledger import Ledger
from bot.outbound.outbox import Result
from bot.outbound.rest import DiscordRest
from bot.outbound.sender import Sender
from bot.store.store import Store

log = logging.getLogger(__name__)

CANCELLED_SECONDS: Final = 0.2
"""How long the end waits for what was cancelled; discord.py may hold on to it much longer."""


class Messenger:
    """Shows cards and announces results. `clock` is Unix time, `health` returns the task API's.

    `observed` is what polling has learned about each watched task, now and whenever it is asked.
    """

    def __init__(
        self,
        store: Store,
        rest: DiscordRest,
        deliverer: Deliverer,
        policy: PollPolicy,
        clock: Clock,
        *,
        observed: Mapping[str, Observed],
        health: Callable[[], Health],
        lost: Lost,
        metrics: Metrics,
        keep_seconds: float,
        wait: WaitHook = plain_wait,
        preparation: Preparation | None = None,
    ) -> None:
        self._policy: Final = policy
        self._observed: Final = observed
        self._health: Final = health
        self._wait: Final = wait
        self._preparation: Final = preparation or NoCopies()
        self._ledger: Final = Ledger(store)
        self._desk: Final = Desk(
            rest, deliverer, self._ledger, clock, lost, self._preparation.discard, metrics, keep_seconds
        )
        self._senders: dict[int, tuple[Sender, asyncio.Task[None]]] = {}
        """By channel, those that have something to send."""
        self._preparing: set[asyncio.Task[None]] = set()
        self._closing = False

    def show(self, state: CardState) -> None:
        """Bring a card to the form of its state, some time soon."""
        form = self._form(state)
        waiting = self._senders.get(state.card.channel_id)
        if self._desk.shown.get(state.card.id) != form or (
            waiting is not None and state.card.id in waiting[0].outbox.wanted
        ):
            self._want(state.card, form, set())
            self._wake(state.card)

    def announce(self, state: CardState, watch: Watch) -> None:
        """Bring a card to its form after this watch has ended, and tell its followers."""
        if watch.outcome is None:
            raise ValueError("only an ended watch can be announced")
        self._ledger.open(watch.id, told=not watch.outcome.ending.announced)
        sender = self._want(state.card, self._form(state), {watch.id})
        if watch.outcome.ending.announced:
            sender.outbox.results[watch.id] = result = Result(state.card, watch)
            task = asyncio.create_task(self._make_ready(result))
            self._preparing.add(task)
            task.add_done_callback(self._preparing.discard)
        self._wake(state.card)

    def access_changed(self, server_id: int) -> None:
        """Try soon what was refused in a server: what the bot may do there may have changed."""
        for sender, _ in self._senders.values():
            if sender.server_id == server_id:
                sender.access_changed()

    @property
    def closed(self) -> dict[int, str]:
        """The channels that are closed to the bot, and what it lacks there."""
        pauses = [sender.outbox.pause for sender, _ in self._senders.values()]
        return {pause.channel_id: pause.lacking for pause in pauses if pause is not None}

    @property
    def results_waiting(self) -> int:
        """How many results are still to be posted."""
        return sum(len(sender.outbox.results) for sender, _ in self._senders.values())

    async def close(self, seconds: float) -> None:
        """Send what can be sent within `seconds`, then stop; what is left is found in the store again."""
        self._closing = True
        for sender, _ in self._senders.values():
            sender.closing = True
            sender.wake_up.set()
        tasks = {*(task for _, task in self._senders.values()), *self._preparing, *self._desk.edits}
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        # A sender that was waited for may have begun another edit.
        late = {work for work in (*tasks, *self._desk.edits) if not work.done()}
        for work in late:
            work.cancel()
        if late:
            await asyncio.wait(late, timeout=CANCELLED_SECONDS)

    def _form(self, state: CardState) -> CardForm:
        return card_form(state, self._observed, self._health(), self._policy)

    def _want(self, card: Card, form: CardForm, ends: set[int]) -> Sender:
        sender = self._sender(card)
        if sender.outbox.want(card, form, ends):
            self._desk.metrics.edits_spared.inc()
        return sender

    def _sender(self, card: Card) -> Sender:
        """Return the channel's sender, at work or just made; `_wake` sets a new one to work."""
        running = self._senders.get(card.channel_id)
        if running is None or running[1].done():
            sender = Sender(self._desk, card, WakeUp(self._wait))
            if running is not None:  # one that was ended from outside leaves what it had
                sender.take_over(running[0].outbox)
            task = asyncio.create_task(self._run(card.channel_id, sender), name=f"sender {card.channel_id}")
            self._senders[card.channel_id] = running = (sender, task)
        return running[0]

    def _wake(self, card: Card) -> None:
        running = self._senders.get(card.channel_id)
        if running is not None:
            running[0].closing = self._closing
            running[0].wake_up.set()

    async def _run(self, channel_id: int, sender: Sender) -> None:
        await sender.run()
        if sender.outbox.empty:
            del self._senders[channel_id]

    async def _make_ready(self, result: Result) -> None:
        try:
            result.videos = await self._preparation.prepare(result.card, result.watch)
        except Exception:
            log.exception("a result goes without what should have come with it", extra=result.about)
        finally:
            result.ready = True
            if (running := self._senders.get(result.card.channel_id)) is not None:
                running[0].hurry()
            self._wake(result.card)
