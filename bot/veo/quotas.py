"""Reads what the headers of an answer say about the requests that are left, and when to try again.

Servers follow no common standard. They send pairs of `…-Remaining` and `…-Reset` under several names
(GitHub's, Kong's, OpenAI's, RapidAPI's), with resets as seconds, Unix times, Go durations or dates, or one of
three forms of the IETF's draft (draft-ietf-httpapi-ratelimit-headers-03, -07 and -10). What cannot be read is
ignored, and so is what counts something else: tokens, or the limit of a relay's own upstream.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from bot.core.budget import Quota

VALUE_LIMIT: Final = 500
"""Characters read of a value."""
UNIX: Final = 1e8
"""From here on a number is a time, below it a delay."""
NO_SECONDS: Final = 1e11
"""From here on a time is in milliseconds, microseconds or nanoseconds."""
UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
WINDOWS: Final = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}
"""Kong names the window in the header: `X-RateLimit-Remaining-Minute`."""
LISTS: Final = ("ratelimit", "ratelimit-policy", "ratelimit-limit", "x-ratelimit-limit")

_OURS: Final = ("ratelimit", "x-ratelimit", "rate-limit", "x-rate-limit")
_REMAINING: Final = re.compile(
    r"(?:x-)?rate-?limit-(?:requests-)?remaining(?:-(requests|second|minute|hour|day))?"
)
_COUNT: Final = re.compile(r"\s*(\d{1,15})(?:\.0{1,9})?\s*", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,20}(?:\.\d{1,9})?", re.ASCII)
_DURATION: Final = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|us|µs|ns|h|m|s)){1,6}", re.ASCII)
_PART: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|us|µs|ns|h|m|s)", re.ASCII)
_PARAMETER: Final = re.compile(r"\s*([a-z]{1,20})\s*=\s*\"?([^\",;]{1,30})")


def read_quotas(headers: Mapping[str, str], now: float) -> list[Quota]:
    """Return every quota that is announced; `now` is the Unix time if the answer names none."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        if lower.startswith(_OURS):
            found[lower] = f"{found.get(lower, '')},{value}".removeprefix(",")[:VALUE_LIMIT]
    if not found:
        return []
    date = _unix_time(headers.get("Date", ""))
    return [*_of_pairs(found, now if date is None else date), *_of_the_draft(found)]


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, None if there is none that can be read.

    Beside whole seconds and dates, servers send fractions, Unix times and durations.
    """
    date = _unix_time(headers.get("Date", ""))
    return _seconds(headers.get("Retry-After", ""), now if date is None else date)


def _of_pairs(found: Mapping[str, str], now: float) -> Iterator[Quota]:
    for name, value in found.items():
        if (match := _REMAINING.fullmatch(name)) is None:
            continue
        counts = [count for count in map(_count, value.split(",")) if count is not None]
        resets = [name.replace("remaining", "reset"), name.replace("remaining", "reset-after")]
        given = [_seconds(found[reset], now) for reset in (*resets, "ratelimit-reset") if reset in found]
        seconds = next((each for each in given if each is not None), WINDOWS.get(match[1] or ""))
        if counts and seconds is not None and seconds > 0:
            yield Quota(min(counts), seconds)


def _of_the_draft(found: Mapping[str, str]) -> Iterator[Quota]:
    dictionary = dict(_PARAMETER.findall(found.get("ratelimit", "")))
    left, reset = _count(dictionary.get("remaining", "")), _count(dictionary.get("reset", ""))
    if left is not None and reset:  # RateLimit: limit=100, remaining=50, reset=30
        yield Quota(left, reset)
    for name in LISTS:
        for item in found.get(name, "").split(","):
            values = dict(_PARAMETER.findall(item.partition(";")[2]))
            if values.get("qu", "requests") != "requests":
                continue
            left, reset = _count(values.get("r", "")), _count(values.get("t", ""))
            if left is not None and reset:  # RateLimit: "default";r=50;t=30
                yield Quota(left, reset)
            quota, window = _count(values.get("q", item.partition(";")[0])), _count(values.get("w", ""))
            if quota and window:  # RateLimit-Policy: "burst";q=100;w=60, or 100;w=60
                yield Quota(quota, window)


def _count(text: str) -> int | None:
    match = _COUNT.fullmatch(text)
    return None if match is None else int(match[1])


def _seconds(text: str, now: float) -> float | None:
    """Return the seconds until a reset, whatever its form; None if it cannot be read."""
    first = text.partition(",")[0].strip()  # a proxy may have joined two headers
    if _NUMBER.fullmatch(first):
        number = float(first)
        while number >= NO_SECONDS:
            number /= 1_000
        return number - now if number >= UNIX else number
    if _DURATION.fullmatch(first):
        return sum(float(number) * UNITS[unit] for number, unit in _PART.findall(first))
    at = _unix_time(text.strip())
    return None if at is None else at - now


def _unix_time(text: str) -> float | None:
    """Return the Unix time of a date as in HTTP or in RFC 3339; without a zone it is UTC."""
    if not text:
        return None
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            at = parse(text)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None
