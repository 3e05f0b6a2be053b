"""The task API's answers: from status, headers and body to a `Task` or a typed error, without I/O.

The document is `GET /v1/videos/tasks/{id}`. What it does not say but servers do is met here: error envelopes
inside a 200, `null` where an object should be, states and actions of another kind, numbers as text, pages of
a proxy, and bodies made to hurt.
"""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

import pydantic_core

from bot.core.task import Task, TaskState
from bot.veo.errors import (
    BrokenAnswer,
    KeyRefused,
    RateLimited,
    TaskNotFound,
    TaskRefused,
    Unavailable,
    VeoError,
)
from bot.veo.links import sort_links

BODY_LIMIT: Final = 1024 * 1024
"""Bytes of an answer that are read at most."""
TEXT_LIMIT: Final = 2_000
"""Characters kept of the API's message; no answer of ours has room for more."""
WORD_LIMIT: Final = 50
"""Characters kept of a state or an action."""
LATEST_TIME: Final = 4_102_444_800
"""2100-01-01 in Unix seconds: a later time is not a time."""


def decode(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    task_id: str,
    now: float,
    *,
    known: Task | None = None,
) -> Task:
    """Return the task that an answer tells of: `known`, an earlier answer about it, if it is the same again.

    `headers` is case-insensitive, `body` at most `BODY_LIMIT` bytes, `now` the Unix time at which it came.

    Raises:
        VeoError: one of its classes, for anything else.
    """
    if status in {403, 404} and body.lstrip()[:1] == b"<":
        raise Unavailable(f"status {status} and a page: is VEO_API_BASE_URL right?")
    if not 200 <= status < 300:  # noqa: PLR2004
        raise _error(status, headers, now, f"status {status}") or _unusable(status)
    fingerprint = hash(body)
    if known is not None and known.fingerprint == fingerprint:
        return known
    answer = _parse(body)
    code = _code(answer)
    if code is not None and (error := _error(code, headers, now, f"code {code} inside a 200")):
        raise error
    state = answer.get("state")
    if not isinstance(state, str) or not state.strip():
        raise BrokenAnswer(f"no state in the answer (code {code})")
    data = answer.get("data")
    videos, refused = sort_links(_urls(data.get("videos") if isinstance(data, dict) else None))
    return Task(
        id=task_id,
        state=_state(state),
        state_text=state.strip()[:WORD_LIMIT],
        progress=_progress(answer.get("progress")),
        action=_text(answer.get("action"), WORD_LIMIT),
        message=_message(answer),
        created_at=_time(answer.get("create_time")),
        updated_at=_time(answer.get("update_time")),
        videos=videos,
        refused_videos=refused,
        fingerprint=fingerprint,
    )


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, as a number or a date, or None."""
    if value is None:
        return None
    text = value.strip()
    if text.replace(".", "", 1).isdecimal() and text.isascii():
        return float(text[:12])
    try:
        at = parsedate_to_datetime(text)
        # Every date in HTTP is UTC; the oldest of its forms does not say so.
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None


def _error(status: int, headers: Mapping[str, str], now: float, text: str) -> VeoError | None:
    match status:
        case 401 | 403:
            return KeyRefused(text)
        case 404:
            return TaskNotFound(text)
        case 429:
            return RateLimited(text, retry_after(headers.get("Retry-After"), now))
        case _:
            return None


def _unusable(status: int) -> VeoError:
    if 400 <= status < 500:  # noqa: PLR2004
        return TaskRefused(f"status {status}", status=status)
    return Unavailable(f"status {status}") if status >= 500 else BrokenAnswer(f"status {status}")  # noqa: PLR2004


def _parse(body: bytes) -> dict[str, Any]:
    try:
        answer = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError:  # also nested too deeply, lone surrogates, endless digits
        raise BrokenAnswer("the answer is not JSON") from None
    if not isinstance(answer, dict):
        raise BrokenAnswer("the answer is not an object")
    return answer


def _code(answer: dict[str, Any]) -> int | None:
    """Return the status that an error envelope carries: `code`, or `error.code`."""
    error = answer.get("error")
    for code in (answer.get("code"), error.get("code") if isinstance(error, dict) else None):
        if isinstance(code, str) and code.isdecimal() and code.isascii():
            return int(code[:9])
        if isinstance(code, int) and not isinstance(code, bool):
            return code
    return None


def _state(text: str) -> TaskState:
    try:
        return TaskState(text.strip().lower())
    except ValueError:
        return TaskState.UNKNOWN


def _progress(value: Any) -> int | None:
    """Return whole percent from 0 to 100; what is no such number is no progress rather than a guess."""
    if isinstance(value, str) and len(value) <= 10:  # noqa: PLR2004
        try:
            value = float(value.strip().removesuffix("%"))
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:  # noqa: PLR2004
        return None
    return int(value)


def _time(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < LATEST_TIME:
        return None
    return value


def _text(value: Any, limit: int) -> str:
    return value.strip()[:limit] if isinstance(value, str) else ""


def _message(answer: dict[str, Any]) -> str:
    error = answer.get("error")
    for value in (
        answer.get("message"),
        answer.get("msg"),
        error.get("message") if isinstance(error, dict) else error,
    ):
        if text := _text(value, TEXT_LIMIT):
            return text
    return ""


def _urls(videos: Any) -> list[Any]:
    """Return what stands in the place of links; an empty place is no video, and nothing to refuse."""
    if not isinstance(videos, list):
        return []
    urls = [video.get("url") if isinstance(video, dict) else video for video in videos]
    return [url for url in urls if url is not None and str(url).strip()]
