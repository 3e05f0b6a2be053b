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

from bot.core.events import ErrorKind, Missing, PollError
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
from bot.veo.fields import LATEST_TIME, TEXT_LIMIT, WORD_LIMIT
from bot.veo.quotas import retry_after
from sim.task_api.answers import Answer, deep_json, error_envelope

UNAVAILABLE: Final = PollError(ErrorKind.UNAVAILABLE)
OBJECT: Final = json.dumps(DOCUMENTED | {"message": "Words."}).encode()
PAGE: Final = b"<!DOCTYPE html><title>Just a moment...</title>"
TEXT: Final = b"404 page not found\n"  # what Traefik says while the backend is down, traefik#5332


@pytest.mark.parametrize(
    ("status", "of_object", "of_page", "of_nothing"),
    [
        (401, KeyRefused, KeyRefused, KeyRefused),
        (403, KeyRefused, Unavailable, Unavailable),
        (404, TaskNotFound, Unavailable, Unavailable),
        (410, TaskNotFound, Unavailable, Unavailable),
        (429, RateLimited, RateLimited, RateLimited),
        *((status, TaskRefused, Unavailable, TaskRefused) for status in (400, 402, 405, 409, 422, 451, 499)),
        *(
            (status, Unavailable, Unavailable, Unavailable)
            for status in (0, 101, 301, 302, 304, 307, 500, 502, 503, 504, 520, 999)
        ),
        (200, None, Unavailable, Unavailable),
        (204, None, Unavailable, Unavailable),
    ],
)
def test_a_status_is_one_kind_of_error_by_who_wrote_the_body(
    status: int, of_object: type[VeoError] | None, of_page: type[VeoError], of_nothing: type[VeoError]
) -> None:
    for kind, body, content_type in (
        (of_object, OBJECT, "application/json"),
        (of_object, OBJECT, "text/html"),
        (of_page, PAGE, "text/html"),
        (of_page, b"\xef\xbb\xbf \n" + PAGE, "application/json"),
        (of_page, TEXT, "text/plain"),
        (of_page, TEXT, ""),
        (of_page, TEXT, "application/json"),
        (of_page, b"no healthy upstream", "application/json; charset=utf-8"),
        (of_nothing, b"", "application/json"),
        (of_nothing, b" \r\n", "text/plain"),
    ):
        if kind is None:
            assert decoded(body, status, {"Content-Type": content_type}).message == "Words."
            continue
        with pytest.raises(VeoError) as error:
            decoded(body, status, {"Content-Type": content_type, "retry-after": "7"})
        assert type(error.value) is kind
        assert error.value.message == ("Words." if body is OBJECT else "")


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (TaskNotFound("x", "m"), Missing("m")),
        (TaskRefused("x", "m"), PollError(ErrorKind.TASK_REFUSED, message="m")),
        (KeyRefused("x", "m"), PollError(ErrorKind.KEY_REFUSED, message="m")),
        (RateLimited("x", 7.0, "m"), PollError(ErrorKind.RATE_LIMITED, 7.0, "m")),
        (Unavailable("x", "m"), PollError(ErrorKind.UNAVAILABLE, message="m")),
        (BrokenAnswer("x", "m"), PollError(ErrorKind.BROKEN, message="m")),
    ],
)
def test_an_error_is_one_event_and_keeps_the_words(error: VeoError, event: Missing | PollError) -> None:
    assert as_event(error) == event


@pytest.mark.parametrize("status", [200, 400, 403, 404, 410, 422])
@pytest.mark.parametrize("body", [b'{"message": "cut o', b'\xfb"id": 1}', b"[1, 2", b"9" * 5_000])
def test_json_that_is_damaged_beyond_repair_is_a_broken_answer(status: int, body: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        decoded(body, status)


@pytest.mark.parametrize(
    ("envelope", "kind"),
    [
        ({"code": 403, "msg": "invalid api key"}, KeyRefused),
        ({"code": "401", "data": None}, KeyRefused),
        ({"error": {"code": 403, "message": "no"}}, KeyRefused),
        ({"code": 403.0}, KeyRefused),
        ({"error": {"type": "authentication_error", "message": "bad key"}}, KeyRefused),
        ({"code": "INVALID_API_KEY", "message": "The key was revoked."}, KeyRefused),
        ({"error": "unauthorized"}, KeyRefused),
        ({"status": 401, "title": "Unauthorized"}, KeyRefused),
        ({"code": 404, "message": "task not found"}, TaskNotFound),
        ({"code": 410}, TaskNotFound),
        ({"code": "task_not_exist", "message": "task_not_exist", "data": None}, TaskNotFound),
        ({"code": 500, "msg": "task_not_exist"}, TaskNotFound),
        ({"code": 0, "message": "record not found"}, TaskNotFound),
        ({"success": False, "error": {"message": "No such task"}}, TaskNotFound),
        ({"error": [{"reason": "notFound"}]}, TaskNotFound),
        ({"code": 200, "data": {"code": 404, "msg": "?"}}, TaskNotFound),
        ({"detail": [{"msg": "Task not found", "loc": ["path"]}]}, TaskNotFound),
        ("task not found", TaskNotFound),
        ({"code": 429}, RateLimited),
        ({"error": {"code": "rate_limit_exceeded"}}, RateLimited),
        ({"message": "Too Many Requests"}, RateLimited),
        ({"code": "RATELIMIT"}, RateLimited),
        ({"success": False, "message": "rate limited"}, RateLimited),
        ({"code": -1, "message": "Too many requests, please try again later."}, RateLimited),
        ({"code": 500, "msg": "请求过于频繁，请稍后再试"}, RateLimited),
        # Zhipu's documented code for too many requests
        ({"code": "1302", "msg": "您的账户已达到速率限制，请您控制请求频率"}, RateLimited),
        ({"code": 400, "message": "frame rate limit is 60 per second"}, TaskRefused),
        ({"code": 500, "msg": "oops", "data": None}, Unavailable),
        ({"code": "502"}, Unavailable),
        ({"error": {"code": "internal_server_error", "message": "?"}}, Unavailable),
        ({"message": "Service Unavailable"}, Unavailable),
        ({"code": -1, "msg": "系统繁忙"}, Unavailable),
        ({"code": 10**30}, TaskRefused),
        ({"code": "9" * 900}, TaskRefused),
        ({"code": -1, "error": "x"}, TaskRefused),
        ({"code": "--1"}, TaskRefused),
        ({"code": {"a": 1}, "error": ["x"]}, TaskRefused),
        ({"code": 1001, "message": "model not found"}, TaskRefused),
        ({"status": "error", "message": "task belongs to another account"}, TaskRefused),
        ({"id": "another", "status": "failed", "message": "no"}, TaskRefused),
        ({"success": False}, TaskRefused),
        ({"error": True}, TaskRefused),
        ({"errors": [{"message": "no"}]}, TaskRefused),
        ({"code": 200, "message": "success", "data": None}, BrokenAnswer),
        ({"status": "processing"}, BrokenAnswer),
        ({"message": "no state"}, BrokenAnswer),
        ({"error": {"code": 0, "message": "", "detail": None}}, BrokenAnswer),
        ({"state": None}, BrokenAnswer),
        ({"state": " "}, BrokenAnswer),
        ({"state": 7}, BrokenAnswer),
        ({"data": [DOCUMENTED]}, BrokenAnswer),
        ([DOCUMENTED], BrokenAnswer),
        ({}, BrokenAnswer),
    ],
    ids=str,
)
def test_an_error_inside_a_success_is_an_error(envelope: Any, kind: type[VeoError]) -> None:
    with pytest.raises(VeoError) as error:
        decoded(envelope)
    assert type(error.value) is kind


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"code": "task_not_exist", "message": "task_not_exist"}, TaskNotFound),
        ({"message": "Task has expired"}, TaskNotFound),
        ({"detail": [{"msg": "No such task"}]}, TaskNotFound),
        ("no such task", TaskNotFound),
        ({"error": {"code": "API_KEY_INVALID"}}, KeyRefused),
        ({"error": {"code": "rate_limit_exceeded"}}, RateLimited),
        ({"code": 404, "message": "bad"}, TaskRefused),
        ({"code": 500, "message": "internal error"}, TaskRefused),
        ({"message": "task belongs to another account"}, TaskRefused),
        ({"message": "model not found"}, TaskRefused),
        ({}, TaskRefused),
        ([], TaskRefused),
    ],
    ids=str,
)
def test_a_bad_request_says_in_its_words_what_is_bad(status: int, body: Any, kind: type[VeoError]) -> None:
    with pytest.raises(VeoError) as error:
        decoded(body, status)
    assert type(error.value) is kind


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        # KnpLabs/php-github-api#1070, hub4j/github-api#2009: nothing but the words tells them from a bad key
        ("API rate limit exceeded for installation ID 7.", RateLimited),
        ("You have exceeded a secondary rate limit. Please wait a few minutes.", RateLimited),
        ("请求过于频繁", RateLimited),
        ("Invalid API key.", KeyRefused),
    ],
)
def test_a_limit_that_is_answered_403_is_not_held_against_the_key(message: str, kind: type[VeoError]) -> None:
    with pytest.raises(VeoError) as error:
        decoded({"message": message}, 403, {"Retry-After": "9"})
    assert type(error.value) is kind


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"message": "task belongs to another account"}, "task belongs to another account"),
        ({"error": {"code": "no_access", "message": "Not yours."}}, "Not yours."),
        ({"error": {"code": "no_access"}}, "no_access"),
        ({"code": "no_access", "message": ""}, "no_access"),
        ({"code": 1234, "data": {"fail_reason": "Not yours."}}, "Not yours."),
        ({"code": "half \ud83d"}, "half \ufffd"),
        ({"errors": ["", {"detail": " Not yours.\ud83d "}]}, "Not yours.\ufffd"),
        ({"message": "x" * 99_999}, "x" * TEXT_LIMIT),
        ("Not yours.", "Not yours."),
        ({"code": 12}, ""),
    ],
)
def test_an_error_keeps_the_words_of_the_api(body: Any, message: str) -> None:
    with pytest.raises(TaskRefused) as error:
        decoded(body, 422)
    assert error.value.message == message


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b'"running"',
        b"{",
        b"\xff\xfe",
        b'{"state": "running"',
        b'{"state": "running"} {"state": "error"}',
        b"{'state': 'running'}",
        b'{"state": "C:\\"}',
        b'{"state": "running", "progress": ' + b"9" * 5_000 + b"}",
        b'{"a":' * 100_000,
        deep_json().body,
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


@pytest.mark.slow
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
        ("9" * 4_000, None),
        ("86400", 86_400.0),
        ("0.493", 0.493),  # SpaceTradersAPI/api-docs#24
        (f"{NOW + 30:.0f}", 30.0),  # openclaw/clawhub#407: a client would wait for 56 years
        (f"{(NOW + 30) * 1e3:.0f}", 30.0),
        ("6m0s", 360.0),
        ("7, 7", 7.0),
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
    assert retry_after({} if value is None else {"Retry-After": value}, NOW) == seconds


def test_an_odd_time_zone_of_the_machine_changes_no_date(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (datetime.fromtimestamp(NOW, UTC)).strftime("%a %b %d %H:%M:%S %Y")
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        assert retry_after({"Retry-After": text}, NOW) == 0
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
    assert isinstance(retry_after({"Retry-After": value}, NOW), float | None)


# What an error says, for the log


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (401, b"", "status 401"),
        (404, {}, "status 404"),
        (404, b"<html>", "status 404 and a page: is VEO_API_BASE_URL right?"),
        (404, b"", "status 404 and no object: is VEO_API_BASE_URL right?"),
        (200, b"{", "status 200 and damaged JSON"),
        (429, b"", "status 429"),
        (503, b"", "status 503"),
        (422, b"", "status 422"),
        (200, {"code": 404}, "code 404 inside a 200"),
        (200, {"code": "1234567890"}, "code 1234567890 inside a 200"),
        (200, {"code": 0}, "no state (code 0 inside a 200)"),
        (200, {}, "no state in the answer"),
    ],
)
def test_an_error_says_what_came(status: int, body: Any, text: str) -> None:
    with pytest.raises(VeoError) as error:
        decoded(body, status)
    assert str(error.value) == text


def test_a_date_to_wait_for_is_compared_with_the_answers_own() -> None:
    """Our clock may be wrong by hours."""
    date, after = (
        format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True) for seconds in (0, 30)
    )
    assert retry_after({"Date": date, "Retry-After": after}, NOW - 7_200) == 30


def test_a_limit_until_a_date_counts_from_the_answer() -> None:
    headers = {"Retry-After": format_datetime(datetime.fromtimestamp(NOW + 40, UTC), usegmt=True)}
    with pytest.raises(RateLimited) as error:
        decoded(b"", 429, headers)
    event = as_event(error.value)
    assert isinstance(event, PollError)
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
    assert retry_after({"Retry-After": value}, now) == seconds
