"""No token and no key is ever logged, stored or shown: every path, every level."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from wire.place import DONE, KEY, TASK, Place, failed, place, running

from bot import log
from bot.core.health import IMPOSSIBLE_ID
from sim.discord import Fault, Message
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

OTHERS = [f"dddddddd-0000-4000-8000-{number:012}" for number in range(4)]
SIGNATURE = "s3cr3t-signature"


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Give the log's stream, and the loggers their settings back."""
    root = logging.getLogger()
    names = ["", *log._LIBRARY_LEVELS]
    levels = {name: logging.getLogger(name).level for name in names}
    handlers = root.handlers[:]
    yield io.StringIO()
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


async def look_around(here: Place, card: Message) -> None:
    """List, complete and watch what others wrote; once well and once with Discord in trouble."""
    for status in (None, 500, 404):
        if status is not None:
            here.sim.fault(Fault("POST", "/interactions/*", status=status, times=None))
        await here.sim.slash(here.ada, here.channel, "veo", "list")
        await here.sim.autocomplete(here.ada, here.channel, "veo", "watch", "id", TASK[:4])
        await here.sim.slash(here.bob, here.channel, "veo", "watch", id=f"{OTHERS[2]} ../x")
        await here.sim.message_command(here.bob, here.channel, "Watch Veo tasks", card)
        await here.sim.click(here.bob, card, custom_id="veo:again:0", stale=True)
        await here.sleep(20)
    here.sim.clear_faults()


async def drive_every_path(here: Place) -> None:
    signed = f"https://cdn.example/a.mp4?X-Signature={SIGNATURE}"
    here.api.set(TASK, running(10))
    card = await here.watch()
    await here.type("watch", TASK, user=here.bob)
    for given in ("?", OTHERS[0]):
        await here.type("status", given)
    here.sim.fault(Fault("PATCH", "/webhooks/*", status=401, code=50027))
    here.api.set(TASK, [running(20), running(20), Answer(drop=True), Answer.json({}, 500), running(30)])
    await here.shows(card, "30 %", 200)
    for trouble in (
        Fault("PATCH", "/channels/*", status=500, times=6),
        Fault("PATCH", "/channels/*", drop=True),
        Fault("PATCH", "/channels/*", status=400, code=50035),
        Fault("POST", "/channels/*", status=200, when="after", body="<html>", content_type="text/html"),
        Fault("POST", "/interactions/*", drop=True, times=1),
        Fault("POST", "/interactions/*", status=503, times=9),
    ):
        here.sim.fault(trouble)
    await here.sim.slash(here.ada, here.channel, "veo", "watch", id=OTHERS[1])
    await here.sim.slash(here.ada, here.channel, "veo", "status", id=OTHERS[1])
    await here.sim.invalidate_sessions(resumable=False)
    await here.sleep(60)
    here.sim.clear_faults()
    for task in OTHERS[2:]:
        here.api.set(task, running(10))
        await here.watch(task)
    await look_around(here, card)
    here.api.fail_all(Answer.json({"error": {"message": f"bad key {KEY}"}}, 401))
    await here.sleep(200)
    here.api.recover()
    here.api.set(IMPOSSIBLE_ID, Answer(302, {"Location": "http://127.0.0.1:9/"}, b""))
    here.api.set(OTHERS[2], failed(f"Your key {KEY} is bad, see {signed}"))
    here.api.set(TASK, DONE | {"data": {"videos": [{"url": signed}]}})
    await here.result(card, 300)
    here.break_disk()
    here.api.set(OTHERS[3], DONE)
    await here.sleep(60)
    here.break_disk(broken=False)
    await here.stop_bot()
    await here.start_bot()
    await here.sleep(60)


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
async def test_no_secret_gets_out(level: str, form: str, logged: io.StringIO, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        log.set_up(level, "json" if form == "json" else "text", (here.sim.token, KEY), logged)
        await drive_every_path(here)
        tokens = [invocation.token for invocation in here.sim.invocations]
        assert len(tokens) >= 7
        shown = "".join(m.text for m in here.sim.messages(here.channel))
        stored = b"".join(path.read_bytes() for path in sorted(tmp_path.glob("bot.db*")))
        for secret in (here.sim.token, KEY, *tokens):
            assert secret not in logged.getvalue()
            assert secret not in shown
            assert secret.encode() not in stored
        assert SIGNATURE not in logged.getvalue()
        assert level != "DEBUG" or len(logged.getvalue()) > 5_000
        if form == "json":
            for line in logged.getvalue().splitlines():
                assert json.loads(line)["message"]
