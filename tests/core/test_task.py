"""Which texts are task ids: what people type and paste, and what may stand in a request path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import LONGEST_ID, TASK, task_ids

from bot.core.task import Task, TaskState, is_task_id, read_task_id

HOSTILE = [
    "",
    " ",
    "..",
    "a..b",
    "../admin",
    "a/b",
    "a\\b",
    "%2e%2e",
    "a%2fb",
    "a?b=c",
    "a#b",
    "a b",
    "a\nb",
    "\x00",
    "a\x00",
    "-a",
    ".a",
    ":a",
    "_a",
    "<@1>",
    "@everyone",
    "{task}",
    "٣٣٣",
    "ａｂｃ",
    "id\u200b",
    "\u202eid",
    LONGEST_ID + "x",
    "x" * 1_000_000,
]


@pytest.mark.parametrize("text", [*HOSTILE, "a\n", " a"])
def test_nothing_else_than_an_id_may_stand_in_a_path(text: str) -> None:
    assert not is_task_id(text)


@pytest.mark.parametrize("text", [TASK, "0", "a", "a.b", "a_b:c-d", LONGEST_ID, "a.", "a-"])
def test_an_id_is_one(text: str) -> None:
    assert is_task_id(text)
    assert read_task_id(text) == text


@pytest.mark.parametrize(
    "typed",
    [
        f" {TASK}\n",
        f"`{TASK}`",
        f"<{TASK}>",
        f'"{TASK}"',
        f"https://duomiapi.com/v1/videos/tasks/{TASK}",
        f"<https://duomiapi.com/v1/videos/tasks/{TASK}/>",
        f"http://x/{TASK}?a=b/c#d/e",
        "https://x/tasks/8cb280b3%2D442e-1db2-43f0-6e73616eb474",
    ],
)
def test_an_id_is_found_in_what_people_paste(typed: str) -> None:
    assert read_task_id(typed) == TASK


@pytest.mark.parametrize(
    "typed",
    [
        *HOSTILE,
        "https://",
        "https://x",
        "https://x/",
        "https://x/..",
        "https://x/%2e%2e",
        "https://x/a%2Fb",
        "https://x/a%0Ab",
        "https://[::bad/id",
        "https://x℀y/id/ /",
        f"https://x/{TASK} https://x/other",
        f"https://x/{TASK}\nhttps://x/other",
        "https://x/ab\ncd",
        f"{TASK} {TASK}",
        f"{TASK},other",
    ],
)
def test_what_is_no_id_or_more_than_one_is_refused(typed: str) -> None:
    assert read_task_id(typed) is None


@given(st.text())
def test_whatever_is_typed_the_answer_is_a_safe_id_or_none(typed: str) -> None:
    for text in (typed, f"https://x/{typed}", f"://{typed}"):
        found = read_task_id(text)
        assert found is None or is_task_id(found)


@given(task_ids)
def test_every_id_survives_being_pasted_as_a_link(task_id: str) -> None:
    assert read_task_id(f"https://duomiapi.com/v1/videos/tasks/{task_id}") == task_id


@pytest.mark.parametrize(
    ("task", "settled"),
    [
        (Task("a", TaskState.PENDING), False),
        (Task("a", TaskState.RUNNING, videos=("https://x/y",)), False),
        (Task("a", TaskState.UNKNOWN, videos=("https://x/y",)), False),
        (Task("a", TaskState.SUCCEEDED), False),
        (Task("a", TaskState.SUCCEEDED, videos=("https://x/y",)), True),
        (Task("a", TaskState.SUCCEEDED, refused_videos=("ftp://x/y",)), True),
        (Task("a", TaskState.ERROR), True),
    ],
)
def test_a_task_is_settled_when_the_api_will_tell_no_more(task: Task, settled: bool) -> None:
    assert task.settled is settled
