"""Turns a response without a task into a typed error, by its status, its codes and its message.

The status decides first. In a 200, and in a 4xx that only means "bad request", the codes and messages in the
body decide: `{"code": "task_not_exist"}`, `{"error": {"code": 401}}`, `{"code": 500, "msg": "..."}`.
"""

import re
from collections.abc import Iterator
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

CODE_LIMIT: Final = 100
"""Characters of a code that are read."""

_CODE_FIELDS: Final = table(
    "code status status_code statusCode error_code errorCode err_code errcode errCode"
)
_SYNONYMS: Final = {
    401: (
        "unauthorized unauthorised unauthenticated authenticationerror authenticationfailed invalidapikey"
        " apikeyinvalid apikeynotvalid incorrectapikey invalidkey invalidtoken tokeninvalid tokenexpired"
        " invalidauthentication invalidcredentials forbidden permissiondenied accessdenied"
    ),
    429: ("throttled throttling throttlingexception requestlimitexceeded resourceexhausted"),
    503: (
        "internal internalerror internalservererror servererror serviceunavailable servicenotavailable"
        " unavailable temporarilyunavailable overloaded overloadederror serveroverloaded systembusy"
        " serverbusy systemerror badgateway gatewaytimeout upstreamerror upstreamtimeout maintenance apierror"
        " 系统繁忙 服务繁忙 服务器繁忙 系统错误 服务不可用 服务器错误 服务器内部错误"
    ),
}
_STATUS_OF: Final = {word: status for status, words in _SYNONYMS.items() for word in table(words)}
"""Textual codes and the status that each means."""
_FINE: Final = frozenset({"", "ok", "null", "none", "true"})
_OF_OBJECTS: Final = frozenset({403, 404, 410})
"""Statuses that proxies return as well; the response is the API's own only if it is a JSON object."""
_PLAIN: Final = frozenset({401, 403, 404, 410, 429})
"""Codes in a body that mean the same as that status."""

WORDS_LIMIT: Final = 500
"""How many characters of a message are searched; the relevant words are near the beginning."""

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_TOKEN: Final = re.compile(r"[a-z0-9]+|[\u4e00-\u9fff]+")
_GLUED: Final = re.compile(r"\b(task|job|video|record|id)(?=not|expired|id\b)")
_CONTRACTED: Final = re.compile(r"n['\u2019]t\b")

_GONE: Final = re.compile(
    r"\b(?:not (?:be |been )?found|notfound|not? ?exist\w*|no longer exist\w*|non ?exist\w*"
    r"|expired|deleted|purged)"
)
"""These are about the words before them."""
_NONE: Final = re.compile(
    r"\b(?:no such|unknown|no|invalid|(?:cannot|not|cant|couldnt|unable to|failed to) (?:find|locate))\b"
)
"""These are about the words after them."""
_LIMITED: Final = re.compile(
    r"(?<!frame )(?<!bit )rate ?limit|too ?many ?requests"
    r"|(?:请求|访问|调用|操作)(?:次数)?(?:过于|过|太)(?:频繁|多)|(?:请求|访问|调用)频率(?:过高|超)|(?:速率|频率|流量)限制|限流"
)
_FILLERS: Final = table(
    "a an any the this that your such given specified requested matching following is was were are be been"
    " has had have do does did could can with for of by in at to you we i or and id ids uuid"
    " identifier error err code message already result"
)
_TASKS: Final = table(
    "task tasks taskid job jobs jobid video videos generation generations render record records row rows"
    " resource resources operation prediction data object entity item request"
)
_PARTS: Final = table("type types status state kind action parameter parameters format specified provided")
"""After these, "unknown task" is about something else: "unknown task type"."""

_CHINESE_GONE: Final = re.compile(
    r"(?:^|任务|作业|视频|记录|数据)(?:编号|标识)?(?:id)?(?:已经|已|并|可能)?被?"
    r"(?:不存在|未找到|找不到|没有找到|查不到|未查询到|过期|失效|删除)"
)
_CHINESE_NONE: Final = re.compile(
    r"(?:找不到|未找到|没有找到|查不到|未查询到|查无|无此|没有)(?:该|此|这个|指定的?|对应的?|相关的?|您的)?"
    r"(?:任务|作业|视频|记录)|(?:无效|非法|错误)的?任务(?:id|编号)"
)


def of_status(status: int, pause: float | None, message: str = "", text: str = "") -> VeoError | None:
    """Return the error that a status means whatever the body says, or None.

    `pause` is the Retry-After in seconds; `text` is for the log.
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
    """Return the error that a JSON answer without a task means; `text` is for the log."""
    said = answer if isinstance(answer, dict) else {"message": answer}
    message = message_of([said, said.get("data")])
    if (error := of_status(status, pause, message, text)) is not None:
        return error
    text = text or f"status {status}"
    if status not in _OF_OBJECTS:
        return _of_codes(status, pause, said, message, task_id)
    if not isinstance(answer, dict):
        return Unavailable(f"{text} and no object: is VEO_API_BASE_URL right?")
    if status == 403 and any(map(says_limited, (*_codes(said), message))):  # noqa: PLR2004
        return RateLimited(text, pause, message)  # as GitHub does
    return (KeyRefused if status == 403 else TaskNotFound)(text, message)  # noqa: PLR2004


def _of_codes(status: int, pause: float | None, said: dict[str, Any], message: str, task_id: str) -> VeoError:
    """Return the error that the codes and messages of a body mean."""
    codes = list(_codes(said))
    words = [word for word in (*codes, message) if _number(word) is None]
    message = message or next(filter(_is_error, words), "")
    refused = status >= 400  # noqa: PLR2004
    text = f"status {status}"
    if not refused:
        text = f"code {codes[0]} inside a {status}" if codes else "no state in the answer"
    if any(says_missing(word, task_id) for word in words):
        return TaskNotFound(text, message)
    if any(map(says_limited, words)):
        return RateLimited(text, pause, message)
    meant = [_STATUS_OF.get(squeezed(word)) for word in words]
    if not refused:  # in a 4xx the status says enough, and numbers in the body are the API's own codes
        meant += map(_number, codes)
    for number in filter(None, meant):
        if number in _PLAIN or (500 <= number < 600 and not refused):  # noqa: PLR2004
            return of_answer(number, pause, {"message": message}, task_id, text=text)
    if refused or any(map(_is_error, codes)) or _has_error(said):
        return TaskRefused(text, message)
    return BrokenAnswer(f"no state ({text})" if codes else text, message)


def _codes(said: Any, *, inner: bool = True) -> Iterator[str]:
    """Yield the codes of an envelope, and of its `error` and `data`, as text."""
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
    """Return whether a code means neither success nor a state of a task."""
    number = _number(code)
    if number is not None:
        return number != 0 and not 200 <= number < 300  # noqa: PLR2004
    return squeezed(code) not in _FINE and state_of(code) in {TaskState.ERROR, TaskState.UNKNOWN}


def _has_error(said: dict[str, Any]) -> bool:
    failed = said.get("success") is False or said.get("ok") is False or said.get("error") is True
    return failed or bool(message_of([{"error": said.get("error") or said.get("errors")}]))


def says_limited(words: str) -> bool:
    """Return whether a code or message says that there were too many requests."""
    spaced = _CAMEL.sub(" ", words[:WORDS_LIMIT]).casefold()
    return _LIMITED.search(" ".join(_TOKEN.findall(spaced))) is not None


def says_missing(words: str, task_id: str) -> bool:
    """Return whether a message about `task_id` says that the task does not exist, or no longer.

    `task_not_exist`, `TaskNotFound`, "no such task", "record not found", 任务不存在. A model, route or user
    that does not exist is another matter; a message without a subject is about the task.
    """
    spaced = _CAMEL.sub(" ", words[:WORDS_LIMIT].replace(task_id, " "))
    lowered = _CONTRACTED.sub(" not", spaced.casefold().replace(task_id.casefold(), " "))
    tokens = " ".join(_TOKEN.findall(lowered))
    tokens = _GLUED.sub(r"\1 ", tokens)
    if any(_about_the_task(tokens[: gone.start()].split()[::-1]) for gone in _GONE.finditer(tokens)):
        return True
    for none in _NONE.finditer(tokens):
        after = tokens[none.end() :].split()
        if none.group() == "invalid":  # an invalid task may be anything, an invalid id is none
            if {"id", "uuid", "taskid"} & set(after[:2]) and set(after[:1]) <= {*_TASKS, "id", "uuid"}:
                return True
        elif _about_the_task(after, said=False):
            return True
    glued = tokens.replace(" ", "")
    return bool(_CHINESE_GONE.search(glued) or _CHINESE_NONE.search(glued))


def _about_the_task(nearest: list[str], *, said: bool = True) -> bool:
    """Return whether the first word that is not a filler means a task; `said` if there is no such word."""
    for place, word in enumerate(nearest):
        if word in _TASKS:
            return said or not set(_PARTS) & set(nearest[place + 1 : place + 3])
        if word not in _FILLERS and not any(char.isdigit() for char in word):
            return False
    return said
