"""When a task is settled."""

import pytest

from bot.core.task import Task, TaskState


@pytest.mark.parametrize(
    ("task", "settled"),
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
def test_a_task_is_settled_when_the_api_will_tell_no_more(task: Task, settled: bool) -> None:
    assert task.settled is settled
