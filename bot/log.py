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
LONGEST: Final = 16_000
"""Characters of a sentence, of a field and of a traceback."""
SHORTEST_SECRET: Final = 4
"""Characters from which a secret is cut out wherever it stands; a shorter one would tear words apart."""
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Inside JSON a quote has a backslash before it, which is the line's own and must stay.
_INTERACTION: Final = re.compile(r"((?:/webhooks/|/interactions/)\d+/)[^/\s\"'?\\]+")
_TOKEN_FIELD: Final = re.compile(r"([\"']token\\*[\"']: *\\*[\"'])[^\"'\\]+")
_AUTHORIZATION: Final = re.compile(
    r"(Authorization\\*[\"']?[:=,] *(?:b?\\*[\"'])?)(?:\w+ )?[^\s\"',)}\\]+", re.IGNORECASE
)
# A whole link is taken, with a query or without: looking for the query alone, a search that fails would begin
# again at each "http" inside, and one long line would stop the bot for seconds.
_LINK: Final = re.compile(r"https?://[^\s\"'<>\\]+")
_LIBRARIES: Final = {
    "discord": logging.INFO,  # below that it writes tokens
    "discord.client": logging.WARNING,  # each step of a login
    "filelock": logging.WARNING,
    "aiohttp": logging.INFO,
    "aiohttp.server": logging.DEBUG,
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
            line = self._inner.format(self._cut(record))
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
        return _LINK.sub(_without_query, line)

    def _cut(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return a record of bounded size, before anything looks for what must not be seen."""
        fields = {name: self._shortened(value) for name, value in _fields(record).items()}
        fields |= {"msg": self._shortened(record.getMessage()), "args": None}
        if record.exc_info and record.exc_info[0] is not None:
            fields["exc_text"] = self._shortened(self._inner.formatException(record.exc_info))
        return logging.makeLogRecord(vars(record) | fields)

    def _shortened(self, value: Any) -> Any:
        if isinstance(value, bool | int | float | None):
            return value
        text = value if isinstance(value, str) else str(value)
        if len(text) <= LONGEST:
            return value
        end = LONGEST
        for secret in self._secrets:  # half of one would not be known for what it is
            start = text.find(secret, max(0, end - len(secret) + 1), end + len(secret) - 1)
            end = start if start != -1 else end
        return f"{text[:end]}… ({len(text) - end} more characters)"


def _without_query(match: re.Match[str]) -> str:
    place, _, query = match[0].partition("?")
    return f"{place}?{HIDDEN}" if query else match[0]


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
        return f"{line}\n{_traceback(self, record)}" if record.exc_info else line


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
            entry["exception"] = _traceback(self, record)
        return json.dumps(entry, ensure_ascii=False, default=str)


def set_up(
    level: str, form: Literal["text", "json"], secrets: Iterable[str], stream: TextIO | None = None
) -> None:
    """Send all logs to `stream`, stderr by default; `level` is ours, libraries have their own lowest."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Redacted(Json() if form == "json" else Text(), secrets))
    handler.addFilter(_one_line_of_reconnects)
    handler.addFilter(_one_line_of_noise)
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


def _one_line_of_noise(record: logging.LogRecord) -> bool:
    """Let what others cause at will through at DEBUG alone: one short line, without their bytes."""
    kind = record.exc_info[0] if record.exc_info else None
    if kind is None:
        return True
    if record.name == "aiohttp.server" and kind.__module__.startswith("aiohttp."):
        sentence = "a malformed request (%s)"
    elif record.name == "discord.app_commands.tree" and kind.__name__ == "NotAnswered":
        sentence = "an autocompletion was not answered (%s)"
    else:
        return True
    record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
    record.msg, record.args = sentence, (kind.__name__,)
    record.exc_info = record.exc_text = None
    return logging.getLogger().isEnabledFor(logging.DEBUG)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return record.exc_text or (formatter.formatException(record.exc_info) if record.exc_info else "")


def _one_line(value: object) -> str:
    return "\\n".join(str(value).splitlines())


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}
