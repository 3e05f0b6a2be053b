"""The numbers of `/metrics`, in Prometheus' format. Labels are words from short lists, never ids."""

import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
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
from bot.monitoring.tally import TallyCounter, TallyHistogram

LATENCY: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
LATENESS: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0)
RESULT: Final = (1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0, 1800.0)
STORE: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is the case at the moment of a scrape; `gateway_latency` is seconds, None while not connected."""

    tasks: int = 0
    watches: Mapping[str, int] = field(default_factory=dict)
    results_waiting: int = 0
    gateway_latency: float | None = None


class _Snapshots(Collector):
    def __init__(self, take: Callable[[], Snapshot]) -> None:
        self._take: Final = take

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = self._take()
        yield GaugeMetricFamily("veobot_tasks", "Tasks that are polled.", value=now.tasks)
        watches = GaugeMetricFamily(
            "veobot_watches", "Live watches by the state of their task.", labels=["state"]
        )
        for state, count in now.watches.items():
            watches.add_metric([state], count)
        yield watches
        yield GaugeMetricFamily(
            "veobot_results_waiting", "Results that are still to be posted.", value=now.results_waiting
        )
        latency = GaugeMetricFamily("veobot_gateway_latency_seconds", "Discord's answer to a heartbeat.")
        if now.gateway_latency is not None:
            latency.add_metric([], now.gateway_latency)
        yield latency


class Metrics:
    """A `bot.meter.Meter` that keeps what it is told in a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each
        self.registry: Final = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        about = Info("veobot_build", "What is running.", registry=self.registry)
        about.info({"version": __version__, "python": platform.python_version()})
        # Of all that is counted only looks are so many that it matters how.
        polls = TallyCounter("veobot_polls", "Looks at watched tasks by outcome.", "outcome")
        self._polls: Final = polls.counts
        self._poll_seconds: Final = TallyHistogram("veobot_poll_seconds", "Duration of a look.", LATENCY)
        self._late: Final = TallyHistogram(
            "veobot_poll_lateness_seconds", "From a look's due time to its start.", LATENESS
        )
        for tally in (polls, self._poll_seconds, self._late):
            self.registry.register(tally)
        self._edits = self._counter(
            "card_edits", "Edits of cards, sent or spared by a newer form.", "outcome"
        )
        self._results = self._counter("results", "Results posted, by how the watch ended.", "ending")
        self._result_seconds = self._histogram(
            "result_delay_seconds", "From the task API's end of a task to the result in the channel.", RESULT
        )
        self._requests = self._counter("discord_requests", "Requests to Discord.", "route", "outcome")
        self._limits = self._counter("discord_limits", "429 answers of Discord, by scope.", "scope")
        self._store = self._histogram("store_seconds", "Duration of a transaction, waiting included.", STORE)

    def show(self, take: Callable[[], Snapshot]) -> None:
        """Add to each scrape what `take` says is the case."""
        self.registry.register(_Snapshots(take))

    def scrape(self) -> bytes:
        """Return everything in the text format."""
        return generate_latest(self.registry)

    def looked(self, outcome: str, seconds: float) -> None:
        self._polls[outcome] += 1
        self._poll_seconds.observe(seconds)

    def late(self, seconds: float) -> None:
        self._late.observe(seconds)

    def edited(self) -> None:
        self._edits.labels("sent").inc()

    def spared(self) -> None:
        self._edits.labels("spared").inc()

    def announced(self, ending: str, seconds: float | None) -> None:
        self._results.labels(ending).inc()
        if seconds is not None:
            self._result_seconds.observe(seconds)

    def asked_discord(self, route: str, outcome: str) -> None:
        self._requests.labels(route, outcome).inc()

    def limited(self, scope: str) -> None:
        self._limits.labels(scope).inc()

    def stored(self, seconds: float) -> None:
        self._store.observe(seconds)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"veobot_{name}", help_text, labels, registry=self.registry)

    def _histogram(self, name: str, help_text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"veobot_{name}", help_text, buckets=buckets, registry=self.registry)
