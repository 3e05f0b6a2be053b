"""When a task is terminal."""

import pytest

from bot.core.task import Task, TaskState


@pytest.mark.parametrize(
    ("task", "is_terminal"),
    [
        (Task("a", TaskState.PENDING), False),
        (Task("a", TaskState.RUNNING, videos=("https://x/y",)), False),
        (Task("a", TaskState.UNKNOWN, videos=("https://x/y",)), False),
        (Task("a", TaskState.SUCCEEDED), False),
        (Task("a", TaskState.SUCCEEDED, videos=("https://x/y",)), True),
        (Task("a", TaskState.SUCCEEDED, refused_videos=("ftp://x/y",)), True),
        (Task("a", TaskState.ERROR), True),
    ],
)
def test_a_task_is_terminal_when_no_later_answer_can_say_more(task: Task, is_terminal: bool) -> None:
    assert task.is_terminal is is_terminal
