"""The metrics of `/metrics`, in Prometheus' format. Times are seconds.

Label values come from short, fixed lists, so that no metric grows without bound; only closed channels are
listed by id.
"""

import platform
from collections import ChainMap
from collections import Counter as Counts
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bot import __version__
from bot.core.events import MISSING, ErrorKind
from bot.core.outcome import Ending
from bot.core.shards import Holding
from bot.core.task import TaskState

LAG: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LATENCY: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
LATENESS: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0)
RESULT: Final = (1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0, 1800.0)
STORE: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0)

DISCORD_ROUTES: Final = ("applications", "channels", "gateway", "interactions", "users", "webhooks")
"""First path segments of Discord's API that get a label of their own."""
OTHER_ROUTE: Final = "other"

Samples = dict[tuple[str, ...], float]
"""The values of a gauge by the values of its labels."""


class RequestOutcome(StrEnum):
    """How a request to Discord ended."""

    OK = "ok"
    REFUSED = "refused"
    """A 4xx other than 429."""
    LIMITED = "limited"
    """A 429."""
    ERROR = "error"
    """A 5xx."""
    LOST = "lost"
    """No response."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The gauges at the time of a scrape; `gateway_latency` is None while not connected."""

    tasks: int = 0
    watches: Mapping[str, int] = field(default_factory=dict)
    results_waiting: int = 0
    oldest_result: float = 0.0
    """Seconds that the oldest result or summary has waited in a channel where the bot can post."""
    closed: Mapping[int, str] = field(default_factory=dict)
    """Channels where the bot cannot post, and what it lacks in each."""
    gateway_connected: bool = False
    gateway_latency: float | None = None
    ready: Mapping[str, bool] = field(default_factory=dict)
    """What `/readyz` knows, by component."""
    disk: tuple[int, int] | None = None
    """Bytes of the disk that holds the data: all, and free."""
    holding: Holding | None = None
    """None where a single process has all shards."""

    @classmethod
    def total(cls, apps: Sequence["Snapshot"], **shared: Any) -> "Snapshot":
        """Return the gauges of a process with several apps; `shared` are those that it has only once."""
        watches: Counts[str] = Counts()
        for app in apps:
            watches.update(app.watches)
        latencies = [app.gateway_latency for app in apps if app.gateway_latency is not None]
        return cls(
            tasks=sum(app.tasks for app in apps),
            watches=watches,
            results_waiting=sum(app.results_waiting for app in apps),
            oldest_result=max((app.oldest_result for app in apps), default=0.0),
            closed=dict(ChainMap(*(dict(app.closed) for app in apps))),
            gateway_connected=all(app.gateway_connected for app in apps),
            gateway_latency=max(latencies, default=None),
            **shared,
        )


class _SnapshotCollector(Collector):
    def __init__(self, take: Callable[[], Snapshot]) -> None:
        self._take: Final = take

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = self._take()
        ready: Samples = {(component,): ok for component, ok in now.ready.items()}
        watches: Samples = {(state,): now.watches.get(state, 0) for state in TaskState}
        closed: Samples = {(str(channel), lacking): 1 for channel, lacking in now.closed.items()}
        latency: Samples = {} if now.gateway_latency is None else {(): now.gateway_latency}
        yield _gauge("ready", "Whether a component is ready, as on /readyz.", ready, "component")
        yield _gauge("tasks", "Polled tasks.", {(): now.tasks})
        yield _gauge("watches", "Active watches by the state of their task.", watches, "state")
        yield _gauge("results_waiting", "Results waiting to be posted.", {(): now.results_waiting})
        oldest_text = "Age of the oldest result waiting in a channel where the bot can post; 0 if none is."
        yield _gauge("oldest_result_seconds", oldest_text, {(): now.oldest_result})
        closed_text = "Channels where the bot cannot post, and what it lacks there."
        yield _gauge("channel_closed", closed_text, closed, "channel", "lacking")
        connected_text = "Whether Discord's gateway is connected and ready."
        yield _gauge("gateway_connected", connected_text, {(): now.gateway_connected})
        yield _gauge("gateway_latency_seconds", "Round trip of the gateway's heartbeat.", latency)
        if now.disk is not None:
            size, free = now.disk
            yield _gauge("data_disk_size_bytes", "Size of the disk that holds the data.", {(): size})
            yield _gauge("data_disk_free_bytes", "Free space on that disk.", {(): free})
        if now.holding is not None:
            held, wanted, members = now.holding
            yield _gauge("shards_held", "Shards that this process holds.", {(): held})
            yield _gauge("shards_wanted", "Shards that the bot has, all processes together.", {(): wanted})
            yield _gauge("members", "Processes that share the bot, this one included.", {(): members})


def _gauge(name: str, help_text: str, samples: Samples, *labels: str) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(f"veobot_{name}", help_text, labels=labels)
    for values, value in samples.items():
        gauge.add_metric(values, value)
    return gauge


class Metrics:
    """Counters and histograms. Series with known label values exist from the start, with 0.

    A series that begins with its first event begins at 1, and `increase()` does not see that event.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series
        self._registry: Final = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        about = Info("veobot_build", "Version of the bot and of Python.", registry=self._registry)
        about.info({"version": __version__, "python": platform.python_version()})
        polls = self._counter("polls", "Polls of watched tasks by outcome.", "outcome")
        self.polls: Final = _by_label(polls, *TaskState, MISSING, *ErrorKind)
        self.poll_seconds: Final = self._histogram("poll_seconds", "Duration of a poll.", LATENCY)
        self.poll_lateness: Final = self._histogram(
            "poll_lateness_seconds", "From a poll's due time to its start.", LATENESS
        )
        edits = self._counter("card_edits", "Edits of cards, sent or skipped for a newer one.", "outcome")
        self.edits_sent: Final = edits.labels("sent")
        self.edits_spared: Final = edits.labels("spared")
        results = self._counter("results", "Results posted, by how the watch ended.", "ending")
        self.results: Final = _by_label(results, *Ending)
        self.result_delay: Final = self._histogram(
            "result_delay_seconds", "From a task's end in the task API to its result in the channel.", RESULT
        )
        requests_text = "Requests to Discord by route and outcome."
        requests = self._counter("discord_requests", requests_text, "route", "outcome")
        self.discord_requests: Final = {
            (route, outcome): requests.labels(route, outcome)
            for route in (*DISCORD_ROUTES, OTHER_ROUTE)
            for outcome in RequestOutcome
        }
        limits = self._counter("discord_limits", "429 responses from Discord by scope.", "scope")
        self.discord_limits: Final = _by_label(limits, "user", "global", "shared", "other")
        self.gateway_identifies: Final = self._counter(
            "gateway_identifies", "Sessions started with Discord's gateway."
        )
        self.members_lost: Final = self._counter(
            "members_lost", "Processes that this one took for dead, so that others serve their shards."
        )
        self.gateway_skipped: Final = self._counter(
            "gateway_skipped", "Gateway events that could not be read."
        )
        self.event_loop_lag: Final = self._histogram(
            "event_loop_lag_seconds", "How late a timer of the event loop fired, four times a second.", LAG
        )
        self.longest_stall: Final = Gauge(
            "veobot_event_loop_longest_stall_seconds",
            "Longest time in the last minute for which the event loop ran nothing.",
            registry=self._registry,
        )
        self.store_seconds: Final = self._histogram(
            "store_seconds", "Duration of a transaction, including the wait for it.", STORE
        )

    def add_snapshot(self, take: Callable[[], Snapshot]) -> None:
        """Add the gauges that `take` returns to each scrape."""
        self._registry.register(_SnapshotCollector(take))

    def scrape(self) -> bytes:
        """Return all metrics in the text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"veobot_{name}", help_text, labels, registry=self._registry)

    def _histogram(self, name: str, help_text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"veobot_{name}", help_text, buckets=buckets, registry=self._registry)


def _by_label(counter: Counter, *values: str) -> dict[str, Counter]:
    """Return the counter's series by the value of its only label."""
    return {value: counter.labels(value) for value in values}
