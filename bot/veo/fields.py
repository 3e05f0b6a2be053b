"""Reads the fields of a task in every known form: state, progress, times, messages, links.

The API's documentation has one form of each. Relays and the video APIs behind them (new-api, Kling, Runway,
Sora, Vertex, Replicate) send others. Unknown forms are ignored.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from bot.core.task import TaskState

TEXT_LIMIT: Final = 20_000
"""Characters kept of the API's message: as many as a Discord message holds."""
WORD_LIMIT: Final = 50
"""Characters kept of a state or an action."""
LATEST_TIME: Final = 4_102_444_800
"""2100-01-01 in Unix seconds: later numbers are not seconds."""
EARLIEST_SCALED: Final = 946_684_800
"""2000-01-01: finer units are assumed only if they give a later time than this."""

Object = Mapping[str, Any]


def table(words: str) -> tuple[str, ...]:
    """Split a table that is written as one text."""
    return tuple(words.split())


_SYNONYMS: Final = {
    TaskState.PENDING: (
        "pending queued queue queueing queuing inqueue enqueued waiting submitted submitting notstart"
        " notstarted created scheduled received accepted throttled starting initializing preparing staged"
        " 队列中 排队中 等待中"
    ),
    TaskState.RUNNING: (
        "running processing process inprocess inprogress progress progressing generating rendering started"
        " working active executing ongoing dreaming finalizing postprocessing upscaling"
        " 生成中 处理中 进行中 运行中"
    ),
    TaskState.SUCCEEDED: (
        "succeeded success succeed successful complete completed done finished finish generated"
        " 已成功 成功 已完成 完成 生成成功"
    ),
    TaskState.ERROR: (
        "error errored fail failed failure cancelled canceled cancel aborted rejected refused expired timeout"
        " timedout moderated moderation moderationblocked moderationfailed contentmoderated requestmoderated"
        " contentmoderation contentfiltered blocked banned nsfw terminated crashed revoked unsuccessful"
        " createtaskfailed generatefailed internalerror systemerror"
        " 失败 已失败 生成失败 错误 已取消 已过期 超时"
    ),
}
_STATES: Final = {word: state for state, words in _SYNONYMS.items() for word in table(words)}
_NO_REASON: Final = table("error errored fail failed failure 失败 已失败 生成失败 错误")
_PREFIXES: Final = ("task", "job", "video", "render", "generation", "generate", "status", "state")
"""Prefixes of a state's name, removed in this order: `TASK_STATUS_SUCCEED`."""

_MESSAGE_FIELDS: Final = table(
    "message msg error errors detail reason fail_reason failReason failure_reason failure fail_message"
    " fail_msg failMsg error_message errorMessage error_msg errorMsg errmsg err_msg task_status_msg"
    " status_message error_description raw_message"
)
_INNER_FIELDS: Final = (*_MESSAGE_FIELDS, "description", "title", "text", "content", "code", "type")
"""The same inside an object where a message is expected; elsewhere the last ones describe a video."""
_RESULTS: Final = ("task_result", "output")
"""Objects that may hold the videos, besides the document's `data`."""
_NESTED: Final = 4
"""How deep nested objects are searched for a message."""
_ITEMS: Final = 10
"""Items of a list that are searched for a message."""


def squeezed(value: str) -> str:
    """Return a word without case and separators, so that all spellings compare equal."""
    return "".join(char for char in value[: 2 * WORD_LIMIT].casefold() if char.isalnum())


def state_of(value: str) -> TaskState:
    """Return the documented state that a word means, or UNKNOWN."""
    word = squeezed(value)
    for prefix in ("", *_PREFIXES):
        word = word.removeprefix(prefix)
        if word in _STATES:
            return _STATES[word]
    return TaskState.UNKNOWN


def progress_of(value: Any) -> int | None:
    """Return whole percent from 0 to 100, None for anything else."""
    if isinstance(value, str) and len(value) <= 10:  # noqa: PLR2004
        value = _number(value.strip().removesuffix("%"))
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:  # noqa: PLR2004
        return None
    return int(value)


def time_of(value: Any) -> int | None:
    """Return Unix seconds from seconds or finer units, also as text, or from a date with its zone."""
    if isinstance(value, str):
        value = _number(value.strip()) if len(value) <= WORD_LIMIT else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        return None
    if value < LATEST_TIME:
        return int(value) or None
    for unit in (10**3, 10**6, 10**9):
        if EARLIEST_SCALED * unit <= value < LATEST_TIME * unit:
            return int(value / unit)
    return None


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at.timestamp() if at.tzinfo else None  # without its zone a time is hours wrong


def text_of(value: Any, limit: int) -> str:
    """Return a text cut to `limit`, without lone surrogates; "" if the value is not a text."""
    if not isinstance(value, str):
        return ""
    text = value.strip()[:limit]
    try:
        text.encode()
    except UnicodeEncodeError:  # lone surrogates; two that belong together become their character
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def message_of(own: Iterable[Any], around: Iterable[Any] = ()) -> str:
    """Return the first message in a task's own objects, else in the envelopes around them.

    "success" and other names of states count only if there is nothing better, and never in an envelope.
    """
    words = list(_sentences(own))
    telling = next(filter(_is_telling, words), "")
    return telling or next(iter(words), "") or next(filter(_is_telling, _sentences(around)), "")


def reason_in(state: str) -> str:
    """Return a state's name if it says why the task failed: `timeout`, `CANCELLED`; else ""."""
    return "" if squeezed(state) in _NO_REASON else state


def _is_telling(words: str) -> bool:
    return state_of(words) is TaskState.UNKNOWN and squeezed(words) != "ok"


def _sentences(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, dict):
            yield from filter(None, (_words(value[name]) for name in _MESSAGE_FIELDS if value.get(name)))


def _words(value: Any, depth: int = _NESTED) -> str:
    if isinstance(value, str):
        return text_of(value, TEXT_LIMIT)
    if depth and isinstance(value, dict):
        found = (_words(value[name], depth - 1) for name in _INNER_FIELDS if name in value)
    elif depth and isinstance(value, list):
        found = (_words(item, depth - 1) for item in value[:_ITEMS])
    else:
        return ""
    return next((words for words in found if words and not words.isdecimal()), "")


def links_of(task: Object) -> list[Any]:
    """Return the values of all fields that should hold video links, without empty ones."""
    data = task.get("data")
    holders = [
        data,
        *(where.get(name) for where in (task, data) for name in _RESULTS if isinstance(where, dict)),
    ]
    objects = [holder for holder in (data, task, *holders) if isinstance(holder, dict)]
    for holder in objects:
        if isinstance(videos := holder.get("videos"), list) and (links := _links(videos)):
            return links
    single = [holder[name] for holder in objects for name in ("video_url", "videoUrl") if name in holder]
    return _links(single)[:1] or [
        link for holder in holders[1:] if isinstance(holder, list) for link in _links(holder)
    ]


def _links(videos: list[Any]) -> list[Any]:
    links = [video.get("url") if isinstance(video, dict) else video for video in videos]
    return [link for link in links if link is not None and str(link).strip()]
