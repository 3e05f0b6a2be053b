"""What counts as a task id: in what a person types, and in texts that others wrote.

Two rules, for two kinds of trust. Who types an id means it, so anything of the API's alphabet is taken. In a
message that somebody pasted any word would fit that alphabet: there only UUIDs and task links count.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

MOST_AT_ONCE: Final = 10
"""Tasks on one card."""

_TASK_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
_UUID: Final = re.compile(
    r"(?<![\w-])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![\w-])", re.ASCII
)
_LINK_OR_UUID: Final = re.compile(rf"https?://[^\s<>\"'`|*\\\[\]()]+|{_UUID.pattern}", re.ASCII)
_QUOTED: Final = re.compile(r"(?<![\\`])`([A-Za-z0-9][A-Za-z0-9_.:-]{0,99})`(?!`)")
# Those of a Chinese keyboard, too.
_SEPARATORS: Final = re.compile(r"[,，、;；]+")
# The first assertion keeps a long row of commas from being tried anew at each of them.
_BEFORE_A_LINK: Final = re.compile(rf"(?<![,，、;；]){_SEPARATORS.pattern}(?=https?://)")
_WRAPPING: Final = " \t\r\n`<>\"'"
_SENTENCE_END: Final = ".,:;!?"


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed for one task or several: the ids, each once, and what was none."""

    task_ids: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def is_task_id(text: str) -> bool:
    """Tell whether `text` may stand in a request path as it is: the allow-list against path tricks."""
    return _TASK_ID.fullmatch(text) is not None and ".." not in text


def read_task_id(typed: str) -> str | None:
    """Return the task id in what a person typed or pasted, or None.

    A URL counts as the id that its path ends in. Quotes, backticks and angle brackets around it are the
    chat's, not the id's.
    """
    text = typed.strip(_WRAPPING)
    if any(char.isspace() for char in text):  # several ids: none is taken rather than one of them
        return None
    if "://" in text:
        text = _last_of_path(text) or ""
    return text if is_task_id(text) else None


def read_task_ids(typed: str) -> Typed:
    """Return the ids in what a person typed, separated by spaces, commas or newlines, each once."""
    found: dict[str, None] = {}
    others: dict[str, None] = {}
    for part in _parts(typed):
        task_id = read_task_id(part)
        if task_id is None:
            others[part] = None
        else:
            found[task_id] = None
    return Typed(tuple(found), tuple(others))


def find_task_ids(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the UUIDs, and the ids of task links, in texts that others wrote, each once.

    A task link's path ends in `/tasks/<id>`, as the API's own does; another link counts if it ends in a UUID.
    """
    return tuple(dict.fromkeys(task_id for text in texts for task_id in _found_in(text)))


def quoted_task_ids(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the ids that stand in backticks, as they do in every message of ours, each once."""
    quoted = (found for text in texts for found in _QUOTED.findall(text))
    return tuple(dict.fromkeys(found for found in quoted if is_task_id(found)))


def _parts(typed: str) -> Iterator[str]:
    for word in typed.split():
        # A comma inside a link is the link's own.
        separators = _BEFORE_A_LINK if "://" in word else _SEPARATORS
        yield from (part for part in separators.split(word) if part.strip(_WRAPPING))


def _found_in(text: str) -> Iterator[str]:
    for match in _LINK_OR_UUID.finditer(text):
        found = match[0]
        if "://" not in found:
            yield found
        elif (task_id := _id_of_link(found.rstrip(_SENTENCE_END))) is not None:
            yield task_id


def _id_of_link(link: str) -> str | None:
    last = _last_of_path(link)
    if last is None or not is_task_id(last):
        return None
    *_, before, _ = ("", *urlsplit(link).path.rstrip("/").split("/"))
    return last if before == "tasks" or _UUID.fullmatch(last) else None


def _last_of_path(url: str) -> str | None:
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    return unquote(path.rstrip("/").rpartition("/")[2])
