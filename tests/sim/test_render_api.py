"""The simulated task API, asked over real sockets."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from sim.task_api.answers import (
    Answer,
    deep_json,
    error_envelope,
    gzip_bomb,
    html_page,
    huge_body,
    nan_progress,
    redirect,
)
from sim.task_api.renders import EXAMPLES, FINISHED, LATE, STALLS, SUCCEEDS, VANISHES
from sim.task_api.server import MEDIA, AuthForm, RenderApi

START = 1_700_000_000.0
UNKNOWN = "8cb280b3-442e-1db2-43f0-6e73616eb474"


@dataclass
class Clock:
    now: float = START

    def __call__(self) -> float:
        return self.now


@dataclass
class Asker:
    """One who asks the API: the status and the parsed body of each answer."""

    http: aiohttp.ClientSession

    async def task(self, api: RenderApi, task_id: str, authorization: str | None = None) -> tuple[int, Any]:
        headers = {} if authorization is None else {"Authorization": authorization}
        async with self.http.get(f"{api.base_url}/v1/videos/tasks/{task_id}", headers=headers) as answer:
            assert answer.content_type == "application/json"
            return answer.status, await answer.json()

    async def raw(self, api: RenderApi, task_id: str) -> tuple[aiohttp.ClientResponse, bytes]:
        address = f"{api.base_url}/v1/videos/tasks/{task_id}"
        async with self.http.get(address, allow_redirects=False) as answer:
            return answer, await answer.read()


async def until(true: Callable[[], bool]) -> None:
    """Let the server work until something is so."""
    async with asyncio.timeout(2):
        while not true():  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.001)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def api(clock: Clock) -> AsyncIterator[RenderApi]:
    async with RenderApi(clock=clock) as api:
        yield api


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    async with aiohttp.ClientSession() as http:
        yield Asker(http)


# Renders


async def test_a_render_ages_from_the_first_question_on(api: RenderApi, clock: Clock, ask: Asker) -> None:
    assert await ask.task(api, SUCCEEDS.id) == (200, SUCCEEDS.answer(0, START, f"{api.base_url}/media"))
    clock.now += 30
    assert await ask.task(api, SUCCEEDS.id) == (200, SUCCEEDS.answer(30, START, f"{api.base_url}/media"))
    _, other = await ask.task(api, STALLS.id)
    assert (other["state"], other["create_time"]) == ("pending", START + 30)


async def test_a_finished_render_was_done_before_anybody_asked(api: RenderApi, ask: Asker) -> None:
    _, body = await ask.task(api, FINISHED.id)
    assert body["state"] == "succeeded"
    assert body["create_time"] == START - FINISHED.head_start


async def test_renders_come_and_go(api: RenderApi, clock: Clock, ask: Asker) -> None:
    async def statuses() -> list[int]:
        return [(await ask.task(api, task_id))[0] for task_id in (LATE.id, VANISHES.id)]

    assert await statuses() == [404, 200]
    clock.now += 10
    assert await statuses() == [200, 200]
    clock.now += 10
    assert await statuses() == [200, 404]


@pytest.mark.parametrize("task_id", [UNKNOWN, "abc", "a/b", "a:b"])
async def test_any_other_id_is_not_found(api: RenderApi, ask: Asker, task_id: str) -> None:
    assert await ask.task(api, task_id) == (404, {"message": "task not found"})
    assert api.polls(task_id) == 1


async def test_speed_makes_everything_faster(clock: Clock, ask: Asker) -> None:
    async with RenderApi([SUCCEEDS], clock=clock, speed=10) as api:
        await ask.task(api, SUCCEEDS.id)
        clock.now += 6.1
        assert (await ask.task(api, SUCCEEDS.id))[1]["state"] == "succeeded"
        assert (await ask.task(api, STALLS.id))[0] == 404


@pytest.mark.looptime
async def test_the_server_lives_under_a_virtual_clock(ask: Asker) -> None:
    loop = asyncio.get_running_loop()
    async with RenderApi(clock=lambda: START + loop.time()) as api:
        states = []
        for _ in range(8):
            states.append((await ask.task(api, SUCCEEDS.id))[1]["state"])
            await asyncio.sleep(10)
        assert states == ["pending", *["running"] * 6, "succeeded"]
        async with ask.http.get(f"{api.base_url}/media/sunrise.mp4") as video:
            assert await video.read() == (MEDIA / "sunrise.mp4").read_bytes()
        api.set(UNKNOWN, Answer.json({}))
        before = loop.time()
        assert await ask.task(api, UNKNOWN) == (200, {})
        assert loop.time() - before < 1
        api.set(UNKNOWN, Answer(body=b"[1, 2]", delay=50, drip=(2, 25)))
        assert await ask.task(api, UNKNOWN) == (200, [1, 2])
        assert loop.time() - before == pytest.approx(100, abs=1)


# The key

KEY = "k-123"


@pytest.mark.parametrize(
    ("auth", "accepted"),
    [("any", {KEY, f"Bearer {KEY}"}), ("raw", {KEY}), ("bearer", {f"Bearer {KEY}"})],
)
async def test_the_key_is_wanted_in_its_form(auth: AuthForm, accepted: set[str], ask: Asker) -> None:
    async with RenderApi(key=KEY, auth=auth) as api:
        for authorization in (
            None,
            "",
            KEY,
            f"Bearer {KEY}",
            "other",
            "Bearer other",
            f"Basic {KEY}",
            "Bearer",
        ):
            status, body = await ask.task(api, SUCCEEDS.id, authorization)
            assert status == (200 if authorization in accepted else 401), authorization
            if status == 401:
                assert body == {"error": {"message": "Invalid API key provided"}}


async def test_without_a_key_anything_is_let_in(api: RenderApi, ask: Asker) -> None:
    for authorization in (None, "x", "Bearer x"):
        assert (await ask.task(api, SUCCEEDS.id, authorization))[0] == 200


async def test_every_question_is_on_record(clock: Clock, ask: Asker) -> None:
    async with RenderApi(clock=clock, key=KEY, auth="raw") as api:
        for authorization in (KEY, f"bearer {KEY}", None, "wrong"):
            await ask.task(api, SUCCEEDS.id, authorization)
            clock.now += 1
        await ask.task(api, UNKNOWN, KEY)
        seen = [(request.at - START, request.authorization, request.key_matched) for request in api.requests]
        assert seen == [
            (0, "raw", True),
            (1, "bearer", True),
            (2, "none", False),
            (3, "raw", False),
            (4, "raw", True),
        ]
        assert api.requests[4].task_id == UNKNOWN
        assert (api.polls(SUCCEEDS.id), api.polls(UNKNOWN), api.polls(STALLS.id)) == (4, 1, 0)


async def test_the_most_questions_at_one_time_are_counted(api: RenderApi, ask: Asker) -> None:
    assert api.max_in_flight == 0
    api.set(UNKNOWN, {})
    await ask.task(api, UNKNOWN)
    assert api.max_in_flight == 1
    api.fail_all(Answer(delay=0.03, body=b"{}"))
    await asyncio.gather(*(ask.task(api, UNKNOWN) for _ in range(5)))
    assert api.max_in_flight == 5


# Answers in place of a render's


async def test_a_task_answers_what_it_was_told(api: RenderApi, ask: Asker) -> None:
    api.set(UNKNOWN, {"state": "paused"})
    assert await ask.task(api, UNKNOWN) == (200, {"state": "paused"})
    api.set(UNKNOWN, Answer.json({"message": "slow down"}, 429, {"Retry-After": "7"}))
    answer, body = await ask.raw(api, UNKNOWN)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    assert json.loads(body) == {"message": "slow down"}


async def test_a_sequence_is_given_in_turn_and_its_last_answer_stays(api: RenderApi, ask: Asker) -> None:
    api.set(SUCCEEDS.id, [Answer.json({}, 500), {"state": "odd"}, None])
    answers = [await ask.task(api, SUCCEEDS.id) for _ in range(4)]
    assert [status for status, _ in answers] == [500, 200, 200, 200]
    assert [body.get("state") for _, body in answers] == [None, "odd", "pending", "pending"]


async def test_none_gives_a_task_back_to_its_render(api: RenderApi, ask: Asker) -> None:
    api.set(SUCCEEDS.id, {"state": "odd"})
    api.set(SUCCEEDS.id, None)
    assert (await ask.task(api, SUCCEEDS.id))[1]["state"] == "pending"


def test_a_script_without_an_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        RenderApi().set(UNKNOWN, [])


async def test_an_outage_takes_everything_and_ends(api: RenderApi, clock: Clock, ask: Asker) -> None:
    await ask.task(api, SUCCEEDS.id)
    api.set(UNKNOWN, {})
    api.fail_all(Answer.json({}, 503))
    clock.now += 10
    for task_id in (SUCCEEDS.id, UNKNOWN):
        assert (await ask.task(api, task_id))[0] == 503
    async with ask.http.get(f"{api.base_url}/media/waves.mp4") as video:
        assert video.status == 503
    api.recover()
    assert (await ask.task(api, SUCCEEDS.id))[1]["state"] == "running"
    assert await ask.task(api, UNKNOWN) == (200, {})
    assert api.polls(SUCCEEDS.id) == 3


async def test_a_dropped_connection_gives_no_answer(
    api: RenderApi, ask: Asker, caplog: pytest.LogCaptureFixture
) -> None:
    api.set(UNKNOWN, Answer(drop=True))
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask.task(api, UNKNOWN)
    assert api.polls(UNKNOWN) == 2  # aiohttp's client asks once more by itself
    api.set(UNKNOWN, {})
    assert await ask.task(api, UNKNOWN) == (200, {})
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_drip_comes_in_pieces(api: RenderApi, ask: Asker) -> None:
    api.set(UNKNOWN, Answer(body=b'{"a": 1}', drip=(3, 0.01)))
    async with ask.http.get(f"{api.base_url}/v1/videos/tasks/{UNKNOWN}") as answer:
        assert await answer.content.readany() == b'{"a'
        assert await answer.read() == b'": 1}'


async def test_a_delay_outlasts_an_impatient_asker(
    api: RenderApi, ask: Asker, caplog: pytest.LogCaptureFixture
) -> None:
    api.set(UNKNOWN, [Answer(delay=30), Answer(body=b"12345", drip=(1, 30)), {}])
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03):
                await ask.raw(api, UNKNOWN)
    assert await ask.task(api, UNKNOWN) == (200, {})
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


# Hostile answers


async def test_the_gzip_bomb_is_valid_and_a_thousand_times_its_size(api: RenderApi, ask: Asker) -> None:
    bomb = gzip_bomb()
    assert len(bomb.body) < 420_000
    api.set(UNKNOWN, [bomb, gzip_bomb(3)])
    async with ask.http.get(f"{api.base_url}/v1/videos/tasks/{UNKNOWN}") as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert not any(await answer.content.readexactly(2**21))
    _, body = await ask.raw(api, UNKNOWN)
    assert body == bytes(3 * 2**20)


async def test_a_huge_body_can_be_left_in_the_middle(
    api: RenderApi, ask: Asker, caplog: pytest.LogCaptureFixture
) -> None:
    api.set(UNKNOWN, [huge_body(), huge_body(1)])
    async with ask.http.get(f"{api.base_url}/v1/videos/tasks/{UNKNOWN}") as answer:
        assert answer.content_length is not None
        assert answer.content_length > 32 * 2**20
        await answer.content.readexactly(1000)
    _, body = await ask.task(api, UNKNOWN)
    assert len(body["message"]) == 2**20
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_the_small_hostile_answers_are_what_they_say(api: RenderApi, ask: Asker) -> None:
    answers = [
        html_page(),
        deep_json(),
        redirect("http://127.0.0.2:9/steal"),
        nan_progress(UNKNOWN),
        error_envelope(),
    ]
    api.set(UNKNOWN, answers)
    (html, page), (_, deep), (moved, _), (_, nan), (wrapped, error) = [
        await ask.raw(api, UNKNOWN) for _ in answers
    ]
    assert (html.status, html.content_type) == (200, "text/html")
    assert page.startswith(b"<!doctype html>")
    assert deep.count(b"[") == deep.count(b"]") == 100_000
    assert (moved.status, moved.headers["Location"]) == (302, "http://127.0.0.2:9/steal")
    assert b'"progress": NaN' in nan
    assert wrapped.status == 200
    assert json.loads(error) == {"code": 403, "msg": "invalid api key"}


# Videos


@pytest.mark.parametrize("name", ["sunrise.mp4", "waves.mp4"])
async def test_the_videos_are_real_small_and_playable_from_the_start(
    api: RenderApi, ask: Asker, name: str
) -> None:
    async with ask.http.get(f"{api.base_url}/media/{name}") as video:
        assert (video.status, video.content_type) == (200, "video/mp4")
        body = await video.read()
        assert video.content_length == len(body) < 60_000
    assert body[4:8] == b"ftyp"
    assert 0 < body.index(b"moov") < body.index(b"mdat")
    assert b"avc1" in body


async def test_a_part_of_a_video_can_be_asked_for(api: RenderApi, ask: Asker) -> None:
    whole = (MEDIA / "waves.mp4").read_bytes()
    async with ask.http.get(f"{api.base_url}/media/waves.mp4", headers={"Range": "bytes=100-199"}) as part:
        assert part.status == 206
        assert part.headers["Content-Range"] == f"bytes 100-199/{len(whole)}"
        assert await part.read() == whole[100:200]


async def test_every_example_names_videos_that_are_served(api: RenderApi, clock: Clock, ask: Asker) -> None:
    for render in EXAMPLES:
        await ask.task(api, render.id)
    clock.now += 300
    addresses = set()
    for render in EXAMPLES:
        _, body = await ask.task(api, render.id)
        addresses |= {video["url"] for video in body.get("data", {"videos": []})["videos"]}
    names = {address.partition("?")[0].rpartition("/")[2] for address in addresses}
    assert names == {"sunrise.mp4", "waves.mp4"}
    for address in addresses:
        async with ask.http.head(address) as video:
            assert video.status == 200


@pytest.mark.parametrize("name", ["moon.mp4", "..%2frenders.py", "%2e%2e%2frenders.py", ".", "sunrise"])
async def test_nothing_but_the_videos_is_served(api: RenderApi, ask: Asker, name: str) -> None:
    connection, writer = await asyncio.open_connection("127.0.0.1", int(api.base_url.rpartition(":")[2]))
    writer.write(f"GET /media/{name} HTTP/1.0\r\n\r\n".encode())
    assert b" 404 " in await connection.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_video_can_be_hostile_too(api: RenderApi, ask: Asker) -> None:
    api.set_media("waves.mp4", html_page(403))
    async with ask.http.get(f"{api.base_url}/media/waves.mp4") as video:
        assert (video.status, video.content_type) == (403, "text/html")


# Start and stop


async def test_a_restart_keeps_the_port_and_the_ages(api: RenderApi, clock: Clock, ask: Asker) -> None:
    await ask.task(api, SUCCEEDS.id)
    before = api.base_url
    await api.stop()
    assert api.base_url == before
    with pytest.raises(aiohttp.ClientConnectorError):
        await ask.task(api, SUCCEEDS.id)
    clock.now += 30
    await api.start()
    assert (await ask.task(api, SUCCEEDS.id))[1]["progress"] == 48
    await api.restart()
    await api.start()  # once more does no harm
    assert (await ask.task(api, SUCCEEDS.id))[0] == 200
    assert api.polls(SUCCEEDS.id) == 3
    assert api.base_url == before


async def test_a_stop_cuts_what_is_in_flight_at_once(
    api: RenderApi, ask: Asker, caplog: pytest.LogCaptureFixture
) -> None:
    api.set("silent", Answer(delay=60))
    api.set("drip", Answer(body=b"12345", drip=(1, 60)))
    api.set("huge", huge_body())
    questions = [asyncio.create_task(ask.raw(api, task_id)) for task_id in ("silent", "drip")]
    async with ask.http.get(f"{api.base_url}/v1/videos/tasks/huge") as _unread:
        await until(lambda: api.max_in_flight == 3)
        async with asyncio.timeout(0.5):
            await api.stop()
    for result in await asyncio.gather(*questions, return_exceptions=True):
        assert isinstance(result, aiohttp.ClientError)
    await api.stop()  # once more does no harm
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_taken_port_is_an_error_and_leaves_nothing_behind(api: RenderApi) -> None:
    port = int(api.base_url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        await RenderApi(port=port).start()


def test_the_address_is_unknown_before_the_start() -> None:
    with pytest.raises(RuntimeError, match="started"):
        _ = RenderApi().base_url
