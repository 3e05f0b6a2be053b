"""Whether words of the API say that the task does not exist, in the many spellings of that.

`task_not_exist`, `TaskNotFound`, "no such task", "record not found", 任务不存在. What else may not exist (a
model, a route, a user) is not the task; what is said of nothing in particular is said of the task.
"""

import re
from typing import Final

from bot.veo.fields import table

WORDS_LIMIT: Final = 500
"""Characters that are read; whoever says it says it early."""

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_TOKEN: Final = re.compile(r"[a-z0-9]+|[\u4e00-\u9fff]+")
_GLUED: Final = re.compile(r"\b(task|job|video|record|id)(?=not|expired|id\b)")
_CONTRACTED: Final = re.compile(r"n['\u2019]t\b")

_GONE: Final = re.compile(
    r"\b(?:not (?:be |been )?found|notfound|not? ?exist\w*|no longer exist\w*|non ?exist\w*"
    r"|expired|deleted|purged)"
)
"""Said of what stands before it."""
_NONE: Final = re.compile(
    r"\b(?:no such|unknown|no|invalid|(?:cannot|not|cant|couldnt|unable to|failed to) (?:find|locate))\b"
)
"""Said of what follows."""
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
"""What makes "unknown task" a word about something else."""

_CHINESE_GONE: Final = re.compile(
    r"(?:^|任务|作业|视频|记录|数据)(?:编号|标识)?(?:id)?(?:已经|已|并|可能)?被?"
    r"(?:不存在|未找到|找不到|没有找到|查不到|未查询到|过期|失效|删除)"
)
_CHINESE_NONE: Final = re.compile(
    r"(?:找不到|未找到|没有找到|查不到|未查询到|查无|无此|没有)(?:该|此|这个|指定的?|对应的?|相关的?|您的)?"
    r"(?:任务|作业|视频|记录)|(?:无效|非法|错误)的?任务(?:id|编号)"
)


def says_missing(words: str, task_id: str) -> bool:
    """Return whether words about the task `task_id` say that it is not, or no longer, there."""
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
    """Return whether the first word that is no filler means a task; `said` is what no word at all means."""
    for place, word in enumerate(nearest):
        if word in _TASKS:
            return said or not set(_PARTS) & set(nearest[place + 1 : place + 3])
        if word not in _FILLERS and not any(char.isdigit() for char in word):
            return False
    return said
