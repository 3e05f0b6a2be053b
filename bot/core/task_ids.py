"""Finds task ids in what a person typed, in other people's messages, and in our own.

People paste `curl` commands that contain keys, so the decision is made for the whole text. Task links count
if there are any, otherwise UUIDs. Only if there is neither may a plain word be an id, and only if the user
typed it. Everything else is left out: it is never sent anywhere and never shown in public.
"""

import re
import string
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from bot.core.characters import is_invisible

MOST_AT_ONCE: Final = 10
"""Tasks on one card."""
LEFT_OUT_LENGTH: Final = 8
"""Characters shown of a word that was left out: enough to recognise it, too few to reveal a key."""

_TASK_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
# Marks of emphasis may surround a UUID, but it is no part of a longer word.
_UUID: Final = re.compile(
    r"(?<![A-Za-z0-9])(?<![A-Za-z0-9][_-])(?<![A-Za-z0-9][_-]{2})"
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![_-]{0,2}[A-Za-z0-9])"
)
_IN_LINK: Final = r"(?:(?![,;]https?://)[!#-&+-;=?-Z^_a-{}~])"
"""Printable ASCII without quotes, brackets and what Markdown writes around a link."""
# A pair of parentheses belongs to the link, a single one to the text around it. The quantifiers are
# possessive, so no character is tried twice.
_LINK: Final = re.compile(
    rf"https?://(?:\[[0-9a-f:.]{{2,45}}\])?(?:{_IN_LINK}|\({_IN_LINK}*+\))++", re.IGNORECASE | re.ASCII
)
_QUOTED: Final = re.compile(r"(?<![\\`])`([A-Za-z0-9][A-Za-z0-9_.:-]{0,99})`(?!`)")
# Includes the separators of Chinese keyboards.
_BETWEEN: Final = re.compile(r"[\s,，、;；]+")
_WORD: Final = re.compile(r"[^\s,，、;；]+")
_DIGIT: Final = re.compile(r"[0-9]")
_QUOTES_AND_MARKS: Final = frozenset("\"'`*~|#<>()[]{}")
_AROUND: Final = frozenset({"Pi", "Pf", "Ps", "Pe", "Zs"})
"""Unicode's categories of quotes, brackets and spaces."""
_FINAL: Final = frozenset(".,:;!?")
_QUERY_NAMES: Final = ("taskId", "task_id", "id")
_SECRET: Final = re.compile(r"auth|bearer|key|token|secret|sig|pass|session|cred", re.IGNORECASE)


class Found(NamedTuple):
    """The ids in a text, each once, and the beginnings of the words that are not ids."""

    task_ids: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class _Piece(NamedTuple):
    """A link or a word; `task_ids` are the ids of a task link or the UUIDs of a word."""

    text: str
    start: int
    """Its offset in the text."""
    is_link: bool
    task_ids: tuple[str, ...]


def is_task_id(text: str) -> bool:
    """Return whether `text` is safe in a request path; an allow-list, so that no path can be injected."""
    return _TASK_ID.fullmatch(text) is not None and ".." not in text


def read_task_ids(typed: str) -> Found:
    """Return the ids in what a person typed or pasted, whatever is around them."""
    pieces = list(_pieces(typed))
    if found := _certain(pieces):
        return _found(found, pieces)
    if any(piece.is_link for piece in pieces):
        return Found()  # perhaps a pasted request: the words around its URL may be keys
    words = {piece.text: without_surroundings(piece.text) for piece in pieces}
    if len(words) > 1 and not all(_DIGIT.search(word) for word in words.values()):
        return Found()  # a sentence
    plain = [
        piece._replace(task_ids=(words[piece.text],)) for piece in pieces if is_task_id(words[piece.text])
    ]
    return _found(plain, pieces) if plain else Found()


def read_task_id(typed: str) -> Found:
    """Return the id in what a person typed, or none if there are several."""
    found = read_task_ids(typed)
    return found if len(found.task_ids) == 1 else Found()


def find_task_ids(texts: Iterable[str]) -> Found:
    """Return the ids in other people's texts. Only links and UUIDs count: a plain word could be anything."""
    pieces = [piece for text in texts for piece in _pieces(text) if piece.task_ids]
    return _found(_certain(pieces), pieces)


def texts_before(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the ids in other people's texts, each with the text before it (or before its link) on its line.

    That text is "" if the line contains several ids: it could be about any of them.
    """
    for line in (line for text in texts for line in text.splitlines()):
        pieces = [piece for piece in _pieces(line) if piece.task_ids]
        task_ids = tuple(dict.fromkeys(task_id for piece in pieces for task_id in piece.task_ids))
        if len(task_ids) == 1:
            first, task_id = pieces[0], task_ids[0]
            start = first.start if first.is_link else line.index(task_id, first.start)
            yield task_id, line[:start]
        else:
            yield from ((task_id, "") for task_id in task_ids)


def quoted_task_ids(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the ids in backticks, as in all our own messages, each once."""
    quoted = (found for text in texts for found in _QUOTED.findall(text))
    return tuple(dict.fromkeys(found for found in quoted if is_task_id(found)))


def without_surroundings(word: str) -> str:
    """Return a word without the quotes, brackets and punctuation that people and chats put around an id."""
    start, end = 0, len(word)
    while start < end and _is_around(word[start]):
        start += 1
    while start < end and (_is_around(word[end - 1]) or word[end - 1] in _FINAL):
        end -= 1
    bare = word[start:end]
    # An underscore may end an id: it is emphasis only where it stands on both sides.
    pairs = min(len(bare) - len(bare.lstrip("_")), len(bare) - len(bare.rstrip("_")))
    return bare[pairs : len(bare) - pairs]


def start_of_last(typed: str) -> int:
    """Return where the last id begins in a text that is being typed."""
    return len(typed) - len(_BETWEEN.split(typed)[-1])


def _certain(pieces: Iterable[_Piece]) -> list[_Piece]:
    """Return the task links, or the words with UUIDs if there is no task link."""
    certain = [piece for piece in pieces if piece.task_ids]
    return [piece for piece in certain if piece.is_link] or certain


def _found(used: Iterable[_Piece], pieces: Iterable[_Piece]) -> Found:
    used = list(used)
    task_ids = dict.fromkeys(task_id for piece in used for task_id in piece.task_ids)
    texts = {piece.text for piece in used}
    others = dict.fromkeys(piece.text for piece in pieces if piece.text not in texts)
    return Found(tuple(task_ids), tuple(dict.fromkeys(_shortened(text) for text in others)))


def _shortened(text: str) -> str:
    return text.strip()[:LEFT_OUT_LENGTH]


def _pieces(text: str) -> Iterator[_Piece]:
    """Yield links and the words between them, in the order of reading."""
    end = 0
    for match in _LINK.finditer(text):
        yield from _words(text, end, match.start())
        link = match[0].rstrip(string.punctuation)
        yield _Piece(link, match.start(), is_link=True, task_ids=_ids_of_link(link))
        end = match.end()
    yield from _words(text, end, len(text))


def _words(text: str, start: int, end: int) -> Iterator[_Piece]:
    for match in _WORD.finditer(text, start, end):
        word = match[0]
        if any(char.isalnum() for char in word):
            yield _Piece(word, match.start(), is_link=False, task_ids=tuple(_UUID.findall(word)))


def _is_around(char: str) -> bool:
    if char.isascii():
        return char in _QUOTES_AND_MARKS or is_invisible(char)
    category = unicodedata.category(char)
    # Outside ASCII, quotes and full stops of many scripts are all "other punctuation".
    return category in _AROUND or category == "Po" or char == "´" or is_invisible(char)


def _ids_of_link(link: str) -> tuple[str, ...]:
    """Return the id that a link leads to, in a tuple; an empty one if it is no task link."""
    try:
        parts = urlsplit(link)
        query = parse_qsl(parts.query)
    except ValueError:
        return ()
    path = [unquote(segment) for segment in parts.path.split("/")]
    of_tasks = [after for before, after in pairwise(path) if before == "tasks"]
    if task_ids := [task_id for task_id in of_tasks if is_task_id(task_id)]:
        return (task_ids[-1],)
    if not _UUID.search(unquote(link)):
        return ()
    values = dict(reversed(query))  # of several with one name the first
    named = [values[name] for name in _QUERY_NAMES if name in values and is_task_id(values[name])]
    if chosen := named[:1] or _UUID.findall("/".join((*path, unquote(parts.fragment))))[-1:]:
        return (chosen[0],)
    # A single one elsewhere is no candidate among others; but a key is none at all.
    elsewhere = (
        parts.netloc.rpartition("@")[2],
        *(value for name, value in query if not _SECRET.search(name)),
    )
    others = dict.fromkeys(uuid for value in elsewhere for uuid in _UUID.findall(value))
    return tuple(others) if len(others) == 1 else ()
