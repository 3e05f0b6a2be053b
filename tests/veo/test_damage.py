"""Bodies that were damaged on their way, made at random, and bodies made to take long."""

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from linear import linear
from made import TASK
from veo.answers import DOCUMENTED, decoded

from bot.core.task import Task
from bot.veo.errors import BrokenAnswer, VeoError
from bot.veo.fields import LATEST_TIME, TEXT_LIMIT, WORD_LIMIT
from bot.veo.protocol import LENIENT_LIMIT

MARK: Final = "HERE"
WHOLE: Final[dict[str, Any]] = DOCUMENTED | {
    "state": "error",
    "message": "Die Größe fehlt: 尺寸不对 \U0001f600",
}
QUOTES: Final = b'"\\'

damage: Final = st.lists(
    st.binary(max_size=6).map(lambda raw: raw.translate(None, QUOTES))  # invalid UTF-8, control characters
    | st.integers(0xD800, 0xDFFF).map(lambda half: f"\\u{half:04x}".encode())
    | st.integers(0xD800, 0xDFFF).map(lambda half: chr(half).encode("utf-8", "surrogatepass"))
    | st.integers(0, 0x1F).map(lambda control: bytes([control])),
    max_size=8,
).map(b"".join)


@given(damage, st.sampled_from([("note", WHOLE), ("note", DOCUMENTED), ("data", WHOLE)]), st.booleans())
def test_damage_inside_a_string_that_nobody_reads_changes_no_answer(
    damage: bytes, where: tuple[str, dict[str, Any]], first: bool
) -> None:
    name, body = where
    note = {"note": MARK} if name == "note" else {"data": {"videos": [], "prompt": [MARK]}}
    damaged = json.dumps(note | body | note if first else body | note).encode()
    assert decoded(damaged.replace(MARK.encode(), damage)) == decoded(body)


@given(damage, damage)
def test_damage_inside_the_message_leaves_the_rest_of_it(before: bytes, after: bytes) -> None:
    body = json.dumps(WHOLE | {"message": f"{MARK}the words{MARK}"}).encode()
    task = decoded(body.replace(MARK.encode(), before, 1).replace(MARK.encode(), after, 1))
    assert (task.state_text, task.progress) == ("error", 40)
    assert "the words" in task.message
    task.message.encode()


@given(st.data())
def test_any_damage_is_a_task_within_the_limits_or_a_typed_error(data: st.DataObject) -> None:
    body = bytearray(json.dumps(WHOLE | {"data": {"videos": [{"url": "https://a.b/c"}]}}).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(at, min(len(body), at + 12)))
        body[at:end] = data.draw(st.binary(max_size=4) | st.sampled_from([b'"', b"\\", b"{", b"]", b"\\u"]))
    within_limits(bytes(body))


FIELDS: Final = st.sampled_from(
    [
        *DOCUMENTED,
        "code",
        "error",
        "errors",
        "msg",
        "detail",
        "status",
        "task_status",
        "task_id",
        "task",
        "result",
    ]
)
WORDS: Final = st.sampled_from(
    [
        "failed",
        "COMPLETED",
        "not found",
        "401",
        "task_not_exist",
        "2025-01-01T00:00:00Z",
        "1e999",
        TASK,
        "\ud83d",
    ]
)
VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=25,
)


@given(VALUES, st.sampled_from([200, 201, 400, 403, 404, 410, 422, 429, 500]))
def test_any_value_is_a_task_within_the_limits_or_a_typed_error(value: Any, status: int) -> None:
    within_limits(json.dumps(value).encode(), status)


def within_limits(body: bytes, status: int = 200) -> None:
    """Check that a body is a task or an error that can be shown and stored."""
    try:
        found: Task | VeoError = decoded(body, status)
    except VeoError as error:
        found = error
    assert len(found.message) <= TEXT_LIMIT
    found.message.encode()
    if isinstance(found, VeoError):
        assert len(str(found).encode()) < 500
        return
    assert found.id == TASK
    assert found.state_text
    assert max(len(found.state_text), len(found.action)) <= WORD_LIMIT
    assert found.progress is None or 0 <= found.progress <= 100
    assert all(at is None or 0 < at < LATEST_TIME for at in (found.created_at, found.updated_at))
    for text in (found.state_text, found.action, *found.other_ids, *found.videos, *found.refused_videos):
        text.encode()
    assert decoded(body, status, known=found) is found


# Time

PIECES: Final = {
    "nested arrays": b"[",
    "nested objects": b'{"a":',
    "nested errors": b'{"error":',
    "nested data": b'{"data":',
    "nested messages": b'{"message":[',
    "backslashes": b"\\",
    "short escapes": b"\\u",
    "half escapes": b"\\ud83d",
    "quotes": b'"',
    "digits": b"9",
    "numbers": b"9" * 4_000 + b",",
    "spaces": b" ",
    "invalid bytes": b"\xff",
    "cut characters": b"\xf0\x9f",
    "constants": b"NaN,",
    "words": b"task not found ",
    "links": b"http://a.b/",
    "dots": b".",
}


@pytest.mark.parametrize("name", PIECES)
@pytest.mark.parametrize("size", [20_000, LENIENT_LIMIT, 1_000_000])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b'{"state": "error", "message": "', b'"}'),
        (b'{"state": "error", "message": [', b"]}"),
        (b'{"state": "error", "progress": ', b"}"),
        (b'{"state": "', b'"}'),
        (b'{"message": "', b'"}'),
        (b'{"code": "', b'"}'),
        (b'{"state": "succeeded", "data": {"videos": [{"url": "', b'"}]}}'),
        (b'{"state": "succeeded", "create_time": "', b'"}'),
    ],
)
def test_no_body_takes_long(name: str, size: int, before: bytes, after: bytes) -> None:
    body = before + PIECES[name] * (size // len(PIECES[name])) + after
    with linear():
        within_limits(body)


@pytest.mark.parametrize("depth", [10, 100, 500, 900, 5_000, 60_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"error":', "}"), ('{"data":', "}")])
def test_nesting_of_any_depth_is_read_or_refused(depth: int, opening: str, closing: str) -> None:
    for value in ("1", "NaN"):
        within_limits((opening * depth + value + closing * depth).encode())
        body = f'{{"state": "running", "x": {opening * depth}{value}{closing * depth}}}'.encode()
        if depth <= 100:
            assert decoded(body) == decoded({"state": "running"})
        else:
            within_limits(body)


def test_the_second_reading_is_for_bodies_of_a_plausible_size() -> None:
    damaged = json.dumps(WHOLE | {"note": MARK}).encode().replace(MARK.encode(), b"\xff")
    room = LENIENT_LIMIT - len(damaged)
    assert decoded(damaged + b" " * room) == decoded(WHOLE)
    with pytest.raises(BrokenAnswer):
        decoded(damaged + b" " * (room + 1))
