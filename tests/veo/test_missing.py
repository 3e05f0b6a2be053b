"""Which words say that the task does not exist, and which say it of something else."""

import pytest
from linear import linear
from made import TASK

from bot.veo.envelope import says_limited, says_missing


@pytest.mark.parametrize(
    "words",
    [
        "task_not_exist",  # new-api and its forks
        "task_not_exists",
        "TASK_NOT_EXIST",
        "TaskNotExist",
        "TASKNOTEXIST",
        "taskNotFound",
        "TaskNotFoundError",
        "task_not_found",
        "task.not_found",
        "task_id_not_found",
        "tasknotfound",
        "not_found",
        "not_found_error",
        "NotFound",
        "Not Found",
        "Task not found.",
        "The task does not exist",
        "task doesn't exist",
        "task doesn\u2019t exist",
        f"Task {TASK} not found",
        f"Task '{TASK.upper()}' was not found.",
        f"Task with id {TASK} does not exist",
        "The requested task was not found",
        "The task you requested could not be found",
        "Could not find task",
        f"cannot find task {TASK}",
        "Unable to find the task",
        "failed to find task",
        "no such task",
        "No such task: abc",
        "No task found",
        "unknown task",
        "unknown_task_id",
        "Invalid task id",
        "invalid_task_id",
        "Task has expired",
        "task no longer exists",
        "Task does not exist or has been deleted",
        "nonexistent task",
        "record not found",
        "Resource not found",
        "video_not_found",
        "Error: task not found",
        "error 404: not found",
        "sql: no rows in result set",
        "任务不存在",
        "该任务不存在",
        "任务ID不存在",
        f"任务 {TASK} 不存在",
        "任务已过期",
        "任务未找到",
        "找不到该任务",
        "查无此任务",
        "没有找到该任务",
        "无效的任务ID",
        "记录不存在",
        "不存在",
    ],
)
def test_a_task_that_is_not_there_has_many_spellings(words: str) -> None:
    assert says_missing(words, TASK)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "not",
        "found",
        "task exists",
        "task already exists",
        "model not found",
        "model_not_found",
        "task failed: model not found",
        "The image could not be found",
        "page not found",
        "404 page not found",
        "no Route matched with those values",
        "API key not found",
        "api_key_expired",
        "token has expired",
        "user not found",
        "account_not_found",
        "no available channel",
        "no permission for this task",
        "task belongs to another account",
        "no task id provided",
        "unknown task type",
        "unknown error",
        "invalid task type",
        "invalid_request_error",
        "invalid api key",
        "The prompt was refused.",
        "模型不存在",
        "任务执行失败：模型不存在",
        "任务所用模型不存在",
        "令牌已过期",
        "余额不足",
        "任务失败",
    ],
)
def test_what_else_may_be_missing_is_not_the_task(words: str) -> None:
    assert not says_missing(words, TASK)


@pytest.mark.parametrize(
    "piece",
    ["task ", "not found ", "x not found ", "no ", "n't", "aA", "任务", "_", "不存在", "请求"],
)
def test_long_words_take_no_long_time(piece: str) -> None:
    with linear():
        says_missing(piece * 50_000, TASK)
        says_limited(piece * 50_000)
