"""The alerts and the dashboard with a real Prometheus: syntax, when they fire, what they ask for."""

import asyncio
import json
import math
import re
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import yaml
from pages import ROOT, anchors_of, text_of
from postgres_server import Server
from wire.place import DONE, failed, running
from wire.process import PATIENCE, process

from bot.core.outcome import Ending

ALERTS: Final = ROOT / "docs/alerts.yml"
CASES: Final = Path(__file__).with_name("alerts_test.yml")
DASHBOARD: Final = json.loads((ROOT / "docs/grafana.json").read_text("utf-8"))
RULES: Final = [
    rule for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]
]
QUERIES: Final = [
    (panel["title"], target) for panel in DASHBOARD["panels"] for target in panel["targets"]
]  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_is_wrong_what_to_do_and_where_to_read_on(rule: dict[str, Any]) -> None:
    notes = rule["annotations"]
    assert notes.keys() == {"summary", "description", "runbook"}
    assert rule["labels"].keys() == {"severity"}
    page, _, anchor = notes["runbook"].partition("#")
    assert anchor in anchors_of(page)
    assert anchor == rule["alert"].lower()


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    fired: set[str] = set()
    silent: set[str] = set()
    for case in yaml.safe_load(CASES.read_text("utf-8"))["tests"]:
        for alert in case.get("alert_rule_test", ()):
            (fired if alert["exp_alerts"] else silent).add(alert["alertname"])
        for query in case.get("promql_expr_test", ()):
            names = re.findall(r'alertname="(\w+)"', json.dumps(query["exp_samples"]).replace("\\", ""))
            fired.update(names)
            if not names:
                silent.update(re.findall(r'alertname="(\w+)"', query["expr"]) or _all_alerts())
    assert fired == silent == _all_alerts()


def _all_alerts() -> set[str]:
    return {rule["alert"] for rule in RULES}


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [("check", "rules", ALERTS), ("test", "rules", CASES)], ids=["syntax", "cases"]
)
def test_promtool_accepts_the_alerts(arguments: tuple[str | Path, ...]) -> None:
    run = subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.slow
async def test_a_scraped_bot_answers_each_query_of_the_dashboard_and_of_the_alerts(
    postgres: Server, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    url = postgres.create("scraped")  # the metrics of shards are on a server alone
    async with process(tmp_path / "data", fresh=True, HTTP_PORT="0", DATABASE_URL=url) as bot:
        await bot.start()
        await bot.says("serving health and metrics")
        port = re.findall(r"serving health and metrics.*port=(\d+)", bot.log)[0]
        async with prometheus(tmp_path, f"127.0.0.1:{port}") as ask:
            # The first failure of a process must show: its series were scraped before it.
            await until(ask, f'veobot_results_total{{ending="{Ending.FAILED}"}}', lambda found: found == [0])
            for task_id, end in {"failing-1": failed("no faces"), "working-1": DONE}.items():
                bot.api.set(task_id, [running(10), running(50), end | {"update_time": int(time.time())}])
                await bot.result(await bot.watch(task_id))
            for ending in (Ending.FAILED, Ending.SUCCEEDED):
                rise = f'increase(veobot_results_total{{ending="{ending}"}}[1h])'
                await until(ask, rise, lambda found: bool(found) and found[0] > 0)
            for title, target in QUERIES:
                await until(
                    ask, target["expr"], lambda found: bool(found) and all(map(math.isfinite, found)), title
                )
                labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
                found = (await ask("query", query=target["expr"]))["result"]
                assert all(labels <= series["metric"].keys() for series in found), title
            expressions = " ".join(rule["expr"] for rule in RULES)
            for selector in set(re.findall(r"(?:veobot|process|up)\w*(?:{.+?})?", expressions)):
                if not selector.startswith("veobot_channel_closed"):
                    await until(ask, selector, bool)
            assert await bot.stop() == 0
            await until(ask, 'ALERTS{alertname="VeoBotDown"}', bool)
            found = {
                rule["name"]: rule for group in (await ask("rules"))["groups"] for rule in group["rules"]
            }
            assert {name: rule.get("lastError") for name, rule in found.items()} == dict.fromkeys(
                _all_alerts()
            )


Ask = Callable[..., Any]


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[Ask]:
    """Run a Prometheus with the configuration of the docs; yield a function that asks its API."""
    (example,) = re.findall(r"```yaml\n(.+?)```", text_of("docs/monitoring.md"), re.DOTALL)
    config = yaml.safe_load(example)
    assert config["rule_files"] == ["alerts.yml"]
    config["rule_files"] = [str(ALERTS)]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    child = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address={address}",
        "--log.level=error",
    )
    try:
        async with aiohttp.ClientSession(f"http://{address}") as http:

            async def ask(page: str, **parameters: str) -> Any:
                async with http.get(f"/api/v1/{page}", params=parameters) as response:
                    answer = await response.json()
                assert answer["status"] == "success", answer
                return answer["data"]

            async with asyncio.timeout(PATIENCE):
                await _started(http)
            yield ask
    finally:
        child.kill()
        await child.wait()


async def _started(http: aiohttp.ClientSession) -> None:
    while True:
        with suppress(aiohttp.ClientError):
            async with http.get("/-/ready") as response:
                if response.status == 200:
                    return
        await asyncio.sleep(0.1)


async def until(ask: Ask, query: str, holds: Callable[[list[float]], bool], about: str = "") -> None:
    """Ask until the values of a query hold; the time limit is only for what never comes."""
    values: list[float] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while not holds(values):
                await asyncio.sleep(0.2)
                values = [float(series["value"][1]) for series in (await ask("query", query=query))["result"]]
    except TimeoutError:
        pytest.fail(f"{about} {query}: {values}")
