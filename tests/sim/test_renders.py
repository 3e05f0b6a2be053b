"""The scripted renders, by age alone."""

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from jsonschema import validate

from sim.task_api import renders
from sim.task_api.renders import EXAMPLES, Render, Step

BORN = 1_700_000_000.0
BASE = "http://api.test/media"

# The answer's schema, from the API's document.
ANSWER = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "state": {"enum": ["pending", "running", "succeeded", "error"]},
        "data": {
            "type": "object",
            "properties": {
                "videos": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"url": {"type": "string"}},
                        "required": ["url"],
                    },
                }
            },
            "required": ["videos"],
        },
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
        "create_time": {"type": "integer"},
        "update_time": {"type": "integer"},
        "message": {"type": "string"},
        "action": {"enum": ["generate", "remix"]},
    },
    "required": ["id", "state", "data", "progress", "create_time", "update_time", "message", "action"],
    "additionalProperties": False,
}


def life(render: Render, until: int = 300) -> list[dict[str, Any]]:
    """Return every answer of the first `until` seconds, one a second, without the 404s."""
    answers = [render.answer(age, BORN, BASE) for age in range(until)]
    return [answer for answer in answers if answer is not None]


def known(render: Render, age: float) -> dict[str, Any]:
    answer = render.answer(age, BORN, BASE)
    assert answer is not None
    return answer


@pytest.mark.parametrize("render", EXAMPLES, ids=lambda render: render.name)
def test_every_answer_follows_the_document(render: Render) -> None:
    for answer in {answer["update_time"]: answer for answer in life(render)}.values():
        validate(answer, ANSWER)
        assert answer["id"] == render.id
        assert answer["create_time"] == BORN


@pytest.mark.parametrize("render", EXAMPLES, ids=lambda render: render.name)
def test_progress_never_falls_and_the_update_time_moves_with_a_change_only(render: Render) -> None:
    answers = life(render)
    for one, other in pairwise(answers):
        assert other["progress"] >= one["progress"]
        assert (other["update_time"] != one["update_time"]) == (other != one)


def test_the_ids_are_uuids_and_easy_to_tell_apart() -> None:
    assert len({render.id[:8] for render in EXAMPLES}) == len(EXAMPLES)
    for render in EXAMPLES:
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}", render.id)
        assert render in renders.TAKES or getattr(renders, render.name) is render
        assert render.says.endswith(".")


def test_succeeds_waits_renders_unevenly_for_a_minute_and_has_two_videos() -> None:
    answers = life(renders.SUCCEEDS)
    assert [answers[0]["state"], answers[4]["state"], answers[5]["state"]] == [
        "pending",
        "pending",
        "running",
    ]
    assert answers[60]["state"] == "running"
    assert answers[61]["state"] == "succeeded"
    assert answers[61]["progress"] == 100
    urls = [f"{BASE}/{name}.mp4?{renders.SIGNATURE}" for name in ("sunrise", "waves")]
    assert answers[61]["data"] == {"videos": [{"url": url} for url in urls]}
    assert 400 <= len(renders.SIGNATURE) <= 600
    assert len({answer["progress"] for answer in answers}) > 10
    assert all(answer["data"] == {"videos": []} for answer in answers[:61])


def test_fails_stops_at_45_percent_with_a_message() -> None:
    end = known(renders.FAILS, 29)
    assert (end["state"], end["progress"]) == ("error", 45)
    assert "content policy" in end["message"]
    assert known(renders.FAILS, 28)["state"] == "running"


def test_stalls_rests_at_72_percent_for_ever() -> None:
    assert known(renders.STALLS, 40) == known(renders.STALLS, 1e9)
    assert (known(renders.STALLS, 40)["state"], known(renders.STALLS, 40)["progress"]) == ("running", 72)


def test_queues_waits_three_minutes_and_succeeds() -> None:
    assert known(renders.QUEUES, 179)["state"] == "pending"
    assert known(renders.QUEUES, 180)["state"] == "running"
    assert len(known(renders.QUEUES, 240)["data"]["videos"]) == 1


def test_finished_is_done_when_it_is_asked_for_first() -> None:
    first = known(renders.FINISHED, renders.FINISHED.head_start)
    assert first["state"] == "succeeded"
    assert first["update_time"] < BORN + renders.FINISHED.head_start


def test_empty_succeeds_without_a_video() -> None:
    end = known(renders.EMPTY, 20)
    assert (end["state"], end["progress"], end["data"]) == ("succeeded", 100, {"videos": []})


def test_vanishes_is_known_for_20_seconds_only() -> None:
    assert known(renders.VANISHES, 19.9)["state"] == "running"
    assert renders.VANISHES.answer(20, BORN, BASE) is None


def test_late_appears_after_8_seconds() -> None:
    assert renders.LATE.answer(7.9, BORN, BASE) is None
    assert known(renders.LATE, 8)["state"] == "pending"
    assert known(renders.LATE, 36)["state"] == "succeeded"


def test_stands_still_has_done_so_for_ten_minutes() -> None:
    first = known(renders.STANDS_STILL, renders.STANDS_STILL.head_start)
    assert (first["state"], first["progress"]) == ("running", 64)
    assert first["update_time"] == BORN + renders.STANDS_STILL.head_start - 600


def test_the_takes_end_one_after_the_other_within_a_minute() -> None:
    ends = [render.steps[-1] for render in renders.TAKES]
    assert [step.at for step in ends] == [24, 36, 44, 56]
    assert [step.state for step in ends] == ["succeeded", "error", "succeeded", "succeeded"]


def test_a_clock_that_was_set_back_sees_the_beginning() -> None:
    assert known(renders.SUCCEEDS, -5) == known(renders.SUCCEEDS, 0)


@pytest.mark.parametrize("render", EXAMPLES, ids=lambda render: render.name)
def test_speed_divides_every_duration(render: Render) -> None:
    fast = render.at_speed(4)
    for age in range(0, 300, 3):
        slow_answer, fast_answer = render.answer(age, BORN, BASE), fast.answer(age / 4, BORN, BASE)
        if slow_answer is None or fast_answer is None:
            assert slow_answer is fast_answer
        else:
            assert {**slow_answer, "update_time": 0} == {**fast_answer, "update_time": 0}
            elapsed = slow_answer["update_time"] - int(BORN)
            assert fast_answer["update_time"] - int(BORN) == elapsed // 4
    assert fast.head_start == render.head_start / 4


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        renders.SUCCEEDS.at_speed(speed)


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ((), "first step"),
        ((Step(1, "pending"),), "first step"),
        ((Step(0, "pending"), Step(0, "running")), "comes after"),
        ((Step(0, "running", 9), Step(1, "running", 8)), "progress falls"),
    ],
)
def test_a_script_that_no_api_would_tell_is_refused(steps: tuple[Step, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        replace(renders.SUCCEEDS, steps=steps)
