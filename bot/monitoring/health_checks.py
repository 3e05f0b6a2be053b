"""Health checks: is the bot alive (`/healthz`), and which components are ready, since when (`/readyz`).

A bot that is not alive needs a restart. An outage of Discord or of the task API makes it not ready, but it
stays alive. This module knows nothing of HTTP or Discord.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol

from bot.clock import Clock
from bot.core.health import Health, Mode
from bot.core.shards import Holding
from bot.engine.breaker import CircuitBreaker
from bot.engine.poller import Poller
from bot.engine.registry import Registry
from bot.store.database import Database
from bot.store.errors import StoreFailed

STUCK_SECONDS: Final = 120.0
"""A poll takes 15 seconds at most, or 60 with a second way to authorize and a probe."""
CACHE_SECONDS: Final = 5.0
"""How long readiness is cached, so that frequent requests cause no frequent writes."""
CHECK_SECONDS: Final = 5.0
"""How long a check may take: Prometheus gives up a scrape after 10 seconds."""
IDLE_PROBE_SECONDS: Final = 60.0
"""How often readiness probes a task API that answers, while nothing is watched."""
CONNECTED: Final = "connected"
NOT_TRIED: Final = "not tried yet"
NOT_ASKED: Final = "not asked yet"
UNTRIED: Final = {NOT_TRIED, NOT_ASKED}
MAX_NAMED: Final = 20
"""How many closed channels are listed by id."""


class Component(NamedTuple):
    """The state of one component; `since` is Unix seconds, None if it has not changed since startup."""

    name: str
    ok: bool
    state: str
    since: float | None = None


class Checked(Protocol):
    """What is checked of an app."""

    @property
    def registry(self) -> Registry: ...
    @property
    def breaker(self) -> CircuitBreaker: ...
    @property
    def poller(self) -> Poller: ...
    @property
    def gateway_state(self) -> str:
        """Return "connected" or what is wrong."""

    @property
    def closed(self) -> Mapping[int, str]:
        """Return the channels where the bot cannot post, and what it lacks in each."""

    @property
    def loops(self) -> Sequence["asyncio.Task[None]"]:
        """Return tasks that must never end."""


class HealthChecks:
    """Checks the running bot: its database, and all `apps` of its process."""

    def __init__(
        self,
        database: Database,
        apps: Sequence[Checked],
        clock: Clock,
        holding: Callable[[], Holding | None] = lambda: None,
    ) -> None:
        self._holding: Final = holding
        self._database: Final = database
        self._apps: Final = apps
        self._clock: Final = clock
        self._states: dict[str, tuple[str, float]] = {}
        self._components: tuple[Component, ...] = ()
        self._ready: dict[str, bool] = {}
        self._checked_at = 0.0
        self._probed_at: float | None = None
        self._probe: asyncio.Task[None] | None = None
        self._checking: Final = asyncio.Lock()

    def stuck(self) -> list[str]:
        """Return what has stopped or hangs and never should; empty if the bot is alive."""
        stuck = []
        for app in self._apps:
            stuck += [f"the {loop.get_name()} has ended" for loop in app.loops if loop.done()]
            for seconds, what in (
                (app.poller.longest_poll, "a poll has been running"),
                (app.poller.overdue, "a poll has been overdue"),
                (app.breaker.overdue, "a probe of the task API has been overdue"),
            ):
                if seconds > STUCK_SECONDS:
                    stuck.append(f"{what} for {seconds:.0f} s")
        return stuck

    @property
    def ready(self) -> dict[str, bool]:
        """Whether each component was ready when `components` checked it last."""
        return dict(self._ready)

    async def components(self) -> tuple[Component, ...]:
        """Return the state of each component, at most `CACHE_SECONDS` old, within about `CHECK_SECONDS`."""
        async with self._checking:  # concurrent requests share one check
            if not self._components or self._clock() - self._checked_at >= CACHE_SECONDS:
                database, _ = await asyncio.gather(self._check_database(), self._probe_idle_api())
                # `gateway_changed` may empty the cache during the awaits above. Nothing below awaits.
                now = self._checked_at = self._clock()
                healths = [app.breaker.health for app in self._apps] or [Health()]
                key = worst([check_key(health) for health in healths])
                found = [self._check_gateway(), database, key]
                found.append(worst([check_api(health, now) for health in healths]))
                if (holding := self._holding()) is not None:
                    found.append(check_shards(holding))
                self._ready = {component.name: component.ok for component in found}
                found += check_channels({c: lacks for app in self._apps for c, lacks in app.closed.items()})
                self._components = tuple(self._dated(component) for component in found)
        return self._components

    async def cancel_probe(self) -> None:
        """Cancel a probe that still runs."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)

    def gateway_changed(self) -> None:
        """Record when the gateway connected or disconnected, and drop the cache."""
        self._dated(self._check_gateway())
        self._components = ()

    def _dated(self, component: Component) -> Component:
        """Add the time since which the component has been in its state."""
        state, since = self._states.get(component.name, ("", 0.0))
        if state != component.state:
            since = self._clock() if component.since is None else component.since
            self._states[component.name] = component.state, since
        return component._replace(since=since)

    def _check_gateway(self) -> Component:
        states = [app.gateway_state for app in self._apps]
        if not states:
            return Component("gateway", ok=True, state="not needed")
        state = next((state for state in states if state != CONNECTED), CONNECTED)
        return Component("gateway", ok=state == CONNECTED, state=state)

    async def _check_database(self) -> Component:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self._database.try_to_write()
        except StoreFailed:
            return Component("database", ok=False, state="takes no writes")
        except TimeoutError:
            return Component("database", ok=False, state="does not answer")
        return Component("database", ok=True, state="writable")

    async def _probe_idle_api(self) -> None:
        """Probe the task API if no task is polled and the breaker does not probe either.

        A probe may take longer than a check: its result is then known to the next one.
        """
        if not self._apps or any(app.registry.tasks or app.breaker.health.paused for app in self._apps):
            return
        breaker, now = self._apps[0].breaker, self._clock()
        health = breaker.health
        every = IDLE_PROBE_SECONDS if health.failing_since is None else CACHE_SECONDS
        running = self._probe is not None and not self._probe.done()
        if not running and (self._probed_at is None or now - self._probed_at >= every):
            self._probed_at = now
            self._probe = asyncio.create_task(breaker.probe())
        if self._probe is not None:
            await asyncio.wait({self._probe}, timeout=CHECK_SECONDS)


def worst(components: Sequence[Component]) -> Component:
    """Return which of several apps' states is reported: one that is not ready, else one that was tried."""
    return min(components, key=lambda component: (component.ok, component.state in UNTRIED))


def check_key(health: Health) -> Component:
    if health.mode is Mode.REFUSED:
        return Component("key", ok=False, state="refused", since=health.since)
    return Component("key", ok=True, state=NOT_TRIED if health.accepted_at is None else "accepted")


def check_api(health: Health, now: float) -> Component:
    name = "task_api"
    if health.mode is Mode.OPEN:
        return Component(name, ok=False, state="silent", since=health.since)
    if health.limited_until > now:
        return Component(name, ok=True, state="rate limited")
    if health.answered_at is not None:
        return Component(name, ok=True, state="answering")
    if health.failing_since is not None:
        return Component(name, ok=False, state="has never answered", since=health.failing_since)
    return Component(name, ok=True, state=NOT_ASKED)


def check_shards(holding: Holding) -> Component:
    """A process without a shard is ready, too: it takes over what another one no longer serves."""
    if not holding.wanted:
        return Component("shards", ok=False, state="not joined yet")
    held = f"{holding.held} of {holding.wanted} held"
    return Component("shards", ok=True, state=held if holding.held else f"standby, {held}")


def check_channels(closed: Mapping[int, str]) -> tuple[Component, ...]:
    """List the channels where the bot cannot post. The bot is still ready: it works in the others."""
    if not closed:
        return ()
    named = [f"{channel} ({lacking})" for channel, lacking in sorted(closed.items())[:MAX_NAMED]]
    if len(closed) > MAX_NAMED:
        named.append(f"and {len(closed) - MAX_NAMED} more")
    return (Component("channels", ok=True, state=f"closed to the bot: {', '.join(named)}"),)


def as_json(components: Sequence[Component]) -> str:
    """Return `{"ready": bool, "parts": {name: {"ok": bool, "state": str, "since": str or null}}}`.

    Times are RFC 3339 in UTC.
    """
    parts = {c.name: {"ok": c.ok, "state": c.state, "since": _rfc3339(c.since)} for c in components}
    return json.dumps({"ready": all(c.ok for c in components), "parts": parts})


def _rfc3339(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
