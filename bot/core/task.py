"""A render task as the task API tells it, and what counts as a task id.

Knows the vocabulary of the API's document and nothing of how an answer is fetched or shown.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import unquote, urlsplit

TASK_ID_LIMIT: Final = 100
"""Characters in the longest task id that we ask the API about."""

_TASK_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
_WRAPPING: Final = " \t\r\n`<>\"'"


class TaskState(StrEnum):
    """The states of the API's document, and one for whatever else it may say."""

    PENDING = "pending"
    """Queued (队列中)."""
    RUNNING = "running"
    """Being rendered (生成中)."""
    SUCCEEDED = "succeeded"
    """Done (已成功); the videos are there, or follow within a few looks."""
    ERROR = "error"
    """Failed (失败); the message says why."""
    UNKNOWN = "unknown"
    """Not in the document: shown as it came, and polled on."""

    @property
    def ended(self) -> bool:
        """Whether the API will never change this task again."""
        return self in {TaskState.SUCCEEDED, TaskState.ERROR}


@dataclass(frozen=True, slots=True)
class Task:
    """One answer of the API about one task.

    `progress` is 0 to 100, or None when the API gave no usable number. Times are Unix seconds. `videos`
    are http and https URLs that are safe to print; `refused_videos` names what stood in the place of others.
    """

    id: str
    state: TaskState
    state_text: str = ""
    progress: int | None = None
    action: str = ""
    message: str = ""
    created_at: int | None = None
    updated_at: int | None = None
    videos: tuple[str, ...] = field(default=())
    refused_videos: tuple[str, ...] = field(default=())

    @property
    def settled(self) -> bool:
        """Whether this is all that the API will ever tell: failed, or succeeded and the videos are there."""
        if self.state is TaskState.SUCCEEDED:
            return bool(self.videos or self.refused_videos)
        return self.state is TaskState.ERROR


def is_task_id(text: str) -> bool:
    """Tell whether `text` may stand in a request path as it is: the allow-list against path tricks."""
    return _TASK_ID.fullmatch(text) is not None and ".." not in text


def read_task_id(typed: str) -> str | None:
    """Return the task id in what a person typed or pasted, or None.

    A URL counts as the id that its path ends in. Quotes, backticks and angle brackets around it are the
    chat's, not the id's.
    """
    text = typed.strip(_WRAPPING)
    if any(char.isspace() for char in text):  # several ids: none is taken rather than one of them
        return None
    if "://" in text:
        try:
            path = urlsplit(text).path
        except ValueError:
            return None
        text = unquote(path.rstrip("/").rpartition("/")[2])
    return text if is_task_id(text) else None
