"""Logs on stderr: a sentence and its fields, for people or as JSON, with secrets cut out at the very end.

Whatever a library or an exception puts into a record, `Redacted` sees the finished line. It is the last line
of defence, not the first: our own records carry no secrets, and discord.py's DEBUG records, which carry
interaction tokens, are never let through.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Iterable
from typing import Any, Final, Literal, TextIO
from urllib.parse import quote

HIDDEN: Final = "•••"
SHORTEST_SECRET: Final = 4
"""Characters from which a secret is cut out wherever it stands; a shorter one would tear words apart."""
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Inside JSON a quote has a backslash before it, which is the line's own and must stay.
_INTERACTION: Final = re.compile(r"((?:/webhooks/|/interactions/)\d+/)[^/\s\"'?\\]+")
_TOKEN_FIELD: Final = re.compile(r"([\"']token\\*[\"']: *\\*[\"'])[^\"'\\]+")
_AUTHORIZATION: Final = re.compile(
    r"(Authorization\\*[\"']?[:=,] *(?:b?\\*[\"'])?)(?:\w+ )?[^\s\"',)}\\]+", re.IGNORECASE
)
_QUERY: Final = re.compile(r"(https?://[^\s\"'<>?\\]+)\?[^\s\"'<>\\]+")
_LIBRARIES: Final = {
    "discord": logging.INFO,  # below that it writes tokens
    "discord.client": logging.WARNING,  # each step of a login
    "filelock": logging.WARNING,
    "aiohttp": logging.INFO,
    "asyncio": logging.INFO,
    "sqlalchemy": logging.WARNING,  # every statement
    "alembic": logging.WARNING,
}
"""The lowest level from which a library is worth reading."""


class Redacted(logging.Formatter):
    """Formats with another formatter and cuts out what must not be seen."""

    def __init__(self, inner: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self._inner: Final = inner
        self._secrets: Final = sorted(
            {form for s in secrets if len(s) >= SHORTEST_SECRET for form in _written(s)},
            key=len,
            reverse=True,
        )

    def format(self, record: logging.LogRecord) -> str:
        try:
            line = self._inner.format(record)
        except Exception as error:  # logging itself would print the record's arguments as they are
            line = f"a record of {record.name} could not be written ({type(error).__name__})"
        return self.redact(line)

    def redact(self, line: str) -> str:
        """Return a line without known secrets, tokens of interactions and signatures of links."""
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        line = _INTERACTION.sub(rf"\1{HIDDEN}", line)
        line = _TOKEN_FIELD.sub(rf"\1{HIDDEN}", line)
        line = _AUTHORIZATION.sub(rf"\1{HIDDEN}", line)
        return _QUERY.sub(rf"\1?{HIDDEN}", line)


def _written(secret: str) -> set[str]:
    """Return how a secret may stand in a line: as it is, in a representation or a URL, also inside JSON."""
    forms = {secret, repr(secret)[1:-1], quote(secret, safe="")}
    return forms | {json.dumps(form)[1:-1] for form in forms}


class Text(logging.Formatter):
    """One readable line: time, level, logger, sentence, fields."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        fields = "".join(f" {name}={_one_line(value)}" for name, value in _fields(record).items())
        line = f"{stamp} {record.levelname:<7} {record.name}: {record.getMessage()}{fields}"
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


class Json(logging.Formatter):
    """One JSON object a line, its time in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def set_up(
    level: str, form: Literal["text", "json"], secrets: Iterable[str], stream: TextIO | None = None
) -> None:
    """Send all logs to `stream`, stderr by default; `level` is ours, libraries have their own lowest."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Redacted(Json() if form == "json" else Text(), secrets))
    handler.addFilter(_one_line_of_reconnects)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, lowest in _LIBRARIES.items():
        logging.getLogger(name).setLevel(max(lowest, logging.getLevelNamesMapping()[level]))


def _one_line_of_reconnects(record: logging.LogRecord) -> bool:
    """Keep the sentence of a reconnect and drop its traceback, which says nothing more."""
    if record.name.startswith("discord") and record.exc_info and "onnect" in str(record.msg):
        kind = record.exc_info[0]
        record.msg = f"{record.msg} ({kind.__name__ if kind else 'unknown'})"
        record.exc_info = None
        record.exc_text = None
    return True


def _one_line(value: object) -> str:
    return "\\n".join(str(value).splitlines())


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}
