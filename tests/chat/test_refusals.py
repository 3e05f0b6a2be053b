"""The table of Discord's refusals: what each means to us, how long we wait, and what the log says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
import discord
import pytest

from bot.chat.refusals import Reaction, pause, reaction, told


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
    assert reaction(discord.HTTPException(answer, "<html>")) is Reaction.LATER


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, 10003, Reaction.ACCESS_LOST),
        (404, 10008, Reaction.CARD_GONE),
        (404, 10015, Reaction.TOKEN_DEAD),
        (404, 10062, Reaction.TOKEN_DEAD),
        (401, 50027, Reaction.TOKEN_DEAD),
        (403, 50001, Reaction.ACCESS_LOST),
        (403, 50013, Reaction.ACCESS_LOST),
        (400, 50083, Reaction.ARCHIVED),
        (400, 160005, Reaction.ACCESS_LOST),
        (403, 160005, Reaction.ACCESS_LOST),
        (429, 30046, Reaction.LATER),
        (429, 20016, Reaction.LATER),
        (429, 0, Reaction.LATER),
        (400, 50035, Reaction.BAD_FORM),
        (400, 50006, Reaction.BAD_FORM),
        (413, 40005, Reaction.TOO_LARGE),
        (400, 40005, Reaction.TOO_LARGE),
        (413, 0, Reaction.TOO_LARGE),
        (400, 0, Reaction.BAD_FORM),
        (401, 0, Reaction.LATER),
        (403, 99999, Reaction.ACCESS_LOST),
        (404, 99999, Reaction.ACCESS_LOST),
        (200, 0, Reaction.LATER),
        (500, 0, Reaction.LATER),
        (503, 0, Reaction.LATER),
        (524, 0, Reaction.LATER),
    ],
)
def test_each_refusal_has_one_reaction(status: int, code: int, expected: Reaction) -> None:
    error = refused(status, code)
    assert reaction(error) is expected
    assert told(error) == f"{status} code {code}"


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
    assert reaction(error) is Reaction.LATER
    assert told(error) == words


@pytest.mark.parametrize(
    ("error", "tries", "seconds"),
    [
        (discord.RateLimited(7.5), 9, 7.5),
        (discord.RateLimited(0.0), 1, 1.0),
        (discord.RateLimited(1500), 1, 1500.0),
        (discord.RateLimited(9e9), 1, 3600.0),
        (refused(503), 0, 1.0),
        (refused(503), 1, 2.0),
        (refused(503), 5, 32.0),
        (refused(503), 9, 300.0),
        (refused(503), 5_000, 300.0),
        (refused(429), 1, 60.0),
        (refused(429), 5_000, 300.0),
        (TimeoutError(), 3, 8.0),
    ],
)
def test_pauses_grow_and_have_an_end(error: Exception, tries: int, seconds: float) -> None:
    assert pause(error, tries) == seconds
