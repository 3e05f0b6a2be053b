"""From statuses, envelopes and bodies made to hurt to typed errors; and Retry-After."""

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import NOW, TASK
from veo.answers import DOCUMENTED, decoded

from bot.core.events import Failure, Missing, PollError
from bot.demo.render_answers import Answer, deep_json, error_envelope, html_page, nan_progress
from bot.veo.errors import (
    BrokenAnswer,
    KeyRefused,
    RateLimited,
    TaskNotFound,
    TaskRefused,
    Unavailable,
    VeoError,
    as_event,
)
from bot.veo.protocol import LATEST_TIME, TEXT_LIMIT, WORD_LIMIT, retry_after


@pytest.mark.parametrize(
    ("status", "kind", "event"),
    [
        (401, KeyRefused, Failure(PollError.KEY_REFUSED)),
        (403, KeyRefused, Failure(PollError.KEY_REFUSED)),
        (404, TaskNotFound, Missing()),
        (429, RateLimited, Failure(PollError.RATE_LIMITED, 7.0)),
        (500, Unavailable, Failure(PollError.UNAVAILABLE)),
        (503, Unavailable, Failure(PollError.UNAVAILABLE)),
        (999, Unavailable, Failure(PollError.UNAVAILABLE)),
        (0, BrokenAnswer, Failure(PollError.BROKEN)),
        (101, BrokenAnswer, Failure(PollError.BROKEN)),
        (302, BrokenAnswer, Failure(PollError.BROKEN)),
        (400, TaskRefused, Failure(PollError.TASK_REFUSED)),
        (410, TaskRefused, Failure(PollError.TASK_REFUSED)),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", json.dumps(DOCUMENTED).encode()])
def test_a_status_is_one_kind_of_error_whatever_the_body_says(
    status: int, kind: type[VeoError], event: Missing | Failure, body: bytes
) -> None:
    if status in {403, 404} and body == b"<html>":  # a page is no word about a task or a key
        kind, event = Unavailable, Failure(PollError.UNAVAILABLE)
    with pytest.raises(VeoError) as error:
        decoded(body, status, {"retry-after": "7"})
    assert type(error.value) is kind
    assert as_event(error.value) == event


@pytest.mark.parametrize(
    ("envelope", "kind"),
    [
        ({"code": 403, "msg": "invalid api key"}, KeyRefused),
        ({"code": "401", "data": None}, KeyRefused),
        (DOCUMENTED | {"code": 403}, KeyRefused),
        ({"error": {"code": 403, "message": "no"}}, KeyRefused),
        ({"code": 404, "message": "task not found"}, TaskNotFound),
        ({"code": 429}, RateLimited),
        ({"code": 500, "msg": "oops", "data": None}, BrokenAnswer),
        ({"code": 10**30}, BrokenAnswer),
        ({"code": "9" * 900}, BrokenAnswer),
        ({"code": -1, "error": "x"}, BrokenAnswer),
        ({"code": 403.0}, BrokenAnswer),
        ({"code": {"a": 1}, "error": ["x"]}, BrokenAnswer),
        ({"message": "no state"}, BrokenAnswer),
        ({"state": None}, BrokenAnswer),
        ({"state": " "}, BrokenAnswer),
        ({"state": 7}, BrokenAnswer),
        ({}, BrokenAnswer),
    ],
)
def test_an_error_inside_a_success_is_an_error(envelope: dict[str, Any], kind: type[VeoError]) -> None:
    with pytest.raises(VeoError) as error:
        decoded(envelope)
    assert type(error.value) is kind


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"running"',
        b"{",
        b"\xff\xfe",
        b'{"state": "\\ud800"}',
        b'{"state": "running", "progress": Infinity}',
        b'{"state": "running", "progress": ' + b"9" * 5_000 + b"}",
        b'{"a":' * 100_000,
        deep_json().body,
        html_page().body,
        nan_progress(TASK).body,
    ],
    ids=lambda body: str(body[:20]),
)
def test_bodies_made_to_hurt_are_broken_answers(body: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        decoded(body)


def test_an_answer_of_the_simulated_api_that_refuses_inside_a_success() -> None:
    answer: Answer = error_envelope()
    with pytest.raises(KeyRefused):
        decoded(answer.body, answer.status)


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from([*DOCUMENTED, "code", "error", "videos", "url"]), inner)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from([*DOCUMENTED, "code", "error", "msg"]), JSON), st.booleans())
def test_any_object_is_a_task_within_the_limits_or_a_typed_error(body: dict[str, Any], running: bool) -> None:
    try:
        task = decoded(body | ({"state": "running"} if running else {}))
    except VeoError:
        return
    assert task.id == TASK
    assert task.progress is None or 0 <= task.progress <= 100
    assert len(task.message) <= TEXT_LIMIT
    assert max(len(task.state_text), len(task.action)) <= WORD_LIMIT
    assert all(at is None or 0 < at < LATEST_TIME for at in (task.created_at, task.updated_at))


@given(st.binary())
def test_any_bytes_are_a_task_or_a_typed_error(body: bytes) -> None:
    with pytest.raises(VeoError):
        decoded(body)


# Retry-After


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("0", 0.0),
        ("9" * 4_000, 999_999_999_999.0),
        (format_datetime(datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=30), usegmt=True), 30.0),
        (format_datetime(datetime.fromtimestamp(NOW, UTC) - timedelta(seconds=30), usegmt=True), -30.0),
        ((datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=30)).strftime("%a %b %d %H:%M:%S %Y"), 30.0),
        ("", None),
        ("-5", None),
        ("1e9", None),
        ("٣", None),
        ("soon", None),
        ("Mon, 99 Foo 9999999999 99:99:99 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -9999", None),
        ("\udcff", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_an_odd_time_zone_of_the_machine_changes_no_date(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (datetime.fromtimestamp(NOW, UTC)).strftime("%a %b %d %H:%M:%S %Y")
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        assert retry_after(text, NOW) == 0
    time.tzset()


DATES: Final = st.lists(
    st.sampled_from(
        [
            "Mon,",
            "21",
            "Oct",
            "2015",
            "07:28:00",
            "GMT",
            "-0000",
            "+9999",
            "99",
            "1:2:3:4",
            "-",
            "AM",
            "12-Oct-99",
        ]
    )
    | st.text(),
    max_size=8,
)


@given(DATES.map(" ".join))
def test_no_date_is_too_odd(value: str) -> None:
    assert isinstance(retry_after(value, NOW), float | None)


# What an error says, for the log


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (401, b"", "status 401"),
        (404, b"", "status 404"),
        (429, b"", "status 429"),
        (503, b"", "status 503"),
        (410, b"", "status 410"),
        (200, {"code": 404}, "code 404 inside a 200"),
        (200, {"code": "1234567890"}, "no state in the answer (code 123456789)"),
    ],
)
def test_an_error_says_what_came(status: int, body: Any, text: str) -> None:
    with pytest.raises(VeoError) as error:
        decoded(body, status)
    assert str(error.value) == text


def test_a_limit_until_a_date_counts_from_the_answer() -> None:
    headers = {"Retry-After": format_datetime(datetime.fromtimestamp(NOW + 40, UTC), usegmt=True)}
    with pytest.raises(RateLimited) as error:
        decoded(b"", 429, headers)
    event = as_event(error.value)
    assert isinstance(event, Failure)
    assert event.retry_after == pytest.approx(40, abs=1)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1.2.3", None),
        ("1.2", 1.2),
        ("Wed, 21 Oct 2026 09:28:00 +0200", 60.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 60.0),
    ],
)
def test_a_wish_is_read_as_it_is_meant(value: str, seconds: float | None) -> None:
    now = datetime(2026, 10, 21, 7, 27, tzinfo=UTC).timestamp()
    assert retry_after(value, now) == seconds
