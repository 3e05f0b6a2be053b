"""What a result says: every link whole and once, everybody pinged once, and never too much in one message."""

import re
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import (
    LONGEST_ID,
    MARKUP,
    NOW,
    STARTER,
    TASK,
    VIDEO,
    ids,
    languages,
    link,
    links,
    names,
    running,
    shown_outcomes,
    tasks,
)

from bot.cards.render_parts import short_link
from bot.cards.results import answer_message, is_part, result_messages
from bot.cards.text import bar, plain
from bot.core.names import clean_name, numbered
from bot.core.outcome import Ending, Message, Outcome
from bot.core.policy import PollPolicy
from bot.core.task import Task, TaskState
from bot.messages import LANGUAGES
from bot.outbound.attachments import Videos, with_attachments
from bot.veo.links import printable_link
from bot.videos.downloader import VideoFile

POLICY: Final = PollPolicy()
followers: Final = st.one_of(
    st.lists(ids, max_size=5, unique=True),
    st.integers(0, 350).map(lambda many: list(range(10**18, 10**18 + many))),
)


def done(*videos: str, refused: tuple[str, ...] = ()) -> Outcome:
    task = Task(TASK, TaskState.SUCCEEDED, "succeeded", 100, videos=videos, refused_videos=refused)
    return Outcome(Ending.SUCCEEDED, NOW, task)


def result(
    outcome: Outcome, people: list[int], task_id: str = TASK, language: str = "en", name: str = ""
) -> tuple[Message, ...]:
    return result_messages(task_id, outcome, people, language, POLICY, name=name)


def check(
    messages: tuple[Message, ...],
    task_id: str,
    shown: tuple[str, ...],
    people: list[int],
    language: str = "en",
) -> None:
    """Check messages against Discord's limits, that nothing is lost, and that nobody else is pinged."""
    assert messages
    lines = [line for message in messages for line in message.content.splitlines()]
    filed = [line for message in messages for line in message.urls_file]
    assert Counter(line for line in lines if line.startswith("https://")) + Counter(filed) == Counter(shown)
    assert all(not message.urls_file for message in messages[:-1])
    assert [user for message in messages for user in message.mentions] == people
    for part, message in enumerate(messages, 1):
        assert 0 < len(message.content) <= 2_000
        assert message.content == message.content.strip()
        assert len(message.mentions) <= 100
        text = "\n".join(line for line in message.content.splitlines() if line not in shown)
        # What is escaped and what stands in inline code does nothing.
        text = re.sub(r"\\[^0-9A-Za-z\s]|`[^`\n]+`", "", text)
        assert [int(user) for user in re.findall(r"<@!?(\d+)>", text)] == list(message.mentions)
        for live in (
            r"@(everyone|here)",
            r"\[",
            r"https?://",
            r"<(?![@t])",
            "\u202e",
            "\n\n",
        ):
            assert not re.search(live, text)
        assert "`" not in text
        found = [
            k for k in range(1, len(messages) + 1) if is_part(message.content, task_id, k, len(messages))
        ]
        assert found == [part]
        files = {url: VideoFile(url, Path(), number, "", 1) for number, url in enumerate(shown, 1)}
        content, carried = with_attachments(message, Videos(files, language=language))
        assert len(content) <= 2_000
        assert not {file.url for file in carried} & {*content.splitlines()}
        assert is_part(content, task_id, part, len(messages))
    with_links = [message for message in messages if re.search(r"^https://", message.content, re.MULTILINE)]
    assert len(with_links) <= 1


@given(
    shown_outcomes.filter(lambda outcome: outcome.ending.announced),
    followers,
    st.sampled_from([TASK, LONGEST_ID]),
    languages,
    names,
)
def test_a_result_loses_nothing_calls_everybody_once_and_keeps_the_limits(
    outcome: Outcome, people: list[int], task_id: str, language: str, name: str
) -> None:
    messages = result(outcome, people, task_id, language, name)
    check(messages, task_id, outcome.task.videos if outcome.task is not None else (), people, language)
    assert messages == result(outcome, people, task_id, language, name)


@given(tasks(), languages, names)
def test_an_answer_loses_nothing_and_calls_nobody(task: Task, language: str, name: str) -> None:
    check((answer_message(task, language, NOW, name),), task.id, task.videos, [], language)


@given(links, followers, languages)
def test_links_and_people_share_the_space(videos: tuple[str, ...], people: list[int], language: str) -> None:
    outcome = done(*videos, refused=(MARKUP[:40],) * 5)
    check(result(outcome, people, LONGEST_ID, language), LONGEST_ID, videos, people, language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("end", [end for end in Ending if end.announced])
def test_a_message_has_room_when_everything_is_as_long_as_it_can_be(language: str, end: Ending) -> None:
    stars, last = "*" * 2_000, 4_102_444_799
    task = Task(
        LONGEST_ID,
        TaskState.UNKNOWN,
        stars[:50],
        100,
        stars[:60],
        stars,
        last,
        last,
        tuple(link(1_500, number) for number in range(20)),
        (stars[:40],) * 5,
    )
    name, people = numbered(clean_name(stars), 10), list(range(10**18, 10**18 + 200))
    ended = result(Outcome(end, last, task, 2**63 - 1, stars), people, LONGEST_ID, language, name)
    check(ended, LONGEST_ID, task.videos, people, language)
    check((answer_message(task, language, NOW, name),), LONGEST_ID, task.videos, [], language)


def test_a_result_begins_with_the_name_and_is_found_by_its_id() -> None:
    (message,) = result_messages(TASK, done(VIDEO), [], "en", POLICY, name="Shot *12*")
    assert message.content.splitlines()[0] == f"✅ **Finished** · **Shot \\*12\\*** · `{TASK}`"
    assert is_part(message.content, TASK, 1, 1)
    other = "00000000-442e-1db2-43f0-6e73616eb474"
    for trap in (f"`{other}`", f"``{other}``", f"\\`{other}`", f"`\n`{other}`"):
        (message,) = result_messages(TASK, done(VIDEO), [], "en", POLICY, name=clean_name(trap))
        assert not is_part(message.content, other, 1, 1)
    message = answer_message(running(), "en", NOW, "Shot 12")
    assert message.content.startswith(f"🎬 **Rendering** · **Shot 12** · `{TASK}`")


def test_a_simple_result_is_one_message() -> None:
    assert result(done(VIDEO), [STARTER, 7]) == (
        Message(f"✅ **Finished** · `{TASK}`\n<@{STARTER}> <@7>\n{VIDEO}", (STARTER, 7)),
    )


def test_several_links_stand_on_lines_of_their_own_in_their_order() -> None:
    (message,) = result(done(link(30, 2), link(30, 1)), [])
    assert message.content.splitlines()[1:] == [link(30, 2), link(30, 1)]


def test_long_links_fill_one_message_and_then_a_file() -> None:
    videos = [link(600, number) for number in range(5)]
    (message,) = result(done(*videos), [STARTER])
    assert [line for line in message.content.splitlines() if line.startswith("http")] == videos[:2]
    assert message.urls_file == tuple(videos[2:])
    assert "`urls.txt`" in message.content


@pytest.mark.parametrize("length", range(540, 600))
def test_what_fits_as_a_bare_link_alone_goes_into_the_file(length: int) -> None:
    """Whatever is attached in the end, nothing has to be dropped then."""
    videos = tuple(link(length, number) for number in range(3))
    (message,) = result(done(*videos), [STARTER])
    check((message,), TASK, videos, [STARTER])


def test_an_attached_video_is_a_short_link() -> None:
    signed = "https://user@CDN.Example.com:8443/a_(1)/*b*[c].mp4?X-Signature=" + "0123456789" * 55
    (message,) = result(done(VIDEO, signed), [STARTER])
    assert message.content.splitlines()[-2:] == [VIDEO, signed], "the plan holds the links as they are"
    file = VideoFile(signed, Path(), 2, "two.mp4", 1)
    content, carried = with_attachments(message, Videos({signed: file}))
    assert carried == [file]
    short = f"[video 2](<{signed.replace('(', '%28').replace(')', '%29')}>) · cdn.example.com"
    assert content.splitlines()[-2:] == [VIDEO, short]
    content, _ = with_attachments(message, Videos({signed: file}, language="zh-CN"))
    assert content.splitlines()[-1].startswith("[视频 2](<https://")


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("https://bücher.example/a.mp4", "xn\\-\\-bcher\\-kva.example"),
        ("https://good.example@evil.example/a.mp4", "evil.example"),
        ("https://good.example:80@evil.example:81?a.mp4", "evil.example"),
        ("https://a__b__c.example/a.mp4", "a\\_\\_b\\_\\_c.example"),
        ("http://[2001:db8::1]:80/a.mp4", "\\[2001\\:db8\\:\\:1\\]"),
        ("http://[::::::]/a.mp4", "\\[\\:\\:\\:\\:\\:\\:\\]"),
        ("https://good.example#@evil.example/", "good.example"),
        ("https://مثال.example/\u202e4pm.a", "xn\\-\\-mgbh0fb.example"),
    ],
)
def test_the_host_of_a_short_link_is_where_it_leads(given: str, host: str) -> None:
    url = printable_link(given)
    assert url is not None
    label, target, shown = re.fullmatch(
        r"\[(.*?)\]\(<([^<>()\s]+)>\) · (.*)", short_link("en", 1, url)
    ).groups()  # type: ignore[union-attr]
    assert (label, shown) == ("video 1", host)
    assert target == url.replace("(", "%28").replace(")", "%29")
    assert target.isascii()


def test_ten_videos_and_their_list_are_at_most_ten_files() -> None:
    videos = [link(600, number) for number in range(10)]
    (message,) = result(done(*videos), [])
    files = {url: VideoFile(url, Path(), n, "", 1) for n, url in enumerate(videos, 1)}
    content, carried = with_attachments(message, Videos(files))
    assert [file.number for file in carried] == list(range(1, 10))
    assert len(message.urls_file) == 8
    assert "[video 2](<" in content


def test_the_plan_of_an_older_version_is_found_and_sent_in_both_forms() -> None:
    """It did not reckon with longer links."""
    videos = [f"https://cdn.example/{number:03}.mp4" for number in range(70)]
    message = Message("\n".join([f"✅ **Finished** · `{TASK}`", *videos])[:2_000])
    files = {url: VideoFile(url, Path(), n, "", 1) for n, url in enumerate(videos, 1)}
    content, carried = with_attachments(message, Videos(files))
    assert content == message.content
    assert len(carried) == 10
    one = Videos({videos[0]: files[videos[0]]})
    short, _ = with_attachments(Message("\n".join(message.content.splitlines()[:9])), one)
    assert "[video 1](<" in short
    assert is_part(short, TASK, 1, 1)


@pytest.mark.parametrize(
    ("created", "updated", "seen", "took"),
    [
        (1000, 1220, 2000, "4 min"),
        (1000, None, 1220, "4 min"),
        (1000, 9000, 1220, "4 min"),
        (1000, 1040, 1100, "40 s"),
        (1000, 1059, 1100, "59 s"),
        (1000, 1060, 1100, "1 min"),
        (1000, 1000 + 3599, 9000, "1 h"),
        (1000, 1000 + 3900, 9000, "1 h 5 min"),
        (1000, 1000 + 48 * 3600, 1e9, "48 h"),
        (1000, 1001 + 48 * 3600, 1e9, None),
        (1000, 1000, 1e9, None),
        (1000, 900, 1e9, None),
        (1000, None, 900, None),
        (None, 1220, 2000, None),
    ],
)
def test_a_result_says_how_long_it_took(
    created: int | None, updated: int | None, seen: float, took: str | None
) -> None:
    task = Task(TASK, TaskState.SUCCEEDED, created_at=created, updated_at=updated, videos=(VIDEO,))
    (message,) = result(Outcome(Ending.SUCCEEDED, seen, task), [])
    line = f"-# Took {took}, queue included"
    assert (line in message.content.splitlines()) == (took is not None)
    assert ("Took" in message.content) == (took is not None)
    assert answer_message(task, "en", seen).content.count("Took") == (took is not None)


def test_how_long_it_took_is_said_in_chinese() -> None:
    task = Task(TASK, TaskState.SUCCEEDED, created_at=1000, updated_at=1000 + 3900, videos=(VIDEO,))
    (message,) = result(Outcome(Ending.SUCCEEDED, NOW, task), [], language="zh-CN")
    assert "-# 用时 1 小时 5 分钟（含排队）" in message.content.splitlines()


def test_only_what_the_api_ended_took_its_time() -> None:
    task = Task(TASK, TaskState.RUNNING, created_at=1000, updated_at=1220)
    (message,) = result(Outcome(Ending.STALLED, NOW, task), [])
    assert "Took" not in message.content
    assert "Took" not in answer_message(task, "en", NOW).content


@pytest.mark.parametrize("char", ["x", "*", "镜"])
def test_a_long_error_is_shortened_and_goes_into_a_file(char: str) -> None:
    def failed(message: str) -> Message:
        task = Task(TASK, TaskState.ERROR, "error", message=message)
        (sent,) = result(Outcome(Ending.FAILED, NOW, task), [STARTER])
        assert answer_message(task, "en", NOW).error_file == sent.error_file
        return sent

    escaped = plain(char, 2)
    short = failed(char * 600)
    assert f"> {escaped * 600}" in short.content.splitlines()
    assert not short.error_file
    long = failed("first\n" + char * 19_994)
    assert f"> first {escaped * 593}…" in long.content.splitlines()
    assert long.error_file == "first\n" + char * 19_994


def test_a_link_longer_than_a_message_goes_into_the_file_and_the_next_is_shown() -> None:
    (message,) = result(done(link(5_000, 1), VIDEO), [STARTER])
    assert message.urls_file == (link(5_000, 1),)
    assert VIDEO in message.content.splitlines()


def test_more_than_a_hundred_followers_are_pinged_in_further_messages() -> None:
    people = list(range(10**18, 10**18 + 250))
    messages = result(done(VIDEO), people)
    assert [user for message in messages for user in message.mentions] == people
    assert messages[0].mentions[0] == people[0]
    assert VIDEO in messages[-1].content.splitlines()


@pytest.mark.parametrize(
    ("ending", "task", "said"),
    [
        (Ending.FAILED, Task(TASK, TaskState.ERROR, message="not *so*"), "> not \\*so\\*"),
        (Ending.FAILED, Task(TASK, TaskState.ERROR), "gave no reason"),
        (Ending.EMPTY, Task(TASK, TaskState.SUCCEEDED), "returned no video"),
        (Ending.VANISHED, None, "no longer does"),
        (Ending.STALLED, None, "2 hours"),
        (Ending.TOO_OLD, None, "48 hours"),
    ],
)
def test_every_other_end_says_why(ending: Ending, task: Task | None, said: str) -> None:
    (message,) = result(Outcome(ending, NOW, task), [STARTER])
    assert said in message.content
    assert message.mentions == (STARTER,)


def test_refused_links_are_named_and_cannot_be_followed() -> None:
    (message,) = result(done(VIDEO, refused=("ftp://`x`", "javascript:1", "int", "d", "e")), [])
    assert "`ftp://ˋxˋ`, `javascript:1`, `int`, and 2 more" in message.content
    assert VIDEO in message.content.splitlines()


def test_a_status_shows_what_one_poll_returned() -> None:
    task = Task(TASK, TaskState.RUNNING, "running", 45, "remix", "m", 7, 8)
    message = answer_message(task, "en", NOW)
    *lines, details = message.content.splitlines()
    assert lines == [f"🎬 **Rendering** · `{TASK}`", f"{bar(45)} **45 %**", "> m"]
    assert details.startswith("-# ")
    assert [said in details for said in ("remix", "<t:7:R>", "<t:8:R>")] == [True] * 3


@pytest.mark.parametrize(
    ("content", "part", "parts", "found"),
    [
        (f"✅ **Finished** · `{TASK}`\nx", 1, 1, True),
        (f"✅ **Finished** · `other`\n`{TASK}`", 1, 1, False),
        (f"x\n-# `{TASK}` · 2/3", 2, 3, True),
        (f"x\n-# `{TASK}` · 12/3", 2, 3, False),
        (f"x\n-# `{TASK}` · 2/3", 2, 4, False),
        (f"x\n-# `other{TASK}` · 2/3", 2, 3, False),
        ("", 1, 1, False),
    ],
)
def test_a_part_is_found_again_by_its_mark(content: str, part: int, parts: int, found: bool) -> None:
    assert is_part(content, TASK, part, parts) is found
