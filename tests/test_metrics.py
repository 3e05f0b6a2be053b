"""What can be counted is on the page for machines from the start, with 0."""

import pytest
from made import running
from prometheus_client.parser import text_string_to_metric_families

from bot.core.events import ErrorKind, Missing, Observation, PollError, name_of
from bot.core.outcome import Ending
from bot.core.task import TaskState
from bot.metrics import Metrics


def series(metrics: Metrics, label: str) -> dict[str, float]:
    """Return what the page says by the values of a label."""
    families = text_string_to_metric_families(metrics.scrape().decode())
    samples = (sample for family in families for sample in family.samples)
    return {sample.labels[label]: sample.value for sample in samples if label in sample.labels}


@pytest.mark.parametrize(
    "seen",
    [*(running(state=state) for state in TaskState), Missing(), *(PollError(error) for error in ErrorKind)],
    ids=name_of,
)
def test_whatever_a_poll_can_tell_is_counted(seen: Observation) -> None:
    metrics = Metrics()
    assert series(metrics, "outcome")[name_of(seen)] == 0
    metrics.polls[name_of(seen)].inc()
    assert series(metrics, "outcome")[name_of(seen)] == 1


@pytest.mark.parametrize("ending", Ending)
def test_however_a_watch_ends_its_result_is_counted(ending: Ending) -> None:
    metrics = Metrics()
    assert series(metrics, "ending")[ending] == 0
    metrics.results[ending].inc()
    assert series(metrics, "ending")[ending] == 1
