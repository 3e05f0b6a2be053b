"""Logs on stderr: a sentence and its fields, for people or as JSON, with secrets redacted.

Redaction works on the finished line, so it covers whatever a library or an exception put into a record. It is
only the last line of defence. Our own records contain no secrets, and discord.py's DEBUG records, which
contain interaction tokens, are always dropped.
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
MAX_LENGTH: Final = 16_000
"""Characters of a message, of a field and of a traceback."""
MIN_SECRET_LENGTH: Final = 4
"""Shorter secrets are not searched for: they would match parts of ordinary words."""
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Inside JSON a quote is escaped by a backslash, which must stay in the line.
_INTERACTION: Final = re.compile(r"((?:/webhooks/|/interactions/)\d+/)[^/\s\"'?\\]+")
_TOKEN_FIELD: Final = re.compile(r"([\"']token\\*[\"']: *\\*[\"'])[^\"'\\]+")
_AUTHORIZATION: Final = re.compile(
    r"(Authorization\\*[\"']?[:=,] *(?:b?\\*[\"'])?)(?:\w+ )?[^\s\"',)}\\]+", re.IGNORECASE
)
# Matches the whole link, with or without a query. A pattern that requires the query would, when it fails,
# start over at each "http" in the line, and one long line would block the bot for seconds.
_LINK: Final = re.compile(r"https?://[^\s\"'<>\\]+")
_LIBRARY_LEVELS: Final = {
    "discord": logging.INFO,  # below that it logs tokens
    "discord.client": logging.WARNING,  # below that it logs each step of a login
    "filelock": logging.WARNING,
    "aiohttp": logging.INFO,
    "aiohttp.server": logging.DEBUG,
    "asyncio": logging.INFO,
    "sqlalchemy": logging.WARNING,  # below that it logs every statement
    "alembic": logging.WARNING,
}
"""The minimum level at which a library is logged."""


class RedactingFormatter(logging.Formatter):
    """Wraps another formatter and redacts secrets in its output."""

    def __init__(self, inner: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self._inner: Final = inner
        self._secrets: Final = sorted(
            {form for s in secrets if len(s) >= MIN_SECRET_LENGTH for form in _forms(s)},
            key=len,
            reverse=True,
        )

    def format(self, record: logging.LogRecord) -> str:
        try:
            line = self._inner.format(self._bounded(record))
        except Exception as error:  # logging itself would print the arguments unredacted
            line = f"a record of {record.name} could not be written ({type(error).__name__})"
        return self.redact(line)

    def redact(self, line: str) -> str:
        """Remove known secrets, interaction tokens, Authorization headers and the queries of links."""
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        line = _INTERACTION.sub(rf"\1{HIDDEN}", line)
        line = _TOKEN_FIELD.sub(rf"\1{HIDDEN}", line)
        line = _AUTHORIZATION.sub(rf"\1{HIDDEN}", line)
        return _LINK.sub(_without_query, line)

    def _bounded(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return a record of bounded size, so that redacting it takes bounded time."""
        fields = {name: self._truncated(value) for name, value in _fields(record).items()}
        fields |= {"msg": self._truncated(record.getMessage()), "args": None}
        if record.exc_info and record.exc_info[0] is not None:
            fields["exc_text"] = self._truncated(self._inner.formatException(record.exc_info))
        return logging.makeLogRecord(vars(record) | fields)

    def _truncated(self, value: Any) -> Any:
        if isinstance(value, bool | int | float | None):
            return value
        text = value if isinstance(value, str) else str(value)
        if len(text) <= MAX_LENGTH:
            return value
        end = MAX_LENGTH
        for secret in self._secrets:  # half a secret would not be recognised: cut before it
            start = text.find(secret, max(0, end - len(secret) + 1), end + len(secret) - 1)
            end = start if start != -1 else end
        return f"{text[:end]}… ({len(text) - end} more characters)"


def _without_query(match: re.Match[str]) -> str:
    place, _, query = match[0].partition("?")
    return f"{place}?{HIDDEN}" if query else match[0]


def _forms(secret: str) -> set[str]:
    """Return the forms of a secret in a line: plain, as a repr, in a URL, and each of them inside JSON."""
    forms = {secret, repr(secret)[1:-1], quote(secret, safe="")}
    return forms | {json.dumps(form)[1:-1] for form in forms}


class TextFormatter(logging.Formatter):
    """One readable line: time, level, logger, message, fields."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        fields = "".join(f" {name}={_one_line(value)}" for name, value in _fields(record).items())
        line = f"{stamp} {record.levelname:<7} {record.name}: {record.getMessage()}{fields}"
        return f"{line}\n{_traceback(self, record)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object per line, with the time in UTC."""

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
    """Send all logs to `stream`, stderr by default, from `level` on; libraries have minimums of their own."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(RedactingFormatter(JsonFormatter() if form == "json" else TextFormatter(), secrets))
    handler.addFilter(_shorten_reconnects)
    handler.addFilter(_mute_noise)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, minimum in _LIBRARY_LEVELS.items():
        logging.getLogger(name).setLevel(max(minimum, logging.getLevelNamesMapping()[level]))


def _shorten_reconnects(record: logging.LogRecord) -> bool:
    """Drop the traceback of a reconnect, which adds nothing to its message."""
    if record.name.startswith("discord") and record.exc_info and "onnect" in str(record.msg):
        kind = record.exc_info[0]
        record.msg = f"{record.msg} ({kind.__name__ if kind else 'unknown'})"
        record.exc_info = None
        record.exc_text = None
    return True


def _mute_noise(record: logging.LogRecord) -> bool:
    """Turn errors that anybody can provoke into one short DEBUG line, without the bytes they sent."""
    kind = record.exc_info[0] if record.exc_info else None
    if kind is None:
        return True
    if record.name == "aiohttp.server" and kind.__module__.startswith("aiohttp."):
        message = "a malformed request (%s)"
    elif record.name == "discord.app_commands.tree" and kind.__name__ == "NotAnswered":
        message = "an autocomplete was not answered (%s)"
    else:
        return True
    record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
    record.msg, record.args = message, (kind.__name__,)
    record.exc_info = record.exc_text = None
    return logging.getLogger().isEnabledFor(logging.DEBUG)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return record.exc_text or (formatter.formatException(record.exc_info) if record.exc_info else "")


def _one_line(value: object) -> str:
    return "\\n".join(str(value).splitlines())


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}
