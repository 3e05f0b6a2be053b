"""What can be seen of the running bot from inside: is it alive, is it ready, since when."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from bot.clock import Clock
from bot.engine.breaker import CircuitBreaker
from bot.engine.poller import Poller
from bot.engine.tracker import Tracker
from bot.monitoring.parts import Part, api_parts, channel_parts
from bot.store.database import Database
from bot.store.errors import StoreFailed

STUCK_SECONDS: Final = 120.0
"""What takes longer has stopped: a look takes 15 seconds at most, 60 with a second way and a probe."""
FRESH_SECONDS: Final = 5.0
"""How long an answer about readiness is given again: asking often writes no more often."""
STORE_SECONDS: Final = 5.0
"""How long a write may take before the database counts as stuck."""
IDLE_SECONDS: Final = 60.0
"""While nothing is watched, an API that answers is asked for readiness' sake no more often than this."""


class Vitals:
    """`gateway` says what Discord's gateway does, "connected" when all is well; `loops` must never end."""

    def __init__(
        self,
        gateway: Callable[[], str],
        database: Database,
        tracker: Tracker,
        breaker: CircuitBreaker,
        poller: Poller,
        *,
        clock: Clock,
        loops: Callable[[], Iterable["asyncio.Task[None]"]],
        closed: Callable[[], Mapping[int, str]] = dict,
    ) -> None:
        """`closed` returns the channels that are closed to the bot, and what is missing in each."""
        self._closed: Final = closed
        self._gateway_state: Final = gateway
        self._database: Final = database
        self._tracker: Final = tracker
        self._breaker: Final = breaker
        self._poller: Final = poller
        self._clock: Final = clock
        self._loops: Final = loops
        self._states: dict[str, tuple[str, float]] = {}
        self._parts: tuple[Part, ...] = ()
        self._looked_at = -FRESH_SECONDS
        self._probed_at: float | None = None
        self._looking: Final = asyncio.Lock()

    def wedged(self) -> list[str]:
        """Return what has stopped although it must not; nothing if the bot is alive."""
        wedged = [f"the {loop.get_name()} has ended" for loop in self._loops() if loop.done()]
        for seconds, what in (
            (self._poller.longest_look, "a look has been under way"),
            (self._poller.overdue, "a look has been due"),
            (self._breaker.overdue, "a probe of the task API has been due"),
        ):
            if seconds > STUCK_SECONDS:
                wedged.append(f"{what} for {seconds:.0f} s")
        return wedged

    async def parts(self) -> tuple[Part, ...]:
        """Return the state of each part, at most five seconds old."""
        async with self._looking:
            if not self._parts or self._clock() - self._looked_at >= FRESH_SECONDS:
                await self._ask_the_idle_api()
                database = await self._write()
                self._looked_at = self._clock()
                parts: tuple[Part, ...] = (
                    self._gateway(),
                    database,
                    *api_parts(self._breaker.health, self._looked_at),
                )
                parts += channel_parts(self._closed())
                self._parts = tuple(self._dated(part) for part in parts)
        return self._parts

    def gateway_changed(self) -> None:
        """Note the time at which Discord came or went."""
        self._dated(self._gateway())
        self._parts = ()

    def _dated(self, part: Part) -> Part:
        """Give a part the time from which on it was seen to be so."""
        state, since = self._states.get(part.name, ("", 0.0))
        if state != part.state:
            since = self._clock() if part.since is None else part.since
            self._states[part.name] = part.state, since
        return replace(part, since=since)

    def _gateway(self) -> Part:
        state = self._gateway_state()
        return Part("gateway", ok=state == "connected", state=state)

    async def _write(self) -> Part:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._database.try_to_write()
        except StoreFailed:
            return Part("database", ok=False, state="takes no writes")
        except TimeoutError:
            return Part("database", ok=False, state="does not answer")
        return Part("database", ok=True, state="writable")

    async def _ask_the_idle_api(self) -> None:
        now = self._clock()
        health = self._breaker.health
        if (
            self._tracker.registry.tasks or health.paused
        ):  # then the polls tell, or the breaker probes by itself
            return
        every = IDLE_SECONDS if health.failing_since is None else FRESH_SECONDS
        if self._probed_at is None or now - self._probed_at >= every:
            self._probed_at = now
            await self._breaker.probe()
