"""What a result says and carries, on the demo's stage."""

from collections.abc import Sequence
from typing import Any

import discord
import pytest
from wire.place import failed, running, succeeded

from demo.reading import replies_to, words_of
from demo.stage import Stage
from sim.task_api.renders import SIGNATURE

pytestmark = pytest.mark.asyncio(loop_scope="session")

ELSEWHERE = "https://cdn.example.com/renders"


def signed(stage: Stage, count: int, base: str = "") -> list[str]:
    """Return links of 600 characters, to the stage's own videos if there is no other base."""
    base = base or f"{stage.api.base_url}/media"
    return [f"{base}/sunrise.mp4?take={take}&{SIGNATURE}&X-Meta=".ljust(600, "0") for take in range(count)]


async def result_of(stage: Stage, task: str, answer: Any, name: str = "") -> discord.Message:
    """Watch a render that ends with this answer; return its result, the only reply to its card."""
    stage.api.set(task, [running(30), answer])
    named = {"name": name} if name else {}
    card = (await stage.ann.slash(stage.channel, "veo watch", id=task, **named)).response
    assert card is not None
    for _ in range(3):
        await stage.env.advance_time(30)
    (result,) = replies_to(stage.channel, card.id)
    assert [person.id for person in result.mentions] == [stage.ann.id]
    return result


def links_of(content: str) -> list[str]:
    return [line for line in content.splitlines() if "://" in line]


def short(urls: Sequence[str], host: str = "127.0.0.1") -> list[str]:
    return [f"[video {number}](<{url}>) · {host}" for number, url in enumerate(urls, 1)]


def edits_of(stage: Stage, task: str, *, since: int) -> int:
    """Return how many edits named this task; what else the stage does goes on meanwhile."""
    requests = stage.env.http_requests[since:]
    return sum(request.method == "PATCH" and task in str(request.json) for request in requests)


async def text_of(file: discord.Attachment) -> str:
    return (await file.read()).decode()


async def test_an_attached_video_has_a_short_link_and_is_called_like_its_render(
    stage: Stage, task: str
) -> None:
    urls = signed(stage, 2)
    result = await result_of(stage, task, succeeded(*urls), "Shot 12 / Aufnahme 镜 3")
    assert result.content.startswith(f"✅ **Finished** · **Shot 12 / Aufnahme 镜 3** · `{task}`\n")
    assert links_of(result.content) == short(urls)
    assert [file.filename for file in result.attachments] == [
        "Shot-12-Aufnahme-镜-3-1.mp4",
        "Shot-12-Aufnahme-镜-3-2.mp4",
    ]


async def test_a_video_that_is_not_attached_keeps_its_bare_link(stage: Stage, task: str) -> None:
    attached, missing = *signed(stage, 1), f"{stage.api.base_url}/media/nothing.mp4"
    result = await result_of(stage, task, succeeded(attached, missing))
    assert links_of(result.content) == [*short([attached]), missing]
    assert [file.filename for file in result.attachments] == [f"{task[:8]}-1.mp4"]


@pytest.mark.parametrize("base", ["", ELSEWHERE])
async def test_links_that_do_not_fit_are_in_a_file_and_none_is_lost(
    stage: Stage, task: str, base: str
) -> None:
    urls = signed(stage, 5, base)
    result = await result_of(stage, task, succeeded(*urls))
    videos, (others,) = result.attachments[:-1], result.attachments[-1:]
    assert links_of(result.content) == (urls[:2] if base else short(urls[:2]))
    assert "More links are in the attached file `urls.txt`." in result.content
    assert (others.filename, (await text_of(others)).splitlines()) == ("urls.txt", urls[2:])
    assert len(videos) == (0 if base else 5)


async def test_a_result_says_how_long_it_took(stage: Stage, task: str) -> None:
    answer = succeeded(*signed(stage, 1)) | {"create_time": int(stage.now()) - 7_500, "update_time": 0}
    result = await result_of(stage, task, answer)
    assert "-# Took 2 h 5 min, queue included" in result.content.splitlines()


async def test_a_long_error_is_shortened_and_attached_as_a_whole(stage: Stage, task: str) -> None:
    error = " ".join(f"reason {number}" for number in range(100))
    result = await result_of(stage, task, failed(error))
    (quoted,) = [line.removeprefix("> ") for line in result.content.splitlines() if line.startswith("> ")]
    assert len(quoted) <= 600
    assert quoted.endswith("…")
    assert error.startswith(quoted.removesuffix("…"))
    (file,) = result.attachments
    assert (file.filename, await text_of(file)) == ("error.txt", error)


@pytest.mark.parametrize("command", ["veo status", "veo watch"])
async def test_an_ended_render_is_answered_at_once_and_gets_its_videos_by_one_edit(
    stage: Stage, task: str, command: str
) -> None:
    urls = signed(stage, 2)
    stage.api.set(task, succeeded(*urls))
    before = len(stage.env.http_requests)
    answer = (await stage.ann.slash(stage.channel, command, id=task)).response
    assert answer is not None
    await stage.env.advance_time(60)
    (shown,) = [message for message in stage.channel.history() if message.id == answer.id]
    assert links_of(shown.content) == short(urls)
    assert [file.filename for file in shown.attachments] == [f"{task[:8]}-{number}.mp4" for number in (1, 2)]
    assert edits_of(stage, task, since=before) == 1
    assert stage.api.polls(task) == 1


async def test_the_links_of_an_ended_render_without_files_become_bare_by_one_edit(
    stage: Stage, task: str
) -> None:
    url = f"{ELSEWHERE}/{task}.mp4"
    stage.api.set(task, succeeded(url))
    before = len(stage.env.http_requests)
    answer = (await stage.ann.slash(stage.channel, "veo watch", id=task)).response
    assert answer is not None
    assert f"<{url}>" in words_of(answer)
    await stage.env.advance_time(60)
    assert links_of(words_of(answer)) == [url]
    assert edits_of(stage, task, since=before) == 1


async def test_several_tasks_end_silently_and_one_summary_pings(stage: Stage, task: str) -> None:
    tasks = [f"{task[:-1]}{last}" for last in "abc"]
    answers = (succeeded(*signed(stage, 1)), failed("no faces"), succeeded(*signed(stage, 1)))
    for one, answer in zip(tasks, answers, strict=True):
        stage.api.set(one, [running(30), answer])
    card = (await stage.ann.slash(stage.channel, "veo watch", id=" ".join(tasks), name="Shot 12")).response
    assert card is not None
    await stage.marco.slash(stage.channel, "veo watch", id=tasks[1])
    for _ in range(4):
        await stage.env.advance_time(30)
    *results, summary = replies_to(stage.channel, card.id)
    pinged = {result.content.split("`")[1]: [person.id for person in result.mentions] for result in results}
    # Whoever names one of the ids is pinged by that result, and not by the summary.
    assert pinged == {tasks[0]: [], tasks[1]: [stage.marco.id], tasks[2]: []}
    assert [result.flags.suppress_notifications for result in results] == [
        not person for person in map(bool, pinged.values())
    ]
    first, *lines = summary.content.splitlines()
    assert first == "⚠️ **2 of 3 ready · 1 failed** · **Shot 12**"
    assert sorted(line.partition(" · [")[0] for line in lines[:-1]) == [
        "✅ Finished · **1**",
        "✅ Finished · **3**",
        "❌ Failed · **2**",
    ]
    assert all(result.jump_url in summary.content for result in results)
    assert [person.id for person in summary.mentions] == [stage.ann.id]
    assert not summary.flags.suppress_notifications
