"""The table of Discord's errors: what each means, how long the bot waits, and what the log says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
import discord
import pytest

from bot.outbound.discord_errors import (
    ErrorAction,
    access_delay,
    describe,
    error_action,
    is_refusal,
    retry_delay,
)


@dataclass(frozen=True)
class Response:
    """As much of an answer as discord.py's errors look at."""

    status: int
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


def refused(status: int, code: int = 0) -> discord.HTTPException:
    kind = {403: discord.Forbidden, 404: discord.NotFound}.get(status, discord.HTTPException)
    return kind(Response(status), {"code": code, "message": "secret words"})


@pytest.mark.parametrize("status", [403, 404])
def test_the_word_of_a_proxy_is_not_discords(status: int) -> None:
    answer = Response(status, headers={"Content-Type": "text/html"})
    assert error_action(discord.HTTPException(answer, "<html>")) is ErrorAction.RETRY


def test_a_reply_to_what_is_gone_goes_without_being_a_reply() -> None:
    errors = {
        "message_reference": {"_errors": [{"code": "REPLIES_UNKNOWN_MESSAGE", "message": "Unknown message"}]}
    }
    error = discord.HTTPException(
        Response(400), {"code": 50035, "message": "Invalid Form Body", "errors": errors}
    )
    assert error_action(error) is ErrorAction.NO_REPLY


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (refused(403), True),
        (refused(404), True),
        (refused(401), True),
        (refused(503), False),
        (OSError(), False),
    ],
)
def test_a_refusal_is_an_answer_that_says_no(error: Exception, expected: bool) -> None:
    assert is_refusal(error) is expected


def test_a_closed_channel_is_tried_after_1_5_15_and_then_every_30_minutes() -> None:
    minutes = [access_delay(tries) / 60 for tries in (1, 2, 3, 4, 5, 5_000)]
    assert minutes == [1, 5, 15, 30, 30, 30]


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, 10003, ErrorAction.CHANNEL_GONE),
        (404, 10004, ErrorAction.CHANNEL_GONE),
        (404, 10008, ErrorAction.CARD_GONE),
        (404, 10015, ErrorAction.TOKEN_DEAD),
        (404, 10062, ErrorAction.TOKEN_DEAD),
        (401, 50027, ErrorAction.TOKEN_DEAD),
        (403, 50001, ErrorAction.PAUSE),
        (403, 50013, ErrorAction.PAUSE),
        (400, 50083, ErrorAction.ARCHIVED),
        (400, 160005, ErrorAction.PAUSE),
        (403, 160005, ErrorAction.PAUSE),
        (429, 30046, ErrorAction.RETRY),
        (429, 20016, ErrorAction.RETRY),
        (429, 0, ErrorAction.RETRY),
        (400, 50035, ErrorAction.BAD_FORM),
        (400, 50006, ErrorAction.BAD_FORM),
        (413, 40005, ErrorAction.TOO_LARGE),
        (400, 40005, ErrorAction.TOO_LARGE),
        (413, 0, ErrorAction.TOO_LARGE),
        (400, 0, ErrorAction.BAD_FORM),
        (401, 0, ErrorAction.RETRY),
        (403, 0, ErrorAction.RETRY),
        (403, 99999, ErrorAction.RETRY),
        (404, 0, ErrorAction.RETRY),
        (404, 99999, ErrorAction.RETRY),
        (400, 99999, ErrorAction.BAD_FORM),
        (408, 0, ErrorAction.RETRY),
        (200, 0, ErrorAction.RETRY),
        (500, 0, ErrorAction.RETRY),
        (503, 0, ErrorAction.RETRY),
        (524, 0, ErrorAction.RETRY),
    ],
)
def test_each_error_has_one_action(status: int, code: int, expected: ErrorAction) -> None:
    error = refused(status, code)
    assert error_action(error) is expected
    assert describe(error) == f"{status} code {code}"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (discord.RateLimited(12.4), "limited for 12 s"),
        (TimeoutError(), "no answer (TimeoutError)"),
        (ConnectionResetError("secret"), "no answer (ConnectionResetError)"),
        (aiohttp.ServerDisconnectedError("secret"), "no answer (ServerDisconnectedError)"),
        (TypeError("secret"), "TypeError"),
        (discord.InvalidData("secret"), "InvalidData"),
        (RuntimeError("secret"), "RuntimeError"),
    ],
)
def test_what_is_no_refusal_is_tried_again_and_told_without_its_words(error: Exception, words: str) -> None:
    assert error_action(error) is ErrorAction.RETRY
    assert describe(error) == words


@pytest.mark.parametrize(
    ("error", "tries", "seconds"),
    [
        (discord.RateLimited(7.5), 9, 7.5),
        (discord.RateLimited(0.0), 1, 1.0),
        (discord.RateLimited(1500), 1, 1500.0),
        (discord.RateLimited(9e9), 1, 3600.0),
        (refused(503), 1, 2.0),
        (refused(503), 5, 32.0),
        (refused(503), 9, 300.0),
        (refused(503), 5_000, 300.0),
        (refused(429), 1, 60.0),
        (refused(429), 5_000, 300.0),
        (refused(403), 1, 2.0),
        (refused(403), 5_000, 3600.0),
        (refused(404, 99999), 11, 2048.0),
        (refused(401), 5_000, 3600.0),
        (refused(400, 99999), 5_000, 3600.0),
        (TimeoutError(), 3, 8.0),
    ],
)
def test_pauses_grow_and_have_an_end(error: Exception, tries: int, seconds: float) -> None:
    assert retry_delay(error, tries) == seconds
