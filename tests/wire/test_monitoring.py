"""The pages for machines, from outside: health, readiness and metrics of the running bot."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from wire.place import DONE, TASK, Place, place, running

from bot.core.health import IMPOSSIBLE_ID
from bot.core.shards import Holding
from bot.core.task import Task
from bot.metrics import Metrics, Snapshot
from sim.discord import Fault
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

ROOT = Path(__file__).parents[2]
OTHER = "bbbbbbbb-0000-4000-8000-000000000001"


@asynccontextmanager
async def monitored(data: Path, **more: Any) -> AsyncIterator[Place]:
    """Set everything up and wait until the bot says that it is connected."""
    async with place(data, monitored=True, **more) as here:
        await here.sleep(5)
        yield here


async def get(here: Place, path: str, method: str = "GET") -> tuple[int, str]:
    url = f"http://127.0.0.1:{here.monitoring_port}{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url) as response:
        return response.status, await response.text()


async def readiness(here: Place) -> tuple[int, dict[str, Any]]:
    status, body = await get(here, "/readyz")
    answer = json.loads(body)
    assert answer["ready"] == (status == 200)
    return status, answer["parts"]


async def numbers(here: Place) -> dict[str, float]:
    """Scrape, and return the samples as `name{label values}`, labels by their names."""
    status, text = await get(here, "/metrics")
    assert status == 200
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(value for _, value in sorted(sample.labels.items()))
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


async def test_a_bot_that_is_well_says_so(tmp_path: Path) -> None:
    async with monitored(tmp_path) as here:
        assert await get(here, "/healthz") == (200, '{"alive": true, "wedged": []}')
        status, parts = await readiness(here)
        assert status == 200
        states = {name: part["state"] for name, part in parts.items()}
        assert states == {
            "gateway": "connected",
            "database": "writable",
            "key": "accepted",
            "task_api": "answering",
        }
        assert all(part["since"].startswith("2026-01-01T") for part in parts.values())
        found = await numbers(here)
        assert {name: found[f"veobot_ready{{{name}}}"] for name in parts} == dict.fromkeys(parts, 1)


async def test_readiness_is_asked_often_and_costs_little(tmp_path: Path) -> None:
    async with monitored(tmp_path) as here:
        before = await numbers(here)
        for _ in range(20):
            await readiness(here)
        await here.sleep(59)
        await readiness(here)
        after = await numbers(here)
        assert after["veobot_store_seconds_count"] - before["veobot_store_seconds_count"] == 1
        assert here.api.polls(IMPOSSIBLE_ID) == 1, "the API is asked once a minute at most"
        here.api.set(TASK, running(10))
        await here.watch()
        for _ in range(10):
            await here.sleep(60)
            _, parts = await readiness(here)
            assert parts["task_api"]["state"] == "answering"
        assert here.api.polls(IMPOSSIBLE_ID) == 1, "what is watched tells of the API"


async def test_one_lost_answer_is_no_outage_while_nothing_is_watched(tmp_path: Path) -> None:
    async with monitored(tmp_path) as here:
        assert (await readiness(here))[0] == 200
        await here.sleep(60)
        here.api.fail_all(Answer.json({}, 503))
        assert (await readiness(here))[0] == 200
        here.api.recover()
        for _ in range(12):
            await here.sleep(6)
            assert (await readiness(here))[0] == 200
        here.api.fail_all(Answer.json({}, 503))
        await here.sleep(60)
        for _ in range(8):
            await here.sleep(6)
            await readiness(here)
        status, parts = await readiness(here)
        assert (status, parts["task_api"]["state"]) == (503, "silent")


async def test_an_api_that_has_never_answered_is_not_called_answering(tmp_path: Path) -> None:
    async with monitored(tmp_path) as here:
        here.api.fail_all(Answer.json({}, 503))
        status, parts = await readiness(here)
        assert (status, parts["task_api"]["state"]) == (503, "has never answered")
        here.api.recover()
        await here.sleep(6)
        assert (await readiness(here))[0] == 200


async def test_metrics_follow_a_render_and_name_no_id(tmp_path: Path) -> None:
    async with monitored(tmp_path) as here:
        begun = int(here.clock())
        here.api.set(TASK, [running(n) for n in (10, 10, 20, 30)] + [running(40)] * 1000)
        here.api.set(OTHER, running(5, state="pending"))
        card = await here.watch()
        await here.watch(OTHER)
        await here.shows(card, "40 %")
        found = await numbers(here)
        assert found["veobot_tasks"] == 2
        assert (found["veobot_watches{running}"], found["veobot_watches{pending}"]) == (1, 1)
        assert found["veobot_polls_total{running}"] >= 4
        assert found["veobot_poll_lateness_seconds_count"] >= 4
        assert found["veobot_card_edits_total{sent}"] >= 4
        assert found["veobot_discord_requests_total{ok,webhooks}"] >= 4
        assert found["veobot_gateway_latency_seconds"] >= 0
        assert found["veobot_store_seconds_count"] > 0
        here.api.set(TASK, DONE | {"update_time": begun + 1})
        await here.result(card)
        await here.sleep(1)
        found = await numbers(here)
        assert found["veobot_results_total{succeeded}"] == 1
        assert 0 < found["veobot_result_delay_seconds_sum"] < 60
        assert found["veobot_results_waiting"] == 0
        assert found["veobot_tasks"] == 1
        _, text = await get(here, "/metrics")
        for word in (TASK, OTHER, str(card.id), str(here.channel.id), str(here.guild.id), here.sim.token):
            assert word not in text


async def test_limits_lost_answers_and_spared_edits_are_counted(tmp_path: Path) -> None:
    async with monitored(tmp_path, poll_max_seconds=2.0) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        await here.shows(card, "10 %")
        here.sim.fault(Fault("PATCH", "/webhooks/*", status=429, times=1, retry_after=20.0))
        here.api.set(TASK, [running(20), running(30), running(40)] + [running(50)] * 1000)
        await here.shows(card, "50 %")
        found = await numbers(here)
        assert found["veobot_discord_requests_total{limited,webhooks}"] == 1
        assert (
            sum(count for name, count in found.items() if name.startswith("veobot_discord_limits_total")) == 1
        )
        assert found["veobot_card_edits_total{spared}"] >= 1


async def test_troubles_of_the_task_api_show_as_outcomes_and_as_not_ready(tmp_path: Path) -> None:
    async with monitored(tmp_path) as here:
        here.api.set(TASK, running(10))
        await here.watch()
        await here.sleep(20)
        here.api.fail_all(Answer(status=503, body=b""))
        await here.sleep(10)
        assert (await readiness(here))[0] == 200, "one lost answer is no outage"
        await here.sleep(120)
        status, parts = await readiness(here)
        assert (status, parts["task_api"]["state"]) == (503, "silent")
        assert "2026-01-01T00:00" in parts["task_api"]["since"], "since the first look that failed"
        assert (await numbers(here))["veobot_polls_total{unavailable}"] >= 2
        here.api.recover()
        await here.sleep(120)
        assert (await readiness(here))[0] == 200


async def test_a_refused_key_shows_also_while_nothing_is_watched(tmp_path: Path) -> None:
    async with monitored(tmp_path) as here:
        here.api._key = "another"
        status, parts = await readiness(here)
        assert (status, parts["key"]["state"], parts["gateway"]["ok"]) == (503, "refused", True)
        found = await numbers(here)
        assert (found["veobot_ready{key}"], found["veobot_ready{gateway}"]) == (0, 1)


async def test_a_scrape_checks_what_it_reports_and_does_not_wait_for_a_silent_api(tmp_path: Path) -> None:
    async with monitored(tmp_path) as here:
        assert here.app is not None
        breaker: Any = here.app.breaker
        breaker._poll = hanging
        begun = here.clock()
        found = await numbers(here)
        assert here.clock() - begun < 10, "Prometheus waits no longer"
        assert found["veobot_ready{gateway}"] == 1
        here.break_disk()
        await here.sleep(6)
        assert (await numbers(here))["veobot_ready{database}"] == 0


async def test_a_result_that_cannot_be_posted_ages_unless_its_channel_is_closed(tmp_path: Path) -> None:
    async with monitored(tmp_path) as here:
        here.api.set(TASK, [running(10), DONE])
        here.sim.fault(Fault("POST", "/channels/*", status=503, times=None))
        await here.watch()
        await here.sleep(400)
        found = await numbers(here)
        assert found["veobot_results_waiting"] == 1
        assert 300 < found["veobot_oldest_result_seconds"] < 400
        here.sim.clear_faults()
        here.sim.fault(Fault("POST", "/channels/*", status=403, code=50013, times=None))
        await here.sleep(600)
        found = await numbers(here)
        assert found["veobot_results_waiting"] == 1
        assert found["veobot_oldest_result_seconds"] == 0
        assert sum(count for name, count in found.items() if name.startswith("veobot_channel_closed")) == 1


async def test_a_gateway_that_goes_and_comes_shows_with_its_time(tmp_path: Path) -> None:
    async with monitored(tmp_path) as here:
        await here.sleep(100)
        here.sim.gateway_down = True
        await here.sim.drop_gateway()
        await here.sleep(100)
        status, parts = await readiness(here)
        assert (status, parts["gateway"]["state"]) == (503, "not connected")
        assert parts["gateway"]["since"].startswith("2026-01-01T00:01:4"), parts
        assert (await get(here, "/healthz"))[0] == 200, "no restart of the bot would mend that"
        assert "veobot_gateway_latency_seconds" not in await numbers(here)
        here.sim.gateway_down = False
        await here.sim.wait_ready(600)
        await here.sleep(1)
        assert (await readiness(here))[0] == 200


async def test_a_disk_that_takes_no_writes_shows(tmp_path: Path) -> None:
    async with monitored(tmp_path) as here:
        here.break_disk()
        status, parts = await readiness(here)
        assert (status, parts["database"]["state"]) == (503, "takes no writes")
        here.break_disk(broken=False)
        await here.sleep(6)
        assert (await readiness(here))[0] == 200


async def hanging(_task_id: str, _known: Task | None = None) -> Task:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize("how", ["a poll hangs", "the loop hangs", "the loop has ended"])
async def test_a_stuck_poller_shows(how: str, tmp_path: Path) -> None:
    async with monitored(tmp_path) as here:
        here.api.set(TASK, running(10))
        await here.watch()
        assert here.app is not None
        breaker: Any = here.app.breaker
        poller: Any = here.app.poller
        match how:
            case "a poll hangs":
                breaker._poll = hanging
                said = "a poll has been running for"
            case "the loop hangs":
                poller._wake_up.sleep = lambda _: asyncio.Event().wait()
                said = "a poll has been overdue for"
            case _:
                next(task for task in asyncio.all_tasks() if task.get_name() == "poll loop").cancel()
                said = "the poll loop has ended"
        await here.sleep(200)
        status, body = await get(here, "/healthz")
        assert status == 503
        assert said in body


async def test_other_pages_and_methods_are_refused(tmp_path: Path) -> None:
    async with monitored(tmp_path) as here:
        assert (await get(here, "/"))[0] == 404
        assert (await get(here, "/../metrics/x"))[0] == 404
        assert (await get(here, "/healthz", "POST"))[0] == 405
        reader, writer = await asyncio.open_connection("127.0.0.1", here.monitoring_port)
        writer.write(b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()


def test_the_dashboard_shows_each_metric_that_there_is() -> None:
    dashboard = json.loads((ROOT / "docs/grafana.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = set(re.findall(r"veobot_\w+", " ".join(expressions)))
    metrics = Metrics()
    metrics.add_snapshot(lambda: Snapshot(gateway_latency=0.1, disk=(2, 1), holding=Holding(1, 1, 1)))
    families = list(text_string_to_metric_families(metrics.scrape().decode()))
    ours = {family.name: family for family in families if family.name.startswith("veobot_")}
    endings = {"counter": "_total", "histogram": "_bucket", "info": "_info"}
    assert asked == {name + endings.get(family.type, "") for name, family in ours.items()}
