"""One channel's sender: empties its outbox, one thing after the other, and meets what Discord says to it.

It lives only while there is something to send. An edit that takes too long holds up nothing else, but it is
not cancelled: cancelled in its wait for a limit, discord.py never opens that limit's lock again. Its card
waits for it, for Discord may take an edit whose answer is long in coming, and what it took last stays.
"""

import asyncio
import logging
from typing import Final

from bot.chat.attachments import Videos
from bot.chat.cards import CardForm
from bot.chat.delivery import Refused
from bot.chat.desk import Desk
from bot.chat.outbox import Flight, Outbox, Result, Wanted
from bot.chat.refusals import Reaction, pause, reaction, told
from bot.clock import Alarm
from bot.core.card import Card
from bot.core.events import AccessLost, CardDeleted
from bot.store.errors import StoreFailed

log = logging.getLogger(__name__)

FINAL_EDIT_SECONDS: Final = 2.0
"""How long a result waits for its card's final form."""
REQUEST_SECONDS: Final = 30.0
"""How long an edit or a result may hold up others, discord.py's own waits for limits included.

A result with videos has the time for their upload besides."""
GRACE_SECONDS: Final = 1.0
"""How long an edit under way may hold up a result that came after it."""
ARCHIVED_SECONDS: Final = 600.0
"""How long a card in an archived thread is left alone."""
LASTING: Final = 2
"""Tries from which a trouble with Discord is worth a line in the log; each further one is routine."""


class TookTooLong(TimeoutError):
    """A result is not waited for any longer."""


class Sender:
    """Sends what is in `outbox`; `run` ends when that is empty."""

    def __init__(self, desk: Desk, channel_id: int, alarm: Alarm) -> None:
        self.outbox: Final = Outbox(room=desk.room(channel_id), spends=desk.rest.spends_room)
        self.alarm: Final = alarm
        self.closing = False
        self._desk: Final = desk
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
        for wanted in outbox.wanted.values():
            if wanted.flight is not None:
                wanted.flight.edit.add_done_callback(lambda _: self.alarm.ring())

    async def run(self) -> None:
        while not self.outbox.empty:
            item = self.outbox.next(self._desk.clock())
            if item is None:
                if self.closing:
                    return
                await self.alarm.sleep(self.outbox.wait(self._desk.clock()))
                continue
            try:
                if isinstance(item, Result):
                    await self._tell(item)
                else:
                    await self._show(item, REQUEST_SECONDS)
            except StoreFailed as error:
                about = {**item.about, "reason": str(error)}
                log.error("what is sent could not be saved, trying again later", extra=about)  # noqa: TRY400
                self._put_off(item, error)
            except Exception as error:
                log.exception("sending failed, trying again later", extra=item.about)
                self._put_off(item, error)

    async def _tell(self, result: Result) -> None:
        wanted = self.outbox.wanted.get(result.card.id)
        if wanted is not None and wanted.due <= self._desk.clock():
            await self._show(wanted, FINAL_EDIT_SECONDS)
        if result.watch.id not in self.outbox.results:  # the edit showed that the channel is closed to us
            return
        try:
            await self._deliver(result)
        except Refused as error:
            await self._lose(result.card, AccessLost(), str(error))
        except Exception as error:
            self._put_off(result, error)
        else:
            await self._desk.ledger.told({result.watch.id})
            self._desk.count(result)
            _note_recovery(result)
            self._forget(result.watch.id)
            if (left := self.outbox.wanted.get(result.card.id)) is not None:
                left.not_before = 0.0  # a reply reopens an archived thread; repair the card now

    async def _show(self, wanted: Wanted, seconds: float) -> None:
        """Edit a card, waiting at most so long and until a result is in a hurry; the edit itself goes on."""
        card = wanted.card
        if (event := self._desk.gone.get(card.id)) is not None:
            await self._lose(card, event, "gone")
            return
        if wanted.flight is None:
            if self._desk.shown.get(card.id) == wanted.form:
                await self._settle(wanted, wanted.form, frozenset(wanted.ends))
                return
            if self._desk.rest.spends_room(card):
                self.outbox.room.take(card, self._desk.clock())
            wanted.flight = self._desk.take_off(wanted)
        flight = wanted.flight
        await self._wait(flight.edit, seconds)
        if not flight.edit.done():
            flight.edit.add_done_callback(lambda _: self.alarm.ring())
            return
        wanted.flight = None
        self._desk.shown.pop(card.id, None)
        try:
            await flight.edit
        except Exception as error:
            await self._refused(wanted, flight, error)
            return
        self._desk.shown[card.id] = flight.form
        await self._settle(wanted, flight.form, flight.ends)

    async def _wait(self, edit: asyncio.Future[None], seconds: float) -> None:
        self._hurry = hurry = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait({edit, hurry}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hurry = None
            hurry.cancel()

    async def _settle(self, wanted: Wanted, form: CardForm, ends: frozenset[int]) -> None:
        """Note that a card shows a form; what is wanted of it by now comes after the other cards."""
        await self._desk.ledger.shown(ends)
        _note_recovery(wanted)
        wanted.tries, wanted.not_before = 0, 0.0
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
        card = wanted.card
        match reaction(error):
            case Reaction.CARD_GONE:
                await self._lose(card, CardDeleted(), told(error))
            case Reaction.ACCESS_LOST:
                await self._lose(card, AccessLost(), told(error))
            case Reaction.ARCHIVED if not wanted.ends or self._has_result(card):
                # The newest form waits; a result reopens the thread.
                wanted.not_before = self._desk.clock() + ARCHIVED_SECONDS
            case Reaction.BAD_FORM | Reaction.TOO_LARGE if wanted.form != flight.form:
                pass  # the newer form is tried as it is
            case Reaction.BAD_FORM | Reaction.TOO_LARGE if not wanted.plainly:
                log.error("Discord refused a card's form", extra={**wanted.about, "refusal": told(error)})
                wanted.plainly = True
            case Reaction.BAD_FORM | Reaction.TOO_LARGE | Reaction.ARCHIVED:
                await self._settle(wanted, flight.form, flight.ends)
            case _:
                self._put_off(wanted, error)

    def _forget(self, watch_id: int) -> None:
        self._drop_videos(self.outbox.results.pop(watch_id))

    def _drop_videos(self, result: Result) -> None:
        videos, result.videos = result.videos, Videos()
        self._desk.discard(videos)

    def _has_result(self, card: Card) -> bool:
        return any(result.card.id == card.id for result in self.outbox.results.values())

    def _put_off(self, item: Result | Wanted, error: Exception) -> None:
        """Try again after a pause."""
        if isinstance(item, Result):
            self._drop_videos(item)  # they may be why it failed, and a long outage would fill the disk
        item.tries += 1
        item.not_before = self._desk.clock() + pause(error, item.tries)
        if item.tries == LASTING:
            log.warning(
                "Discord does not take it, trying again", extra={**item.about, "refusal": told(error)}
            )

    async def _lose(self, card: Card, event: CardDeleted | AccessLost, why: str) -> None:
        """Touch a card no more, and end what is live on it; a deleted card keeps its results."""
        if card.id not in self._desk.gone:
            log.warning("a card cannot be reached any more", extra={"card": card.id, "refusal": why})
        self._desk.gone[card.id] = event
        wanted = self.outbox.wanted.get(card.id)
        ends = set(wanted.ends) if wanted is not None else set()
        if isinstance(event, AccessLost):
            results = {key for key, result in self.outbox.results.items() if result.card.id == card.id}
            await self._desk.ledger.close(ends | results)
            for key in results:
                self._forget(key)
        else:
            await self._desk.ledger.shown(ends)
        await self._desk.lost(card.id, event)
        self.outbox.wanted.pop(card.id, None)
        self._desk.shown.pop(card.id, None)
        del self._desk.gone[card.id]


def _note_recovery(item: Result | Wanted) -> None:
    if item.tries >= LASTING:
        log.info("Discord takes it again", extra=item.about)
