"""Answers of the task API, and the decoder with what is the same in every test."""

import json
from typing import Any, Final

from made import NOW, TASK
from multidict import CIMultiDict

from bot.core.task import Task
from bot.veo.protocol import decode

DOCUMENTED: Final[dict[str, Any]] = {
    "id": TASK,
    "state": "running",
    "data": {"videos": []},
    "progress": 40,
    "create_time": 1_700_000_000,
    "update_time": 1_700_000_060,
    "message": "",
    "action": "generate",
}


def decoded(
    body: Any, status: int = 200, headers: dict[str, str] | None = None, *, known: Task | None = None
) -> Task:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    all_headers = CIMultiDict({"Content-Type": "application/json"} | (headers or {}))
    return decode(status, all_headers, raw, TASK, NOW, known=known)
