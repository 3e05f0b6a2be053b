"""A render task as the task API describes it.

Knows the terms of the API's document, not how answers are fetched or shown.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

LONGEST_SECONDS: Final = 48 * 3600.0
"""A render that seems to have taken longer has wrong times."""


class TaskState(StrEnum):
    """The states in the API's documentation, and one for all others.

    To add a state: a member here, the API's words for it in `bot.veo.fields`, unless it is an
    error `_HEALTHY` in `bot.veo.protocol`, how often it is polled in `bot.core.policy`, its title and colour
    in `bot.cards.render_parts`, that title in `bot.messages` and the catalogues, and, if no task leaves it
    again, `ended`, `Task.is_terminal` and `bot.core.watch.ending`.
    """

    PENDING = "pending"
    """Queued (队列中)."""
    RUNNING = "running"
    """Being rendered (生成中)."""
    SUCCEEDED = "succeeded"
    """Done (已成功); the videos are there, or follow within a few polls."""
    ERROR = "error"
    """Failed (失败); the message says why."""
    UNKNOWN = "unknown"
    """Not documented: shown as received; polling continues."""

    @property
    def ended(self) -> bool:
        """Whether the API will never change this task again."""
        return self in {TaskState.SUCCEEDED, TaskState.ERROR}


@dataclass(frozen=True, slots=True)
class Task:
    """One answer of the API about one task.

    `state_text` is the state as it came. `progress` is 0 to 100, or None if the API gave no usable number.
    Times are Unix seconds. `videos` are http and https URLs that are safe to print; `refused_videos` are
    shortened forms of those that are not.
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
    fingerprint: int | None = field(default=None, compare=False, repr=False)
    """Hash of the answer, valid within this process: the same bytes are the same task."""
    other_ids: tuple[str, ...] = field(default=(), compare=False)
    """The ids in the answer if `id` is not among them: some relays use their own, and some mix up answers."""

    @property
    def visible(self) -> tuple[object, ...]:
        """Everything whose change a person would notice; an update time that ticks by itself is left out."""
        return self.state_text, self.state, self.progress, self.message, self.action, self.videos

    def seconds_taken(self, seen_at: float) -> float | None:
        """Return how long it took until its end, observed at `seen_at`; None if that is implausible."""
        if self.created_at is None or not self.is_terminal:
            return None
        end = seen_at if self.updated_at is None else min(self.updated_at, seen_at)
        taken = end - self.created_at
        return taken if 0 < taken <= LONGEST_SECONDS else None

    @property
    def is_terminal(self) -> bool:
        """Whether no later answer can say more: failed, or succeeded with its videos."""
        if self.state is TaskState.SUCCEEDED:
            return bool(self.videos or self.refused_videos)
        return self.state is TaskState.ERROR
