"""From bytes to a task: every documented field, and whatever servers put in its place."""

import json
from dataclasses import replace
from typing import Any, Final

import pytest
from made import NOW, TASK, VIDEO
from veo.answers import DOCUMENTED, decoded

from bot.core.task import Task, TaskState
from bot.veo.errors import Unavailable
from bot.veo.fields import LATEST_TIME, TEXT_LIMIT, WORD_LIMIT
from bot.veo.protocol import decode
from sim.task_api.renders import EXAMPLES

PLAIN: Final = Task(TASK, TaskState.RUNNING, "running", 40, "generate", "", 1_700_000_000, 1_700_000_060)


@pytest.mark.parametrize(
    ("changes", "task"),
    [
        ({}, PLAIN),
        (
            {"state": "pending", "progress": 0},
            replace(PLAIN, state=TaskState.PENDING, state_text="pending", progress=0),
        ),
        (
            {"state": "error", "message": "no"},
            replace(PLAIN, state=TaskState.ERROR, state_text="error", message="no"),
        ),
        ({"state": "succeeded"}, replace(PLAIN, state=TaskState.SUCCEEDED, state_text="succeeded")),
        ({"state": " Running "}, replace(PLAIN, state_text="Running")),
        ({"state": "paused"}, replace(PLAIN, state=TaskState.UNKNOWN, state_text="paused")),
        ({"state": "x" * 99}, replace(PLAIN, state=TaskState.UNKNOWN, state_text="x" * WORD_LIMIT)),
        ({"state": "unknown"}, replace(PLAIN, state=TaskState.UNKNOWN, state_text="unknown")),
        ({"id": "another"}, PLAIN),
        ({"id": None}, PLAIN),
        ({"action": "remix"}, replace(PLAIN, action="remix")),
        ({"action": " dance\n"}, replace(PLAIN, action="dance")),
        ({"action": None}, replace(PLAIN, action="")),
        ({"action": 7}, replace(PLAIN, action="")),
        ({"message": "x" * 99_999}, replace(PLAIN, message="x" * TEXT_LIMIT)),
        ({"message": None, "msg": "m"}, replace(PLAIN, message="m")),
        ({"message": " ", "error": {"message": "e"}}, replace(PLAIN, message="e")),
        ({"message": "", "error": "e"}, replace(PLAIN, message="e")),
        ({"message": {"text": "m"}}, replace(PLAIN, message="m")),
        ({"create_time": None}, replace(PLAIN, created_at=None)),
        ({"create_time": 0, "update_time": -1}, replace(PLAIN, created_at=None, updated_at=None)),
        ({"create_time": LATEST_TIME, "update_time": True}, replace(PLAIN, created_at=None, updated_at=None)),
        ({"code": 200}, PLAIN),
        ({"code": 0}, PLAIN),
        ({"code": "200", "error": None}, PLAIN),
        ({"code": True}, PLAIN),
        ({"surprise": [1]}, PLAIN),
    ],
)
def test_every_field_is_read_as_documented_or_left_out(changes: dict[str, Any], task: Task) -> None:
    assert decoded(DOCUMENTED | changes) == task


@pytest.mark.parametrize(
    ("value", "progress"),
    [
        (0, 0),
        (100, 100),
        (45.9, 45),
        ("45", 45),
        (" 45 % ", 45),
        ("1e2", 100),
        (-1, None),
        (101, None),
        (100.1, None),
        (10**400, None),
        ("", None),
        ("%", None),
        ("nan", None),
        ("inf", None),
        ("half", None),
        ("9" * 5_000, None),
        (True, None),
        (None, None),
        ([50], None),
    ],
)
def test_progress_is_a_percentage_or_nothing(value: Any, progress: int | None) -> None:
    assert decoded(DOCUMENTED | {"progress": value}).progress == progress


@pytest.mark.parametrize(
    ("data", "videos", "refused"),
    [
        ({"videos": [{"url": VIDEO}]}, (VIDEO,), ()),
        (
            {"videos": [{"url": VIDEO}, {"url": "https://a.b/2"}, {"url": VIDEO}]},
            (VIDEO, "https://a.b/2"),
            (),
        ),
        ({"videos": [VIDEO]}, (VIDEO,), ()),
        ({"videos": [{"url": "ftp://x"}, {"url": VIDEO}]}, (VIDEO,), ("ftp://x",)),
        ({"videos": [{"url": 7}, {"url": [VIDEO]}]}, (), ("int", "list")),
        ({"videos": [{}, {"url": None}, {"url": ""}, {"url": " "}, None, ""]}, (), ()),
        ({"videos": None}, (), ()),
        ({"videos": {"url": VIDEO}}, (), ()),
        ({"videos": VIDEO}, (), ()),
        ({}, (), ()),
        (None, (), ()),
        ([VIDEO], (), ()),
        ("x", (), ()),
    ],
)
def test_videos_are_sorted_and_an_empty_place_is_no_video(
    data: Any, videos: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    task = decoded(DOCUMENTED | {"data": data, "state": "succeeded"})
    assert (task.videos, task.refused_videos) == (videos, refused)
    assert task.is_terminal is bool(videos or refused)


def test_every_video_is_kept() -> None:
    videos = [{"url": f"https://a.b/{number}"} for number in range(5_000)]
    assert len(decoded(DOCUMENTED | {"data": {"videos": videos}}).videos) == 5_000


def test_fields_may_be_missing_but_for_the_state() -> None:
    assert decoded({"state": "running"}) == Task(TASK, TaskState.RUNNING, "running")


@pytest.mark.parametrize("render", EXAMPLES, ids=lambda render: render.name)
def test_every_simulated_render_is_understood_at_every_age(render: Any) -> None:
    for age in range(0, 300, 3):
        answer = render.answer(age + render.head_start, NOW, "https://a.b")
        if answer is not None:
            task = decoded(answer)
            assert task.state_text == answer["state"]
            assert task.progress == answer["progress"]
            assert task.videos == tuple(video["url"] for video in answer["data"]["videos"])


@pytest.mark.parametrize(("value", "progress"), [("0000000050", 50), ("00000000050", None)])
def test_a_number_as_text_has_ten_characters_at_most(value: str, progress: int | None) -> None:
    assert decoded(DOCUMENTED | {"progress": value}).progress == progress


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (1, 1),
        (0, None),
        (-1, None),
        (0.5, None),
        (LATEST_TIME - 1, LATEST_TIME - 1),
        (LATEST_TIME, None),
        (1_764_000_000.9, 1_764_000_000),
        ("1764000000", 1_764_000_000),
        (" 1764000000.25 ", 1_764_000_000),
        (1_764_000_000_123, 1_764_000_000),
        ("1764000000123", 1_764_000_000),
        (1_764_000_000_123.5, 1_764_000_000),
        (1_764_000_000_123_456, 1_764_000_000),
        (1_764_000_000_123_456_789, 1_764_000_000),
        (LATEST_TIME * 1000, None),
        (99_999_999_999, None),
        ("2025-11-24T16:00:00Z", 1_764_000_000),
        ("2025-11-25T00:00:00.5+08:00", 1_764_000_000),
        ("2025-11-24T16:00:00", None),
        ("9999-12-31T23:59:59-23:59", None),
        ("1e999", None),
        ("nan", None),
        ("yesterday", None),
        ("1" * 5_000, None),
        (10**400, None),
        (True, None),
        ([1], None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_time_is_seconds_or_finer_units_as_a_number_or_text(value: Any, time: int | None) -> None:
    assert decoded(DOCUMENTED | {"create_time": value}).created_at == time


def test_the_same_bytes_again_are_the_same_answer_and_others_are_not() -> None:
    def reported(status: int = 200, more: bytes = b"", **changes: Any) -> Task:
        body = json.dumps(DOCUMENTED | changes).encode() + more
        return decode(status, {}, body, TASK, NOW + 5, known=known)

    known: Task | None = None
    known = first = reported()
    assert reported() is first
    assert reported(progress=41).progress == 41
    assert reported(more=b" ") == first
    assert reported(more=b" ") is not first
    with pytest.raises(Unavailable):
        reported(503)
    known = replace(first, fingerprint=None)
    assert reported() is not known
