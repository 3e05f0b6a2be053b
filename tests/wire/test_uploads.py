"""Uploads of videos under weather: slow lines, refusals of files alone, lost answers. The result comes.

What is simulated was reported of Discord: 403 with a code of its own while a server's uploads are limited
(discord-api-docs#7796), 50013 without Attach Files, 20009 for what a video shows, 40005 and a proxy's 413 for
its size, 504 while storage is slow, and limits that are lower than announced (discord-api-docs#8578).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from wire.place import TASK, Place, failed, place, running, succeeded

from sim.discord import Fault, Message
from sim.discord.permissions import Permission
from sim.task_api.answers import Answer

# On a busy machine the kernel hands over megabytes later than ten looks at the sockets take.
pytestmark = pytest.mark.looptime(noop_cycles=50)

POST = "/channels/*/messages"
MEBIBYTE = 2**20
TOLD_SECONDS = 75.0


def task_id(number: int) -> str:
    return f"8cb280b3-442e-1db2-43f0-{number:012}"


def serve(here: Place, name: str, size: int) -> str:
    """Let the API serve a video of a size; return its link."""
    body = b"\0\0\0\x18ftypmp42" + bytes(size - 12)
    here.api.set_media(name, Answer(body=body, headers={"Content-Type": "video/mp4"}))
    return f"{here.api.base_url}/media/{name}"


async def result_of(here: Place, *links: str, task: str = TASK, within: float = TOLD_SECONDS) -> Message:
    """Watch a render to its end and return its result, which must come in time."""
    here.api.set(task, running(10, id=task))
    card = await here.watch(task)
    await here.shows(card, "10 %")
    here.api.set(task, succeeded(*links) | {"id": task})
    async with small_steps():
        return await here.result(card, 5 + within)


@asynccontextmanager
async def small_steps() -> AsyncIterator[None]:
    """Let virtual time pass in small steps: the sockets carry large files in real time, now and then with a
    pause for an acknowledgement, and one leap over it would use up all the time that a download has."""

    async def tick() -> None:
        while True:  # noqa: ASYNC110 there is no event to wait for
            await asyncio.sleep(0.02)  # in virtual time

    ticking = asyncio.create_task(tick())
    try:
        yield
    finally:
        ticking.cancel()


def names(message: Message) -> list[str]:
    return [attachment.filename for attachment in message.attachments]


def posts(here: Place) -> list[list[int]]:
    """List the sizes of the files of each message that the bot sent to the channel."""
    return [[size for _, size in request.files] for request in here.sim.requests_to("POST", POST)]


async def came_once(here: Place, result: Message) -> None:
    """Check that nothing is left to do, and that the result stands there once and with its links."""
    assert here.app is not None
    await here.sleep(400)
    assert await here.app.store.to_announce() == []
    assert [m.id for m in here.replies(result.reference)] == [result.id]  # type: ignore[arg-type]
    assert result.pings == {here.ada.id}


REFUSALS = [
    pytest.param({"status": 403, "code": 50013}, id="50013 Attach Files is missing"),
    pytest.param({"status": 403, "code": 400001}, id="uploads are limited in the server"),
    pytest.param({"status": 400, "code": 20009}, id="20009 explicit content"),
    pytest.param({"status": 400, "code": 50035}, id="50035"),
    pytest.param({"status": 403, "body": "<html>", "content_type": "text/html"}, id="a page of a proxy"),
    pytest.param({"status": 404, "code": 0}, id="404 with code 0"),
    pytest.param({"status": 429, "retry_after": 3.0}, id="429"),
    pytest.param({"status": 500}, id="500"),
    pytest.param({"status": 504}, id="504 slow storage"),
    pytest.param({"drop": True}, id="the connection is cut"),
    pytest.param({"delay": 100.0}, id="it arrives late"),
]


@pytest.mark.parametrize("fault", REFUSALS)
async def test_a_message_that_is_refused_with_files_goes_without(
    fault: dict[str, Any], tmp_path: Path
) -> None:
    async with place(tmp_path, copies=True) as here:
        here.sim.fault(Fault("POST", POST, times=None, with_files=True, **fault))
        link = serve(here, "a.mp4", 300_000)
        result = await result_of(here, link)
        assert result.attachments == []
        assert link in result.content.splitlines()
        assert posts(here) == [[300_000], []]
        assert here.sim.uplink.begun == 1
        await came_once(here, result)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"drop": True}, id="the connection is cut"),
        pytest.param({"status": 504}, id="504"),
        pytest.param({"status": 502, "body": "<html>", "content_type": "text/html"}, id="a page of a proxy"),
        pytest.param({"status": 200, "body": "<html>", "content_type": "text/html"}, id="200 with a page"),
        pytest.param({"delay": 300.0}, id="the answer is late"),
    ],
)
async def test_an_upload_that_arrived_unheard_is_found_and_not_sent_again(
    fault: dict[str, Any], tmp_path: Path
) -> None:
    async with place(tmp_path, copies=True) as here:
        here.sim.world.nonce_window = 0.0  # the channel's history alone must do
        here.sim.fault(Fault("POST", POST, when="after", with_files=True, **fault))
        result = await result_of(here, serve(here, "a.mp4", 300_000))
        assert names(result) == [f"{TASK[:8]}-1.mp4"]
        await came_once(here, result)
        assert posts(here) == [[300_000]]


@pytest.mark.parametrize("status", [413, 400])
async def test_files_too_large_for_the_server_are_left_out_at_the_second_try(
    status: int, tmp_path: Path
) -> None:
    async with place(tmp_path, copies=True) as here:
        here.sim.fault(Fault("POST", POST, status=status, code=40005, with_files=True))
        links = [serve(here, f"{n}.mp4", size * MEBIBYTE) for n, size in enumerate((7, 12))]
        result = await result_of(here, *links)
        assert names(result) == [f"{TASK[:8]}-1.mp4"]
        short = f"[video 1](<{links[0]}>) · 127.0.0.1"
        assert [line for line in result.content.splitlines() if "http" in line] == [short, links[1]]
        assert posts(here) == [[7 * MEBIBYTE, 12 * MEBIBYTE], [7 * MEBIBYTE]]


@pytest.mark.parametrize(
    "fault", [{"status": 413, "body": "<html>", "content_type": "text/html"}, {"status": 413}]
)
async def test_there_are_at_most_two_uploads(fault: dict[str, Any], tmp_path: Path) -> None:
    async with place(tmp_path, copies=True) as here:
        here.sim.fault(Fault("POST", POST, times=None, with_files=True, **fault))
        links = [serve(here, f"{n}.mp4", MEBIBYTE) for n in range(2)]
        result = await result_of(here, *links)
        assert result.attachments == []
        assert [len(files) for files in posts(here)] == [2, 2, 0]


async def test_the_limit_is_for_each_file(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True) as here:
        result = await result_of(here, *[serve(here, f"{n}.mp4", 7 * MEBIBYTE) for n in range(2)])
        assert names(result) == [f"{TASK[:8]}-1.mp4", f"{TASK[:8]}-2.mp4"]


@pytest.mark.parametrize(
    ("tier", "limit", "size", "taken"),
    [
        (0, 20, 20, True),
        (0, 20, 21, False),
        pytest.param(2, 50, 30, True, marks=pytest.mark.slow),
        pytest.param(2, 50, 51, False, marks=pytest.mark.slow),
        pytest.param(3, 100, 60, True, marks=pytest.mark.slow),
    ],
)
async def test_a_boost_level_allows_larger_files(
    tier: int, limit: int, size: int, taken: bool, tmp_path: Path
) -> None:
    async with place(tmp_path, start=False, copies=True) as here:
        here.guild.premium_tier, here.guild.upload_limit = tier, limit * MEBIBYTE
        await here.start_bot()
        result = await result_of(here, serve(here, "a.mp4", size * MEBIBYTE))
        assert bool(result.attachments) == taken


async def test_all_videos_together_are_at_most_25_mib(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True) as here:
        result = await result_of(here, *[serve(here, f"{n}.mp4", 9 * MEBIBYTE) for n in range(3)])
        assert len(result.attachments) == 2


@pytest.mark.slow
async def test_a_single_refused_file_teaches_the_servers_limit_for_a_day(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True) as here:
        here.guild.upload_limit = 13 * MEBIBYTE
        links = [serve(here, f"{n}.mp4", n * MEBIBYTE) for n in range(8, 20)]

        async def uploads(number: int) -> list[list[int]]:
            before = len(posts(here))
            await result_of(here, links[number - 8], task=task_id(len(posts(here))))
            return [[size // MEBIBYTE for size in sizes] for sizes in posts(here)[before:]]

        assert await uploads(15) == [[15], []]
        assert await uploads(15) == [[]], "learned"
        assert await uploads(16) == [[]]
        assert await uploads(13) == [[13]]
        assert await uploads(14) == [[14], []]
        assert await uploads(14) == [[]]
        here.guild.upload_limit = 20 * MEBIBYTE
        await here.sleep(24 * 3600)
        assert await uploads(15) == [[15]], "forgotten"
        here.guild.upload_limit = 9 * MEBIBYTE
        assert await uploads(10) == [[10], [10], []]
        assert await uploads(10) == [[10], [10], []], "every server takes 10 MiB, whatever one refusal says"


@pytest.mark.parametrize(
    ("speed", "size", "attached"),
    [
        pytest.param(2_000_000, 9, True, id="16 Mbit/s"),
        pytest.param(300_000, 9, True, id="2.4 Mbit/s"),
        pytest.param(200_000, 9, False, id="1.6 Mbit/s"),
        pytest.param(30_000, 9, False, id="240 kbit/s"),
        pytest.param(30_000, 0.2, True, id="240 kbit/s, a small file"),
        pytest.param(2_000, 0.2, False, id="16 kbit/s, a small file"),
    ],
)
async def test_on_a_slow_line_the_result_comes_in_time(
    speed: float, size: float, attached: bool, tmp_path: Path
) -> None:
    async with place(tmp_path, copies=True) as here:
        here.sim.uplink.speed = speed
        result = await result_of(here, serve(here, "a.mp4", int(size * MEBIBYTE)))
        assert bool(result.attachments) == attached
        await came_once(here, result)
        assert here.sim.uplink.begun == 1


async def test_on_a_slow_line_many_results_in_one_channel_come_in_time(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True) as here:
        here.sim.uplink.speed = 200_000
        link = serve(here, "a.mp4", 9_000_000)
        cards = []
        for number in range(6):
            here.api.set(task_id(number), running(10, id=task_id(number)))
            cards.append(await here.watch(task_id(number)))
        await here.sleep(10)
        for number in range(6):
            here.api.set(task_id(number), succeeded(link) | {"id": task_id(number)})
        await here.sleep(5 + TOLD_SECONDS)
        assert [len(here.replies(card)) for card in cards] == [1] * 6
        assert here.sim.uplink.begun == 1, "the others have no time left that is long enough"


async def test_a_kill_during_an_upload_doubles_nothing(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True) as here:
        here.sim.uplink.speed = 50_000
        here.api.set(TASK, running(10))
        card = await here.watch()
        here.api.set(TASK, succeeded(serve(here, "a.mp4", 500_000)))
        while not here.sim.uplink.begun:
            await here.sleep(0.5)
        await here.sleep(4)
        await here.kill_bot()
        assert here.replies(card) == []
        await here.start_bot()
        result = await here.result(card, TOLD_SECONDS)
        assert names(result) == [f"{TASK[:8]}-1.mp4"]
        await came_once(here, result)


async def test_without_attach_files_every_result_of_a_card_comes(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True) as here:
        tasks = [task_id(number) for number in range(10)]
        for task in tasks:
            here.api.set(task, running(10, id=task))
        card = await here.watch(" ".join(tasks))
        here.channel.restrict_bot(here.sim.app_permissions & ~Permission.ATTACH_FILES)
        link = serve(here, "a.mp4", 300_000)
        for task in tasks:
            here.api.set(task, succeeded(link) | {"id": task})
        await here.sleep(5 + TOLD_SECONDS)
        assert [len(m.attachments) for m in here.replies(card)] == [0] * 10 + [0], "with the summary"
        assert here.sim.invalid_requests == 10


async def test_without_attach_files_no_link_is_lost(tmp_path: Path) -> None:
    links = [f"https://cdn.example/{number}-{'x' * 600}.mp4" for number in range(5)]
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10))
        card = await here.watch()
        here.channel.restrict_bot(here.sim.app_permissions & ~Permission.ATTACH_FILES)
        here.api.set(TASK, succeeded(*links))
        await here.sleep(30)
        replies = here.replies(card)
        lines = [line for reply in replies for line in reply.content.splitlines()]
        assert [line for line in lines if line.startswith("https://")] == links
        assert len(replies) == 3
        assert here.sim.invalid_requests == 0


async def test_a_list_of_links_that_is_refused_as_a_file_loses_no_result(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.sim.fault(Fault("POST", POST, status=403, code=50013, times=None, with_files=True))
        result = await result_of(here, "https://cdn.example/a.mp4", f"https://cdn.example/{'x' * 3000}.mp4")
        assert "https://cdn.example/a.mp4" in result.content
        await came_once(here, result)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 4])
async def test_40_results_of_9_mb_at_once_over_6_mb_a_second(channels: int, tmp_path: Path) -> None:
    size = 9_000_000
    async with place(tmp_path, copies=True, watches_per_person=50) as here:
        here.sim.uplink.speed = 6_000_000
        link = serve(here, "a.mp4", size)
        tasks = [task_id(number) for number in range(40)]
        for task in tasks:
            here.api.set(task, running(10, id=task))
        places = [here.channel, *(here.guild.add_channel(f"more-{n}") for n in range(channels - 1))]
        cards = []
        for number in range(4):
            here.channel = places[number % channels]
            cards.append(await here.watch(" ".join(tasks[number * 10 : number * 10 + 10])))
        await here.sleep(30)
        began = here.clock()
        for task in tasks:
            here.api.set(task, succeeded(link) | {"id": task})
        await here.sleep(120)
        replies = [message for channel in places for message in channel.history if message.reference in cards]
        results = [reply for reply in replies if " ready" not in reply.content.splitlines()[0]]
        assert (len(results), len(replies)) == (40, 40 + 4), "with the summaries"
        assert max(message.created_at for message in results) - began <= 5 + TOLD_SECONDS
        attached = sum(bool(message.attachments) for message in results)
        assert attached >= 35
        assert here.sim.uplink.carried <= (attached + 3) * size, "little is sent for nothing"
        assert here.app is not None
        assert await here.app.store.to_announce() == []


@pytest.mark.slow
async def test_a_slow_upload_holds_up_nothing_else_in_its_channel(tmp_path: Path) -> None:
    async with place(tmp_path, copies=True) as here:
        slow, moving, ended = (task_id(number) for number in range(3))
        cards = {}
        for task in (slow, moving, ended):
            here.api.set(task, running(10, id=task))
            cards[task] = await here.watch(task)
        await here.sleep(16 * 60)  # the tokens are over: every edit counts towards the channel's limit
        here.sim.fault(Fault("POST", POST, delay=40.0, with_files=True))
        here.api.set(slow, succeeded(serve(here, "slow.mp4", 8 * MEBIBYTE)) | {"id": slow})
        await here.sim.wait_for(lambda: any(posts(here)), 60)
        here.api.set(moving, running(20, id=moving))
        here.api.set(ended, failed("out of credit") | {"id": ended})
        await here.shows(cards[moving], "20 %", 20)
        await here.result(cards[ended], 20)
        await here.shows(cards[ended], "below", 20)
        assert not here.replies(cards[slow]), "the upload was still under way"
        await came_once(here, await here.result(cards[slow], TOLD_SECONDS))
