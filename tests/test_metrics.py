"""What can be counted is on `/metrics` from the start, with 0."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from made import running
from prometheus_client.parser import text_string_to_metric_families
from yarl import URL

from bot.core.events import ErrorKind, Missing, Observation, PollError, name_of
from bot.core.outcome import Ending
from bot.core.task import TaskState
from bot.gateway.traffic import outcome_of, route_of
from bot.metrics import Metrics, Snapshot
from bot.monitoring.event_loop import INTERVAL, measure_lag
from bot.store.data_folder import disk_space


def samples(metrics: Metrics) -> Mapping[tuple[str, ...], float]:
    """Return what `/metrics` says, by name and label values, labels by their names."""
    families = text_string_to_metric_families(metrics.scrape().decode())
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize(
    "seen",
    [*(running(state=state) for state in TaskState), Missing(), *(PollError(error) for error in ErrorKind)],
    ids=name_of,
)
def test_whatever_a_poll_can_tell_is_counted(seen: Observation) -> None:
    metrics, series = Metrics(), ("veobot_polls_total", name_of(seen))
    assert samples(metrics)[series] == 0
    metrics.polls[name_of(seen)].inc()
    assert samples(metrics)[series] == 1


@pytest.mark.parametrize("ending", Ending)
def test_however_a_watch_ends_its_result_is_counted(ending: Ending) -> None:
    metrics, series = Metrics(), ("veobot_results_total", ending)
    assert samples(metrics)[series] == 0
    metrics.results[ending].inc()
    assert samples(metrics)[series] == 1


@pytest.mark.parametrize("status", [101, 200, 204, 304, 400, 401, 404, 429, 500, 502, 520])
@pytest.mark.parametrize("path", ["channels/1/messages", "webhooks/1/token", "gateway/bot", "guilds/1", ""])
def test_whatever_discord_answers_to_whatever_is_counted(path: str, status: int) -> None:
    metrics = Metrics()
    route, outcome = route_of(URL(f"https://discord.com/api/v10/{path}")), outcome_of(status)
    series = ("veobot_discord_requests_total", outcome, route)
    assert samples(metrics)[series] == 0
    metrics.discord_requests[route, outcome].inc()
    assert samples(metrics)[series] == 1


def test_no_state_of_a_watched_task_is_missing_because_no_task_has_it() -> None:
    metrics = Metrics()
    metrics.add_snapshot(lambda: Snapshot(watches={TaskState.RUNNING: 3}))
    found = samples(metrics)
    assert {state: found["veobot_watches", state] for state in TaskState} == {
        state: 3 * (state is TaskState.RUNNING) for state in TaskState
    }


def test_a_process_reports_the_sum_of_its_apps() -> None:
    one = Snapshot(
        1, watches={"running": 2, "pending": 1}, results_waiting=2, oldest_result=7.0, closed={1: "a"}
    )
    other = Snapshot(2, watches={"running": 3}, oldest_result=3.0, closed={2: "b"}, gateway_connected=True)
    total = Snapshot.total([one, replace(other, gateway_latency=0.2)], disk=(9, 4))
    assert total == Snapshot(
        tasks=3,
        watches={"running": 5, "pending": 1},
        results_waiting=2,
        oldest_result=7.0,
        closed={1: "a", 2: "b"},
        gateway_connected=False,
        gateway_latency=0.2,
        disk=(9, 4),
    )
    assert Snapshot.total([]).gateway_connected, "a process without a shard lacks no connection"


def test_what_is_unknown_has_no_series(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.add_snapshot(lambda: Snapshot(disk=disk_space(tmp_path / "gone")))
    names = {name for name, *_ in samples(metrics)}
    assert "veobot_results_waiting" in names
    assert not names & {"veobot_data_disk_free_bytes", "veobot_gateway_latency_seconds", "veobot_ready"}
    size, free = disk_space(tmp_path) or (0, 0)
    assert 0 < free <= size


@pytest.mark.looptime
async def test_a_blocked_event_loop_shows_as_late_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    lag: asyncio.Queue[float] = asyncio.Queue()
    longest = list[float]()
    measuring = asyncio.create_task(measure_lag(lag.put_nowait, longest.append))
    assert await lag.get() == pytest.approx(0.0)
    loop = asyncio.get_running_loop()
    running_on = loop.time
    await asyncio.sleep(0)
    monkeypatch.setattr(loop, "time", lambda: running_on() + 3.0)  # nothing ran for three seconds
    assert await lag.get() == pytest.approx(3.0 - INTERVAL, abs=INTERVAL)
    monkeypatch.undo()
    await lag.get()
    assert longest[-1] == max(longest) > 2, "reported for a minute"
    await asyncio.sleep(61)
    assert longest[-1] < 1
    measuring.cancel()
