"""One channel's sender: empties its outbox, one thing after the other, and meets what Discord says to it.

It lives only while there is something to send. An edit that takes too long holds up nothing else, but it is
not cancelled: cancelled in its wait for a limit, discord.py never opens that limit's lock again. Its card
waits for it, for Discord may take an edit whose answer is long in coming, and what it took last stays.
"""

import asyncio
import logging
from math import inf
from typing import Final

from bot.cards.cards import CardForm
from bot.clock import WakeUp
from bot.core.card import Card
from bot.core.outcome import Ending
from bot.outbound.desk import Desk
from bot.outbound.discord_errors import ErrorAction, describe, error_action
from bot.outbound.outbox import Flight, Outbox, Result, Wanted
from bot.outbound.sending_trouble import SendingTrouble, note_recovery
from bot.store.errors import StoreFailed

log = logging.getLogger(__name__)

REQUEST_SECONDS: Final = 30.0
"""How long an edit or a result may hold up others, discord.py's own waits for limits included.

A result with videos has the time for their upload besides."""
GRACE_SECONDS: Final = 1.0
"""How long an edit under way may hold up a result that came after it."""
ARCHIVED_SECONDS: Final = 600.0
"""How long a card in an archived thread is left alone."""


class TookTooLong(TimeoutError):
    """A result is not waited for any longer."""


class Sender:
    """Sends what is in `outbox`; `run` ends when that is empty."""

    def __init__(self, desk: Desk, card: Card, wake_up: WakeUp) -> None:
        """Begin to send to the channel of a card."""
        self.server_id: Final = card.guild_id
        self.outbox: Final = Outbox(room=desk.room(card.channel_id), spends=desk.rest.spends_room)
        self.wake_up: Final = wake_up
        self.closing = False
        self._desk: Final = desk
        self._trouble: Final = SendingTrouble(desk, self.outbox)
        self._hurry: asyncio.Future[None] | None = None
        """Ends the wait for the edit under way."""

    def hurry(self) -> None:
        """Let an edit under way soon give way to a result."""
        if (hurry := self._hurry) is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(GRACE_SECONDS, lambda: None if hurry.done() else hurry.set_result(None))

    def take_over(self, outbox: Outbox) -> None:
        """Go on with what another sender of the channel left."""
        self.outbox.wanted.update(outbox.wanted)
        self.outbox.results.update(outbox.results)
        self.outbox.pause = outbox.pause
        for wanted in outbox.wanted.values():
            if wanted.flight is not None:
                wanted.flight.edit.add_done_callback(lambda _: self.wake_up.set())

    def access_changed(self) -> None:
        """Try soon what was refused."""
        self.outbox.access_changed(self._desk.clock())
        self.wake_up.set()

    async def run(self) -> None:
        while not self.outbox.empty:
            now = self._desk.clock()
            item = self.outbox.next(now)
            if item is None:
                if self.closing:
                    return
                await self.wake_up.sleep(self.outbox.wait(now))
                continue
            if self._trouble.held_back(item):
                continue
            try:
                if isinstance(item, Result):
                    await self._tell(item)
                else:
                    await self._show(item, REQUEST_SECONDS)
            except StoreFailed as error:
                about = {**item.about, "reason": str(error)}
                log.error("what is sent could not be saved, trying again later", extra=about)  # noqa: TRY400
                self._trouble.put_off(item, error)
            except Exception as error:
                log.exception("sending failed, trying again later", extra=item.about)
                self._trouble.put_off(item, error)

    async def _tell(self, result: Result) -> None:
        if await self._is_gone(result.card):
            return
        began_at, server = self._desk.clock(), self._desk.rest.server_state(result.card)
        try:
            await self._deliver(result)
        except StoreFailed:
            raise
        except Exception as error:
            await self._trouble.failed(result, error, server)
        else:
            await self._desk.ledger.told({result.watch.id})
            self._desk.count(result)
            self._trouble.note_access(began_at)
            note_recovery(result)
            self._trouble.forget(result.watch.id)
            if (left := self.outbox.wanted.get(result.card.id)) is not None:
                left.not_before = 0.0  # a reply reopens an archived thread; bring the card to its end now

    async def _show(self, wanted: Wanted, seconds: float) -> None:
        """Edit a card, waiting at most so long and until a result is in a hurry; the edit itself goes on."""
        card = wanted.card
        if await self._is_gone(card):
            return
        if wanted.flight is None:
            form = self.outbox.form(wanted)
            if self._desk.shown.get(card.id) == form:
                await self._settle(wanted, form, frozenset(wanted.ends))
                return
            wanted.flight = self._desk.take_off(wanted, form)
            if wanted.flight.by_bot:
                self.outbox.room.take(card, self._desk.clock())
        flight = wanted.flight
        await self._wait(flight.edit, seconds)
        if not flight.edit.done():
            flight.edit.add_done_callback(lambda _: self.wake_up.set())
            return
        wanted.flight = None
        self._desk.shown.pop(card.id, None)
        try:
            await flight.edit
        except Exception as error:
            await self._refused(wanted, flight, error)
            return
        self._desk.shown[card.id] = flight.form
        if flight.by_bot:
            self._trouble.note_access(flight.began_at)
        await self._settle(wanted, flight.form, flight.ends)

    async def _is_gone(self, card: Card) -> bool:
        """Tell whether a card is known to be gone, and end its watches where that could not be stored yet."""
        if (event := self._desk.gone.get(card.id)) is None:
            return False
        await self._trouble.lose(card, event, "gone")
        return True

    async def _wait(self, edit: asyncio.Future[None], seconds: float) -> None:
        self._hurry = hurry = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait({edit, hurry}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hurry = None
            hurry.cancel()

    async def _settle(self, wanted: Wanted, form: CardForm, ends: frozenset[int]) -> None:
        """Note that a card shows a form; what is wanted of it by now comes after the other cards."""
        if form == wanted.form:
            await self._desk.ledger.shown(ends)
        note_recovery(wanted)
        wanted.tries, wanted.not_before, wanted.refused = 0, 0.0, False
        wanted.failing_since = inf
        wanted.answerless = form.answerless if form != wanted.form else None
        self.outbox.wanted.pop(wanted.card.id, None)
        if wanted.form != form or wanted.ends != ends:
            self.outbox.wanted[wanted.card.id] = wanted
        elif ends:
            self._desk.shown.pop(wanted.card.id, None)

    async def _deliver(self, result: Result) -> None:
        """Deliver a result, or as much of it as a request's time allows; the rest is made up for later.

        Raises:
            TookTooLong: the request that took too long was cancelled and may come yet.
        """
        loop = asyncio.get_running_loop()
        seconds = REQUEST_SECONDS + max(0.0, result.videos.until - loop.time())
        work = self._desk.deliverer.deliver(result.card, result.watch, result.videos)
        delivery = asyncio.ensure_future(work)
        try:
            # Not `asyncio.timeout`: discord.py may hold on to a cancelled request until its limit is over.
            await asyncio.wait({delivery}, timeout=seconds)
            if not delivery.done():
                raise TookTooLong
            delivery.result()
        finally:
            delivery.cancel()
            delivery.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

    async def _refused(self, wanted: Wanted, flight: Flight, error: Exception) -> None:
        changed = self.outbox.form(wanted) != flight.form
        match error_action(error):
            case ErrorAction.CARD_GONE:
                await self._trouble.lose(wanted.card, Ending.CARD_DELETED, describe(error))
            case ErrorAction.ARCHIVED if not wanted.ends or any(
                result.card.id == wanted.card.id for result in self.outbox.results.values()
            ):
                # The newest form waits; a result reopens the thread.
                wanted.not_before = self._desk.clock() + ARCHIVED_SECONDS
            case ErrorAction.BAD_FORM | ErrorAction.TOO_LARGE if changed:
                pass  # the newer form is tried as it is
            case ErrorAction.BAD_FORM | ErrorAction.TOO_LARGE if not wanted.plainly:
                about = {**wanted.about, "refusal": describe(error)}
                log.error("Discord refused a card's form", extra=about)
                wanted.plainly = True
            case _:
                wanted.plainly = False  # a refusal may pass: later the form is tried as it is
                await self._trouble.failed(wanted, error, flight.server)
