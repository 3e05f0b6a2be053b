"""Decodes the task API's responses: status, headers and body to a `Task` or a typed error, without I/O.

The endpoint is `GET /v1/videos/tasks/{id}`. An object with a `state` is a task, whatever codes are next to
it; relays wrap it in `data`, or name the state `status`. Anything else is an error, and `bot.veo.envelope`
decides which. A body is first parsed strictly, then leniently, because real relays send characters cut in
half, control characters, NaN and byte order marks. A truncated body is always an error.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from bot.core.task import Task, TaskState
from bot.veo import fields
from bot.veo.envelope import of_answer, of_status, says_missing
from bot.veo.errors import BrokenAnswer, TaskNotFound, Unavailable
from bot.veo.fields import WORD_LIMIT, Object
from bot.veo.links import sort_links
from bot.veo.quotas import read_quotas, retry_after

BODY_LIMIT: Final = 1024 * 1024
"""Longest body that is read, in bytes."""
LENIENT_LIMIT: Final = 256 * 1024
"""Longest body that is parsed leniently, in bytes; a real answer has a few kilobytes."""
TOO_MANY: Final = 429
ID_LIMIT: Final = 100
"""Characters kept of an id that is not ours."""

# A backslash and what it escapes, if that is valid JSON. The alternatives exclude each other, so that a run
# of backslashes takes linear time.
_ESCAPE: Final = re.compile(r'\\(?:(["\\/bfnrt]|u[0-9a-fA-F]{4})|(\')?)')
# Some servers declare every text as JSON, even "404 page not found".
_SENTENCE: Final = re.compile(rb"(?:[1-5]\d\d )?[A-Za-z]")
_STRICT: Final = json.JSONDecoder(parse_constant=lambda _: None)
_LENIENT: Final = json.JSONDecoder(strict=False, parse_constant=lambda _: None)
_ENVELOPES: Final = ("data", "task", "result")
"""Where relays put the whole task."""
_NESTED: Final = 2
"""How many envelopes may be nested around a task."""
_STATUS: Final = ("status", "task_status", "taskStatus")
"""Relays' names for the state; in an envelope the same names hold the status of the request."""
_IDS: Final = ("id", "task_id", "taskId")
_OF_A_TASK: Final = ("progress", "videos", "video_url", "task_result")
_HEALTHY: Final = frozenset({TaskState.PENDING, TaskState.RUNNING, TaskState.SUCCEEDED})
_CREATED: Final = ("create_time", "created_at", "createTime", "createdAt", "submit_time")
_UPDATED: Final = ("update_time", "updated_at", "updateTime", "updatedAt", "finish_time")


def decode(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    task_id: str,
    now: float,
    *,
    known: Task | None = None,
) -> Task:
    """Return the task that an answer contains: `known`, an earlier answer about it, if the body is the same.

    `headers` is case-insensitive, `body` at most `BODY_LIMIT` bytes, `now` the Unix time at which it came.

    Raises:
        VeoError: the answer contains no task.
    """
    succeeded = 200 <= status < 300  # noqa: PLR2004
    fingerprint = hash(body)
    if succeeded and known is not None and known.fingerprint == fingerprint:
        return known
    try:
        # An error needs no body; a success does.
        answer = _read_json(body, headers.get("Content-Type", "")) if succeeded or body.strip() else ""
    except _NotJson as fault:
        if (error := of_status(status, _pause(status, headers, now))) is None and fault.page:
            error = Unavailable(f"status {status} and a page: is VEO_API_BASE_URL right?")
        raise error or BrokenAnswer(f"status {status} and damaged JSON") from None
    if succeeded and (found := _find(answer, task_id)) is not None:
        return _task(*found, task_id, fingerprint)
    raise of_answer(status, _pause(status, headers, now), answer, task_id)


def _pause(status: int, headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that an answer without a task asks us to wait, None if it names none."""
    pause = retry_after(headers, now)
    if status == TOO_MANY and pause is None:
        spent = (quota.seconds for quota in read_quotas(headers, now) if not quota.requests)
        return max(spent, default=None)
    return pause


def _find(answer: Any, task_id: str) -> tuple[tuple[Object, ...], str] | None:
    """Return the object that is a task, preceded by those around it, and its state as received."""
    places = list(_objects(answer))
    for objects in places:
        if state := fields.text_of(objects[-1].get("state"), WORD_LIMIT):
            return objects, state
    for objects in places:
        for name in _STATUS:
            status = fields.text_of(objects[-1].get(name), WORD_LIMIT)
            if status and not status.isdecimal() and _is_task(objects[-1], status, task_id):
                return objects, status
    return None


def _is_task(answer: Object, status: str, task_id: str) -> bool:
    """Return whether a `status` is a task's state, not the status of the request."""
    if task_id in _ids(answer):
        return True
    return fields.state_of(status) in _HEALTHY and any(name in answer for name in _OF_A_TASK)


def _objects(answer: Any, around: tuple[Object, ...] = ()) -> Iterator[tuple[Object, ...]]:
    """Return the objects in which a task may be, the outermost first, each after those around it."""
    if isinstance(answer, dict):
        objects = (*around, answer)
        yield objects
        if len(around) < _NESTED:
            for name in _ENVELOPES:
                yield from _objects(answer.get(name), objects)


def _ids(answer: Object) -> list[str]:
    values = [answer.get(name) for name in _IDS]
    texts = [str(value).strip() for value in values if isinstance(value, str | int)]
    return [text for text in texts if text]


def _task(objects: tuple[Object, ...], text: str, task_id: str, fingerprint: int) -> Task:
    *outer, answer = objects
    state = fields.state_of(text)
    message = fields.message_of([answer, answer.get("data")], outer)
    if state is TaskState.UNKNOWN and says_missing(text, task_id):
        raise TaskNotFound(f"state {text}", message)
    if state is TaskState.ERROR:
        message = message or fields.reason_in(text)
    ids = _ids(answer) or [own for around in reversed(outer) for own in _ids(around)]
    ours = task_id.casefold() in map(str.casefold, ids)
    videos, refused = sort_links(fields.links_of(answer))
    return Task(
        id=task_id,
        state=state,
        state_text=text,
        progress=fields.progress_of(answer.get("progress")),
        action=fields.text_of(answer.get("action"), WORD_LIMIT),
        message=message,
        created_at=_first_time(answer, _CREATED),
        updated_at=_first_time(answer, _UPDATED),
        videos=videos,
        refused_videos=refused,
        fingerprint=fingerprint,
        other_ids=() if ours else tuple(fields.text_of(other, ID_LIMIT) for other in ids),
    )


def _first_time(answer: Object, names: tuple[str, ...]) -> int | None:
    times = (fields.time_of(answer.get(name)) for name in names)
    return next((at for at in times if at is not None), None)


class _NotJson(ValueError):
    """A body is not JSON; `page` if it was never meant to be: HTML, text or nothing."""

    def __init__(self, *, page: bool) -> None:
        super().__init__()
        self.page = page


def _read_json(body: bytes, content_type: str) -> Any:
    """Return the JSON value of a body, whatever its content type; strings may contain lone surrogates.

    Raises:
        _NotJson: it is not JSON, or damaged beyond repair.
    """
    try:
        return _STRICT.decode(body.decode())
    except (ValueError, RecursionError):
        if len(body) <= LENIENT_LIMIT:
            with suppress(ValueError, RecursionError):
                return _LENIENT.decode(_ESCAPE.sub(_escaped, body.decode("utf-8-sig", "replace")))
    head = body[:1024].removeprefix(BOM_UTF8).lstrip()
    text = head[:1] in {b"", b"<"} or _SENTENCE.match(head) is not None
    raise _NotJson(page=text or (head[:1] not in {b"{", b"["} and "json" not in content_type.lower()))


def _escaped(match: re.Match[str]) -> str:
    """Return a valid JSON escape: an unknown one is a literal backslash, but before ' it is dropped."""
    valid, quote = match.groups()
    return match.group() if valid else quote or r"\\"
