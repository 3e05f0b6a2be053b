"""Our own counters say to the letter what prometheus-client's would say."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest

from bot.monitoring.metrics import LATENESS
from bot.monitoring.tally import TallyCounter, TallyHistogram

disable_created_metrics()  # type: ignore[no-untyped-call]
edges = st.sampled_from([*LATENESS, 0.0])


@given(st.lists(edges | st.floats(0, 1e6)))
def test_a_histogram_shows_the_same(values: list[float]) -> None:
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("late_seconds", "How late.", buckets=LATENESS, registry=theirs)
    ours.register(tally := TallyHistogram("late_seconds", "How late.", LATENESS))
    for value in values:
        histogram.observe(value)
        tally.observe(value)
    assert generate_latest(ours) == generate_latest(theirs)


@given(st.lists(st.sampled_from(["running", "missing", 'a "b"\n'])))
def test_a_counter_shows_the_same(values: list[str]) -> None:
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    counter = Counter("polls", "Looks.", ["outcome"], registry=theirs)
    ours.register(tally := TallyCounter("polls", "Looks.", "outcome"))
    for value in values:
        counter.labels(value).inc()
        tally.counts[value] += 1
    assert generate_latest(ours) == generate_latest(theirs)
