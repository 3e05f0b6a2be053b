"""The bytes of an answer as JSON: read strictly, and again with the damage that real relays send.

Relays cut messages inside a character or an emoji, copy control characters and NaN, and put a byte order mark
in front. None of that hides what the answer says. What is cut off, nested without end or no JSON at all stays
unreadable.
"""

import json
import re
from codecs import BOM_UTF8
from contextlib import suppress
from typing import Any, Final

import pydantic_core

LENIENT_LIMIT: Final = 256 * 1024
"""Bytes of a body that is read a second time; a real answer has some kilobytes."""

# A backslash with what it escapes, if that is an escape of JSON: the alternatives exclude each other, so that
# a row of backslashes is walked through once.
_ESCAPE: Final = re.compile(r'\\(?:(["\\/bfnrt]|u[0-9a-fA-F]{4})|(\')?)')
# Some servers call every text JSON, also their "404 page not found".
_SENTENCE: Final = re.compile(rb"(?:[1-5]\d\d )?[A-Za-z]")
_DECODER: Final = json.JSONDecoder(strict=False, parse_constant=lambda _: None)


class NotJson(ValueError):
    """A body is no JSON; `page` says that it was not meant to be: HTML, text, or nothing at all."""

    def __init__(self, *, page: bool) -> None:
        super().__init__()
        self.page = page


def read(body: bytes, content_type: str) -> Any:
    """Return the JSON value of a body, whatever its type is said to be; texts may contain lone surrogates.

    Raises:
        NotJson: it is none, or damaged beyond repair.
    """
    try:
        return pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError:
        if len(body) <= LENIENT_LIMIT:
            with suppress(ValueError, RecursionError):
                return _DECODER.decode(_ESCAPE.sub(_escaped, body.decode("utf-8-sig", "replace")))
    head = body[:1024].removeprefix(BOM_UTF8).lstrip()
    text = head[:1] in {b"", b"<"} or _SENTENCE.match(head) is not None
    raise NotJson(page=text or (head[:1] not in {b"{", b"["} and "json" not in content_type.lower()))


def _escaped(match: re.Match[str]) -> str:
    """Return an escape as JSON knows it: any other backslash was meant as itself, one before ' as nothing."""
    valid, quote = match.groups()
    return match.group() if valid else quote or r"\\"
