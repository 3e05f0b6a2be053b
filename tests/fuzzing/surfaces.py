"""Every function of the bot that meets text from outside, and what must hold for whatever text it gets.

`make fuzz` lets hypothesis invent texts for them; a test gives each of them its worst case.
"""

import gc
import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from hypothesis import strategies as st
from made import TASK
from multidict import CIMultiDict

from bot.cards.buttons import CardButton
from bot.cards.results import answer_message
from bot.cards.text import CONTENT_LIMIT, code, packed, plain
from bot.config import SETTINGS
from bot.config.env_file import parse
from bot.core.characters import visible
from bot.core.names import (
    FILE_STEM_BYTES,
    ROW_LIMIT,
    clean_name,
    file_stem,
    names_in,
    numbered,
    row_name,
)
from bot.core.outcome import Message
from bot.core.task import Task, TaskState
from bot.core.task_ids import (
    LEFT_OUT_LENGTH,
    find_task_ids,
    is_task_id,
    quoted_task_ids,
    read_task_ids,
    start_of_last,
    without_surroundings,
)
from bot.log import HIDDEN, JsonFormatter, RedactingFormatter, TextFormatter
from bot.outbound.attachments import Videos, with_attachments
from bot.veo.errors import VeoError
from bot.veo.links import printable_link
from bot.veo.protocol import decode
from bot.veo.quotas import retry_after
from bot.videos.source import _target

SECRET: Final = "sk-0123456789.abcdef"
NAMES: Final = SETTINGS
PEOPLE: Final = RedactingFormatter(TextFormatter(), [SECRET])
MACHINES: Final = RedactingFormatter(JsonFormatter(), [SECRET])

TOKENS: Final = (
    *(
        TASK,
        f"{TASK}-",
        TASK[:9],
        f"`{TASK}`",
        "render-77",
        "a",
        "a.",
        "..",
        "0",
        "_",
        "-",
        "*",
        "`",
        "`a",
        "|",
    ),
    *("https://", "http://", "https://a?", "https://a/tasks/", f"https://a/{TASK}", "https://[", "https://("),
    *(
        "/tasks/",
        "?taskId=",
        "&id=",
        "%41",
        "%e2%80",
        "#",
        "@",
        "://",
        "(",
        ")",
        "[",
        "]",
        "<",
        ">",
        "{",
        "}",
    ),
    *(
        ",",
        "，",
        "、",
        ";",
        ".",
        "。",
        ":",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\u2028",
        "\x00",
        "\u3000",
        '"',
        "'",
        "\\",
    ),
    *(
        "\u200b",
        "\u200d",
        "\u200c",
        "\ufe0f",
        "\u0301",
        "\u202e",
        "👩\u200d",
        "🏴\U000e0067",
        "\U000e007f",
        "é",
    ),
    *(
        "/webhooks/1/",
        "/interactions/99/x",
        '"token": "',
        "'token'",
        "Authorization: ",
        "Authorization\\",
        "b'",
    ),
    *(
        "Bearer x",
        SECRET,
        SECRET[:7],
        "veo:stop:",
        "1. ",
        "not",
        "no such task ",
        "task_not_",
        "n't ",
        "is expired ",
    ),
    *(
        "任务",
        "不存在",
        "没有",
        "找不到",
        '{"a":',
        "[[",
        "\\u0061",
        "\\",
        "null,",
        "1e9",
        "GMT ",
        "Thu, 01 Jan 2026 ",
    ),
)
"""What something here looks for, or what nothing expects."""


def ids(text: str) -> None:
    for found in (read_task_ids(text), find_task_ids([text, text])):
        assert all(map(is_task_id, found.task_ids))
        assert len({*found.task_ids}) == len(found.task_ids)
        assert all(len(beginning) <= LEFT_OUT_LENGTH for beginning in found.left_out)
    assert all(map(is_task_id, quoted_task_ids([text])))
    assert 0 <= start_of_last(text) <= len(text)
    assert without_surroundings(text) in text


def names(text: str) -> None:
    name = clean_name(text)
    assert clean_name(name) == name
    assert len(row_name(numbered(name, 7))) <= ROW_LIMIT
    assert len(file_stem(text, TASK).encode()) <= FILE_STEM_BYTES
    for found in names_in([text, f"{text}: {TASK}"]).values():
        assert clean_name(found) == found != ""


def texts(text: str) -> None:
    shown = visible(text)
    assert len(text) > 1_000 or visible(shown) == shown
    assert len(plain(text, 300)) <= 300
    assert len(code(text, 45)) <= 45
    assert all(len(page) <= CONTENT_LIMIT for page in packed([text, shown]))


def links(text: str) -> None:
    for value in (text, f"https://{text}", f"https://a.example/{text}"):
        if (link := printable_link(value)) is not None:
            assert link.isascii()
            assert not {*link} & {*' <>"`\\'}
            assert printable_link(link) == link
        _target(value)


def log_lines(text: str) -> None:
    record = {"name": "t", "msg": "%s", "args": (f"{text} {SECRET} {text}",), "why": text}
    for formatter in (PEOPLE, MACHINES):
        assert SECRET not in (line := formatter.format(logging.makeLogRecord(record)))
        assert HIDDEN in line or len(text) > 15_000
    PEOPLE.redact(text)


def headers(text: str) -> None:
    assert not isinstance(retry_after({"Retry-After": text}, 0.0), str)
    CardButton.__discord_ui_compiled_template__.fullmatch(text)
    _decoded(429, {"Retry-After": text, "Content-Type": text}, b"{}")


def answers(text: str) -> None:
    """Whatever the task API sends is a task or an error; a task can be shown."""
    for name in ("state", "message", "action", "progress", "create_time", "id"):
        _shown(_decoded(200, {}, json.dumps({"state": "running", name: text}).encode()))
    _shown(
        _decoded(200, {}, json.dumps({"state": "succeeded", "data": {"videos": [{"url": text}]}}).encode())
    )
    for status in (200, 400, 404, 502):
        for body in (text, json.dumps({"code": text, "message": text}), f'{{"state": "running", {text}'):
            _shown(_decoded(status, {}, body.encode("utf-8", "surrogatepass")))


def results(text: str) -> None:
    message = Message(text[:CONTENT_LIMIT])
    assert len(with_attachments(message, Videos())[0]) <= CONTENT_LIMIT
    _shown(Task("a", TaskState.ERROR, "error", 1, message=text, refused_videos=(text,)))


def env_files(text: str) -> None:
    """No line of `.env` breaks the start, and none that sets nothing is repeated."""
    read = parse(
        Path(".env"), f"{text}\n{text}={SECRET}\n{SECRET}\n{SECRET}{text}==\nVEO_API_KEY {SECRET}", NAMES
    )
    assert SECRET not in str(read.faults)
    assert set(read.values) | set(read.empty) <= set(NAMES)


SURFACES: Final[Mapping[str, Callable[[str], None]]] = {
    function.__name__: function
    for function in (ids, names, texts, links, log_lines, headers, answers, results, env_files)
}

TEXTS: Final = st.lists(st.sampled_from(TOKENS) | st.text(max_size=8), max_size=40).map("".join)


def growth(
    function: Callable[[str], None], unit: str, end: str = "", size: int = 10_000
) -> tuple[float, float]:
    """Return the CPU time for a text of `size` characters, and by how much twice the text takes longer.

    The time is this thread's, without the garbage collector, the best of three.
    """
    once, twice = (seconds(function, (unit * (n // len(unit) + 1))[:n] + end) for n in (size, 2 * size))
    return once, twice / once


def seconds(function: Callable[[str], None], text: str) -> float:
    gc.disable()
    try:
        return min(timed(function, text) for _ in range(3))
    finally:
        gc.enable()


def timed(function: Callable[[str], None], text: str) -> float:
    begun = time.thread_time()
    function(text)
    return time.thread_time() - begun


def _decoded(status: int, headers: Mapping[str, str], body: bytes) -> Task | None:
    try:
        return decode(status, CIMultiDict(headers), body, TASK, 1e9)
    except VeoError:
        return None


def _shown(task: Task | None) -> None:
    for message in (answer_message(task, "en", 0.0),) if task is not None else ():
        assert len(message.content) <= CONTENT_LIMIT
