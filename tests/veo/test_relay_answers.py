"""Answers as relays send them, with the right reading of each."""

import json
from dataclasses import replace
from typing import Any, Final

import pytest
from made import TASK, VIDEO
from veo.answers import DOCUMENTED, decoded

from bot.core.task import Task, TaskState
from bot.veo.errors import TaskNotFound

SECONDS: Final = 1_764_000_000
RUNNING: Final = DOCUMENTED | {"create_time": SECONDS, "update_time": SECONDS + 100}
FAILED: Final = RUNNING | {"state": "error", "message": "The prompt was refused."}
DONE: Final = RUNNING | {"state": "succeeded", "progress": 100, "data": {"videos": [{"url": VIDEO}]}}
NOTHING: Final[dict[str, Any]] = dict.fromkeys(("state", "message"))


def raw(body: dict[str, Any], **changes: str) -> bytes:
    """Return a body in which words are replaced by bytes that JSON does not know."""
    text = json.dumps(body, ensure_ascii=False)
    for word, damage in changes.items():
        text = text.replace(word, damage)
    return text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    "code", [-1, 0, 1, 400, 401, 403, 404, "404", 410, 429, 500, 503, "failed", None, [], {}]
)
@pytest.mark.parametrize("place", ["code", "status", "status_code", "error", "error.code"])
@pytest.mark.parametrize("body", [RUNNING, FAILED, DONE], ids=["running", "failed", "done"])
def test_a_state_is_a_task_whatever_codes_stand_beside_it(
    body: dict[str, Any], place: str, code: Any
) -> None:
    outer, _, inner = place.partition(".")
    answer = decoded(body | {outer: {inner: code, "message": "model not found"} if inner else code})
    expected = decoded(body)
    assert replace(answer, message="") == replace(expected, message="")
    assert not expected.message or answer.message == expected.message


# Damage

HALF: Final = "\\ud83d"
DAMAGED: Final = {
    "half an emoji": (HALF, "\ufffd"),
    "the other half": ("\\ude00", "\ufffd"),
    "halves that belong together": ("\\ud83d\\ude00", "\U0001f600"),
    "two first halves": (HALF * 2, "\ufffd\ufffd"),
    "a character that is cut": ("\udce8\udca7", "\ufffd"),
    "bytes of another charset": ("\udcc4\udce3", "\ufffd\ufffd"),
    "half an emoji in bytes": ("\udced\udca0\udcbd", "\ufffd\ufffd\ufffd"),
    "a raw newline": ("\n", "\n"),
    "a raw tab": ("\t", "\t"),
    "a null": ("\x00", "\x00"),
    "a delete": ("\x7f", "\x7f"),
    "a path": ("C:\\old\\x", "C:\\old\\x"),
    "an escape of another language": ("\\x41\\'", "\\x41'"),
    "a short escape": ("\\u12 and \\uZZZZ", "\\u12 and \\uZZZZ"),
    "an escaped backslash": ("\\\\x", "\\x"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_in_a_string_is_replaced(kind: str) -> None:
    damage, read = DAMAGED[kind]
    task = decoded(raw(FAILED | {"message": "before HERE after"}, HERE=damage))
    assert task == replace(decoded(FAILED), message=f"before {read} after")


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("body", [RUNNING, FAILED, DONE], ids=["running", "failed", "done"])
def test_damage_where_nobody_reads_changes_nothing(kind: str, body: dict[str, Any]) -> None:
    assert decoded(raw({"prompt": "a cat HERE"} | body, HERE=DAMAGED[kind][0])) == decoded(body)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_know_are_none(constant: str) -> None:
    assert decoded(raw(DONE | {"cost": 7_777}, **{"7777": constant})) == decoded(DONE)
    assert decoded(raw(DONE | {"progress": 7_777}, **{"7777": constant})).progress is None
    assert decoded(raw(DONE | {"create_time": 7_777}, **{"7777": constant})).created_at is None


@pytest.mark.parametrize("body", [RUNNING, DONE])
def test_a_byte_order_mark_is_left_out(body: dict[str, Any]) -> None:
    assert decoded(b"\xef\xbb\xbf" + raw(body)) == decoded(body)


def test_the_same_damage_again_is_the_same_answer() -> None:
    body = raw(FAILED | {"message": "HERE"}, HERE=HALF)
    first = decoded(body)
    assert decoded(body, known=first) is first
    assert decoded(body + b" ", known=first) == first


# States

STATES: Final = {
    TaskState.PENDING: (
        "pending PENDING queued QUEUED in_queue waiting submitted SUBMITTED NOT_START not-started created"
        " throttled starting TASK_STATUS_QUEUED 排队中"
    ),
    TaskState.RUNNING: (
        "running Running processing PROCESSING in_progress IN_PROGRESS in-progress InProgress generating"
        " rendering started JOB_STATE_RUNNING 生成中"
    ),
    TaskState.SUCCEEDED: (
        "succeeded SUCCEEDED success SUCCESS succeed completed COMPLETED Complete done finished"
        " Task_Completed TASK_STATUS_SUCCEED JOB_STATE_SUCCEEDED 已成功"
    ),
    TaskState.ERROR: (
        "error ERROR failed FAILED fail FAILURE cancelled canceled expired timeout timed_out rejected"
        " moderation_blocked content-moderated aborted generation_failed TASK_STATUS_FAILED 失败"
    ),
    TaskState.UNKNOWN: (
        "paused ready stopped cancelling unfailed failedover undone not_completed ok true 0 200 x"
    ),
}


@pytest.mark.parametrize(
    ("state", "text"), [(state, text) for state, texts in STATES.items() for text in texts.split()]
)
def test_states_are_understood_in_any_spelling_and_kept_as_they_came(state: TaskState, text: str) -> None:
    for spelt in (text, f" {text} ", text.replace("_", " "), text.replace("_", "-")):
        task = decoded(RUNNING | {"state": spelt})
        assert (task.state, task.state_text) == (state, spelt.strip())


@pytest.mark.parametrize("text", ["not_found", "Task not found"])
def test_a_state_may_say_that_there_is_no_task(text: str) -> None:
    with pytest.raises(TaskNotFound):
        decoded(RUNNING | {"state": text})


# Messages


@pytest.mark.parametrize(
    "words",
    [
        {"message": "Words."},
        {"message": {"code": "policy", "message": "Words."}},
        {"message": {"error": {"detail": ["Words."]}}},
        {"message": ["", "Words.", "more"]},
        {"msg": "Words."},
        {"error": "Words."},
        {"error": {"message": "Words.", "code": "policy"}},
        {"error": {"code": "Words."}},
        {"error": [{"message": "Words."}]},
        {"detail": "Words."},
        {"detail": [{"loc": ["prompt"], "msg": "Words."}]},
        {"reason": "Words."},
        {"fail_reason": "Words."},
        {"failReason": "Words."},
        {"failure": "Words."},
        {"task_status_msg": "Words."},
        {"data": {"message": "Words.", "videos": []}},
        {"data": {"error": {"message": "Words."}}},
        {"data": {"fail_reason": "Words."}},
        {"message": "", "msg": None, "error": {}, "detail": [], "reason": 7, "fail_reason": "Words."},
        {"message": "failed", "fail_reason": "Words."},
        {"message": "success", "error": {"message": "Words."}},
        {"message": "Words.", "error": {"message": "model not found"}},
        {"state": "Words timeout", "message": "Words."},
    ],
    ids=str,
)
def test_the_words_of_the_api_are_found_where_they_stand(words: dict[str, Any]) -> None:
    assert decoded(FAILED | {"message": None} | words).message == "Words."


@pytest.mark.parametrize(
    ("state", "message"), [("error", ""), ("FAILED", ""), ("timeout", "timeout"), ("CANCELLED", "CANCELLED")]
)
def test_a_state_that_says_why_is_the_message_where_there_is_no_other(state: str, message: str) -> None:
    assert decoded(FAILED | {"state": state, "message": ""}).message == message


# Envelopes


def inner(status: str, **more: Any) -> dict[str, Any]:
    """Return a task as relays call its fields."""
    return {"task_id": TASK, "status": status, "progress": "40%", "created_at": SECONDS * 1000} | more


PLAIN: Final = Task(TASK, TaskState.RUNNING, "IN_PROGRESS", 40, created_at=SECONDS)


@pytest.mark.parametrize(
    ("answer", "task"),
    [
        ({"code": 200, "msg": "success", "data": RUNNING}, decoded(RUNNING)),
        ({"code": 0, "data": {"task": RUNNING}}, decoded(RUNNING)),
        ({"task": DONE}, decoded(DONE)),
        ({"result": DONE, "error": None}, decoded(DONE)),
        ({"code": 404, "data": FAILED}, decoded(FAILED)),
        ({"status": "success", "task_id": TASK, "data": RUNNING}, decoded(RUNNING)),
        (inner("IN_PROGRESS"), PLAIN),
        ({"code": "success", "message": "", "data": inner("IN_PROGRESS", data=None)}, PLAIN),  # new-api
        ({"status": "IN_PROGRESS", "progress": 40, "created_at": SECONDS}, PLAIN),
        (inner("weird"), replace(PLAIN, state=TaskState.UNKNOWN, state_text="weird")),
        (
            inner("failed", error={"code": "x", "message": "Words."}),  # Sora
            replace(PLAIN, state=TaskState.ERROR, state_text="failed", message="Words."),
        ),
        (
            {
                "code": 0,
                "message": "SUCCEED",
                "data": {  # Kling
                    "task_id": TASK,
                    "task_status": "succeed",
                    "task_status_msg": "",
                    "task_result": {"videos": [{"id": "1", "url": VIDEO, "duration": "5"}]},
                },
            },
            Task(TASK, TaskState.SUCCEEDED, "succeed", videos=(VIDEO,)),
        ),
        (
            {"id": TASK, "status": "SUCCEEDED", "output": [VIDEO]},  # Runway
            Task(TASK, TaskState.SUCCEEDED, "SUCCEEDED", videos=(VIDEO,)),
        ),
        (
            {"id": TASK, "status": "completed", "video_url": VIDEO},
            Task(TASK, TaskState.SUCCEEDED, "completed", videos=(VIDEO,)),
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_task_is_found_inside_the_envelopes_of_relays(answer: dict[str, Any], task: Task) -> None:
    assert decoded(answer) == task


@pytest.mark.parametrize(
    ("ids", "other"),
    [
        ({"id": TASK}, ()),
        ({"id": TASK.upper()}, ()),
        ({"id": f" {TASK} "}, ()),
        ({"id": None}, ()),
        ({"id": ["x"]}, ()),
        ({"id": ""}, ()),
        ({"id": "another"}, ("another",)),
        ({"id": 17}, ("17",)),
        ({"id": 17, "task_id": TASK}, ()),
        ({"id": TASK, "task_id": "another"}, ()),
        ({"id": None, "task_id": "another"}, ("another",)),
        ({"id": 17, "task_id": "another"}, ("17", "another")),
        ({"id": "x" * 999}, ("x" * 100,)),
    ],
    ids=str,
)
def test_another_id_in_the_answer_is_kept(ids: dict[str, Any], other: tuple[str, ...]) -> None:
    task = decoded(RUNNING | ids)
    assert (task.id, task.other_ids) == (TASK, other)
    assert decoded({"id": TASK, "data": RUNNING | ids}).other_ids == other or not ids.get("id")
