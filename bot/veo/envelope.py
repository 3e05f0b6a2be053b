"""Which error an answer without a task is, from its status, its codes and its words.

The status decides first. Inside a 200, and where a 4xx only says "bad request", the codes and words of the
body do: `{"code": "task_not_exist"}`, `{"error": {"code": 401}}`, `{"code": 500, "msg": "..."}`.
"""

from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

from bot.core.task import TaskState
from bot.veo.errors import (
    BrokenAnswer,
    KeyRefused,
    RateLimited,
    TaskNotFound,
    TaskRefused,
    Unavailable,
    VeoError,
)
from bot.veo.fields import message_of, squeezed, state_of, table, text_of
from bot.veo.missing import says_missing

CODE_LIMIT: Final = 100
"""Characters read of a code."""

_CODE_FIELDS: Final = table(
    "code status status_code statusCode error_code errorCode err_code errcode errCode"
)
_SYNONYMS: Final = {
    401: (
        "unauthorized unauthorised unauthenticated authenticationerror authenticationfailed invalidapikey"
        " apikeyinvalid apikeynotvalid incorrectapikey invalidkey invalidtoken tokeninvalid tokenexpired"
        " invalidauthentication invalidcredentials forbidden permissiondenied accessdenied"
    ),
    429: (
        "ratelimit ratelimited ratelimitexceeded ratelimiterror ratelimitreached toomanyrequests throttled"
        " throttling throttlingexception requestlimitexceeded resourceexhausted"
    ),
    503: (
        "internal internalerror internalservererror servererror serviceunavailable servicenotavailable"
        " unavailable temporarilyunavailable overloaded overloadederror serveroverloaded systembusy"
        " serverbusy systemerror badgateway gatewaytimeout upstreamerror upstreamtimeout maintenance apierror"
        " 系统繁忙 服务繁忙 服务器繁忙 系统错误 服务不可用 服务器错误 服务器内部错误"
    ),
}
_STATUS_OF: Final = {word: status for status, words in _SYNONYMS.items() for word in table(words)}
"""Codes in words, as the status that means the same."""
_FINE: Final = frozenset({"", "ok", "null", "none", "true"})
_OF_OBJECTS: Final = frozenset({403, 404, 410})
"""Statuses that proxies give as well: only an object is the API's own word."""
_PLAIN: Final = frozenset({401, 403, 404, 410, 429})
"""Codes in a body that mean what they mean as a status."""


def of_status(status: int, pause: float | None, message: str = "", text: str = "") -> VeoError | None:
    """Return what a status says whatever the body is, or None.

    `pause` is what a Retry-After asks for, in seconds; `text` is for the log.
    """
    text = text or f"status {status}"
    match status:
        case 401:
            return KeyRefused(text, message)
        case 429:
            return RateLimited(text, pause, message)
        case _ if 200 <= status < 300 or 400 <= status < 500:  # noqa: PLR2004
            return None
        case _:  # also redirects: they lead to a page, and following one would take the key along
            return Unavailable(text, message)


def of_answer(status: int, pause: float | None, answer: Any, task_id: str, *, text: str = "") -> VeoError:
    """Return what an answer in JSON is that contains no task; `text` is for the log."""
    said = answer if isinstance(answer, dict) else {"message": answer}
    message = message_of([said, said.get("data")])
    if (error := of_status(status, pause, message, text)) is not None:
        return error
    text = text or f"status {status}"
    if status not in _OF_OBJECTS:
        return _of_codes(status, pause, said, message, task_id)
    if not isinstance(answer, dict):
        return Unavailable(f"{text} and no object: is VEO_API_BASE_URL right?")
    return (KeyRefused if status == 403 else TaskNotFound)(text, message)  # noqa: PLR2004


def _of_codes(status: int, pause: float | None, said: dict[str, Any], message: str, task_id: str) -> VeoError:
    """Return what the codes and words of a body mean where the status leaves it to them."""
    codes = list(_codes(said))
    words = [word for word in (*codes, message) if _number(word) is None]
    message = message or next(filter(_is_error, words), "")
    refused = status >= 400  # noqa: PLR2004
    text = f"status {status}"
    if not refused:
        text = f"code {codes[0]} inside a {status}" if codes else "no state in the answer"
    if any(says_missing(word, task_id) for word in words):
        return TaskNotFound(text, message)
    meant = [_STATUS_OF.get(squeezed(word)) for word in words]
    if not refused:  # where the status says enough, a number beside it is the API's own
        meant += map(_number, codes)
    for number in filter(None, meant):
        if number in _PLAIN or (500 <= number < 600 and not refused):  # noqa: PLR2004
            return of_answer(number, pause, {"message": message}, task_id, text=text)
    if refused or any(map(_is_error, codes)) or _has_error(said):
        return TaskRefused(text, message)
    return BrokenAnswer(f"no state ({text})" if codes else text, message)


def _codes(said: Any, *, inner: bool = True) -> Iterator[str]:
    """Return the codes of an envelope, and of its `error` and `data`, as text."""
    if not isinstance(said, dict):
        return
    error = said.get("error")
    values = [said.get(name) for name in _CODE_FIELDS]
    if isinstance(error, dict):
        values += [error.get(name) for name in (*_CODE_FIELDS, "type")]
    for value in (*values, error):
        code = int(value) if isinstance(value, float) and value.is_integer() else value
        if isinstance(code, str | int) and not isinstance(code, bool):
            yield text_of(str(code), CODE_LIMIT)
    if inner:
        yield from _codes(said.get("data"), inner=False)


def _number(code: str) -> int | None:
    try:
        return int(code)
    except ValueError:
        return None


def _is_error(code: str) -> bool:
    """Return whether a code is none of success, and no state of a task."""
    number = _number(code)
    if number is not None:
        return number != 0 and not 200 <= number < 300  # noqa: PLR2004
    return squeezed(code) not in _FINE and state_of(code) in {TaskState.ERROR, TaskState.UNKNOWN}


def _has_error(said: dict[str, Any]) -> bool:
    failed = said.get("success") is False or said.get("ok") is False or said.get("error") is True
    return failed or bool(message_of([{"error": said.get("error") or said.get("errors")}]))


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
