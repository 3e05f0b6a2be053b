"""Logs: one line for each record, with what must not be seen cut out of it."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from io import StringIO
from typing import Any, Final, Literal
from urllib.parse import quote

import pytest

from bot.log import HIDDEN, MAX_LENGTH, JsonFormatter, RedactingFormatter, TextFormatter, set_up

TOKEN: Final = "MTIz.GABCDE.0123-456_789"
KEY: Final = 'sk-"quoted"\\key'
LINES: Final = [
    ("a sentence with {TOKEN} in it", f"a sentence with {HIDDEN} in it"),
    ("POST https://discord.com/api/v10/webhooks/123/aW50ZXI_x.y-z/messages/@original 404",
     f"POST https://discord.com/api/v10/webhooks/123/{HIDDEN}/messages/@original 404"),
    ("/interactions/99/aW50ZXI/callback", f"/interactions/99/{HIDDEN}/callback"),
    ("/webhooks/99/aW50ZXI?wait=1", f"/webhooks/99/{HIDDEN}?wait=1"),
    ("{'token': 'abc', 'id': 1}", f"{{'token': '{HIDDEN}', 'id': 1}}"),
    ('{"token": "abc"}', f'{{"token": "{HIDDEN}"}}'),
    ("Authorization: Bearer abc.def", f"Authorization: {HIDDEN}"),
    ("authorization: Basic dXNlcjpwYXNz", f"authorization: {HIDDEN}"),
    ("{'Authorization': 'Bot abc', 'x': 1}", f"{{'Authorization': '{HIDDEN}', 'x': 1}}"),
    ("(b'Authorization', b'abc'), (b'x', b'y')", f"(b'Authorization', b'{HIDDEN}'), (b'x', b'y')"),
    ("GET https://b.c/a.mp4?X-Sig=abc&y=z done", f"GET https://b.c/a.mp4?{HIDDEN} done"),
    ('see "https://a.b/c?d=e", said', f'see "https://a.b/c?{HIDDEN}", said'),
    ("nothing to hide?", "nothing to hide?"),
]  # fmt: skip

Err = Callable[[], str]


@pytest.fixture
def untouched() -> Iterator[None]:
    """Give the process its logging back."""
    names = [
        "discord",
        "discord.client",
        "discord.gateway",
        "aiohttp",
        "aiohttp.server",
        "asyncio",
        "sqlalchemy",
        "alembic",
        "t",
    ]
    loggers = [logging.getLogger(), *map(logging.getLogger, names)]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.fixture
def err(capsys: pytest.CaptureFixture[str], untouched: None) -> Err:
    """Return a function that returns what was written since it was asked last."""
    return lambda: capsys.readouterr().err


def start(level: str = "INFO", form: Literal["text", "json"] = "text") -> logging.Logger:
    set_up(level, form, [TOKEN, KEY, "abc", ""])
    return logging.getLogger("t")


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(("line", "shown"), LINES)
def test_what_must_not_be_seen_is_cut_out(
    err: Err, form: Literal["text", "json"], line: str, shown: str
) -> None:
    log = start(form=form)
    log.info("%s", line.replace("{TOKEN}", TOKEN))
    if form == "text":
        assert err().endswith(f" INFO    t: {shown}\n")
    else:
        assert json.loads(err())["message"] == shown


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("secret", [TOKEN, KEY])
def test_a_secret_is_cut_out_wherever_it_stands(err: Err, form: Literal["text", "json"], secret: str) -> None:
    log = start(form=form)
    error = ValueError({"header": secret})
    error.__cause__ = RuntimeError(secret)
    log.error("failed with %s", secret, extra={"key": secret, "in": {"a": [secret]}}, exc_info=error)
    written = err()
    assert "direct cause" in written
    assert written.count(HIDDEN) == 5
    for form_of_it in (secret, secret.strip('"'), json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        assert form_of_it not in written


def test_a_very_short_secret_does_not_tear_words_apart(err: Err) -> None:
    start().info("abcdef")
    assert err().endswith("abcdef\n")


def test_a_secret_that_contains_another_is_cut_out_whole() -> None:
    assert (
        RedactingFormatter(TextFormatter(), ["secret", "secret-longer"]).redact("secret-longer secret")
        == f"{HIDDEN} {HIDDEN}"
    )


def test_a_text_line_has_time_level_sentence_and_fields(err: Err) -> None:
    start().warning("watch %s", "ended", extra={"task": "a", "card": 7})
    _, _, rest = err().split(" ", 2)
    assert rest == "WARNING t: watch ended task=a card=7\n"


def test_a_json_line_is_one_object(err: Err) -> None:
    log = start(form="json")
    log.error("two\nlines ü", extra={"task": "a", "odd": object})
    written = err()
    entry: dict[str, Any] = json.loads(written)
    assert entry.pop("time").endswith("Z")
    odd = str(object)
    assert entry == {"level": "ERROR", "logger": "t", "message": "two\nlines ü", "task": "a", "odd": odd}
    assert written.count("\n") == 1


@pytest.mark.parametrize(
    ("level", "logger", "shown"),
    [
        ("DEBUG", "bot.engine.poller", ["DEBUG", "INFO", "WARNING", "ERROR"]),
        ("INFO", "bot.engine.poller", ["INFO", "WARNING", "ERROR"]),
        ("ERROR", "bot.engine.poller", ["ERROR"]),
        ("DEBUG", "discord.http", ["INFO", "WARNING", "ERROR"]),
        ("DEBUG", "discord.webhook.async_", ["INFO", "WARNING", "ERROR"]),
        ("DEBUG", "discord.client", ["WARNING", "ERROR"]),
        ("WARNING", "discord.gateway", ["WARNING", "ERROR"]),
        ("ERROR", "discord.client", ["ERROR"]),
        ("DEBUG", "aiohttp.client", ["INFO", "WARNING", "ERROR"]),
        ("DEBUG", "sqlalchemy.engine.Engine", ["WARNING", "ERROR"]),
        ("DEBUG", "alembic.runtime.migration", ["WARNING", "ERROR"]),
    ],
)
def test_libraries_have_a_lowest_level_of_their_own(
    err: Err, level: str, logger: str, shown: list[str]
) -> None:
    start(level)
    for name in ("DEBUG", "INFO", "WARNING", "ERROR"):
        logging.getLogger(logger).log(logging.getLevelNamesMapping()[name], "said")
    assert [line.split()[2] for line in err().splitlines()] == shown


@pytest.mark.parametrize(
    ("logger", "message", "traced"),
    [
        ("discord.client", "Attempting a reconnect in %.2fs", False),
        ("discord.shard", "Attempting a reconnect for shard ID %s in %.2fs", False),
        ("discord.client", "Ignoring exception in %s", True),
        ("bot.app", "reconnecting", True),
    ],
)
def test_a_reconnect_is_one_line_and_every_other_failure_keeps_its_traceback(
    err: Err, logger: str, message: str, traced: bool
) -> None:
    start()
    error = ConnectionResetError()
    logging.getLogger(logger).error(message, *[1.0] * message.count("%"), exc_info=error)
    written = err()
    assert (written.splitlines()[-1] == "ConnectionResetError") is traced
    assert "ConnectionResetError" in written


def test_a_library_may_log_an_exception_as_its_message(err: Err) -> None:
    start()
    error = ConnectionResetError("cannot connect")
    logging.getLogger("discord.client").error(error, exc_info=error)
    assert err().endswith("discord.client: cannot connect (ConnectionResetError)\n")


def test_setting_up_twice_writes_each_line_once(err: Err) -> None:
    start()
    start().info("once")
    assert err().count("once") == 1


# What a line is made of


def record(**fields: object) -> logging.LogRecord:
    """Return a record of 14 November 2023, 22:13:20.25 UTC."""
    made = {"created": 1_700_000_000.25, "msecs": 250.0, "levelname": "INFO", "name": "t", "msg": "said"}
    return logging.makeLogRecord(made | fields)


def test_times_are_local_for_people_and_utc_for_machines() -> None:
    local = datetime.fromtimestamp(1_700_000_000.25).strftime("%Y-%m-%d %H:%M:%S")  # noqa: DTZ006
    assert TextFormatter().format(record()) == f"{local} INFO    t: said"
    assert json.loads(JsonFormatter().format(record()))["time"] == "2023-11-14T22:13:20.250Z"


def test_a_field_of_several_lines_stays_on_one() -> None:
    assert TextFormatter().format(record(why="a\nb")).endswith(": said why=a\\nb")


def test_json_keeps_letters_as_they_are_and_a_failure_in_a_field_of_its_own() -> None:
    line = JsonFormatter().format(record(msg="ü 渲染", exc_info=(ValueError, ValueError("no"), None)))
    assert "ü 渲染" in line
    assert json.loads(line)["exception"] == "ValueError: no"


def test_logs_go_where_they_are_told_to(err: Err) -> None:
    elsewhere = StringIO()
    set_up("INFO", "text", [], elsewhere)
    logging.getLogger("t").info("said")
    assert (elsewhere.getvalue().count("said"), err()) == (1, "")


def test_a_record_that_cannot_be_written_is_named_without_its_content(err: Err) -> None:
    start().info("%d", TOKEN)
    assert err() == "a record of t could not be written (TypeError)\n"


def test_a_reconnect_without_an_exception_is_told_as_it_is(err: Err) -> None:
    start()
    logging.getLogger("discord.client").error("cannot reconnect", exc_info=(None, None, None))
    assert err().endswith("cannot reconnect (unknown)\n")


# How a secret may be written


@pytest.mark.parametrize(
    ("secret", "written", "shown"),
    [
        ("\\ends\\", repr("\\ends\\"), f"'{HIDDEN}'"),
        ("'a\"b'", repr("'a\"b'"), f"'{HIDDEN}'"),
        ('"quoted"', json.dumps('"quoted"'), f'"{HIDDEN}"'),
        ("a/b c?d", quote("a/b c?d", safe=""), HIDDEN),
        ("abcd", "x abcd", f"x {HIDDEN}"),
        ("abc", "x abc", "x abc"),
    ],
)
def test_a_secret_is_cut_out_whole_however_it_is_written(secret: str, written: str, shown: str) -> None:
    assert RedactingFormatter(TextFormatter(), [secret]).redact(written) == shown


def test_the_longest_secret_is_cut_out_first() -> None:
    assert RedactingFormatter(TextFormatter(), ["tail", "a-tail"]).redact("a-tail") == HIDDEN


# What must not take long, or long lines


def test_a_long_line_is_cut_and_still_names_its_error(err: Err) -> None:
    error = ValueError("x" * 100_000)
    start().error("y" * 100_000, extra={"why": "z" * 100_000}, exc_info=error)
    written = err()
    assert len(written) < 4 * MAX_LENGTH
    assert written.count("more characters)") == 3
    assert "ValueError: x" in written


@pytest.mark.parametrize("shift", range(len(TOKEN) + 1))
def test_a_cut_leaves_no_part_of_a_secret(err: Err, shift: int) -> None:
    start().info("%s", "-" * (MAX_LENGTH - shift) + TOKEN + "-" * 100)
    written = err()
    assert TOKEN[:4] not in written
    assert "more characters)" in written


def test_a_long_line_as_json_is_still_one_object(err: Err) -> None:
    start(form="json").info("%s", '"' * 100_000, extra={"in": {"a": ["b" * 100_000]}})
    assert json.loads(err())["message"].startswith('""')


class BadStatusLine(Exception):
    """As aiohttp has it."""

    __module__ = "aiohttp.http_exceptions"


@pytest.mark.parametrize(("level", "lines"), [("INFO", 0), ("DEBUG", 1)])
@pytest.mark.parametrize("called", ["debug", "exception"])
def test_a_malformed_request_is_one_short_line_at_debug(
    err: Err, level: str, lines: int, called: str
) -> None:
    start(level)
    log = logging.getLogger("aiohttp.server")
    getattr(log, called)("Error handling request from %s", "::1", exc_info=BadStatusLine("http://" * 9_000))
    written = err()
    assert written.count("\n") == lines
    assert written.count(" DEBUG   aiohttp.server: a malformed request (BadStatusLine)") == lines


def test_a_failure_of_our_own_pages_keeps_its_traceback(err: Err) -> None:
    start()
    logging.getLogger("aiohttp.server").error("Error handling request", exc_info=ValueError("ours"))
    assert "ValueError: ours" in err()
