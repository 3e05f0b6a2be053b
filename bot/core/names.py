"""Names that people give to renders: cleaning, numbering, cutting, reading from messages, file names.

A name becomes public, so it is read from a message only if it is certainly one.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from bot.core.characters import boundary, shortened, visible
from bot.core.task_ids import texts_before

NAME_LIMIT: Final = 80
"""Maximum length of a name, in characters."""
ROW_LIMIT: Final = 40
"""Characters of a name in a row: ten rows fit one card."""
FILE_STEM_BYTES: Final = 60 - len("-9.webm")
"""Maximum length in UTF-8, so that a file name with its number and the longest extension has at most 60."""
ID_START: Final = 8
"""How many characters of an id stand in for a missing name."""

_NUMBER: Final = re.compile(r" · \d{1,3}\Z")
_ENDS: Final = (":", "：", "-", "–", "|")
_OPENING: Final = "*_~`< "
"""What may come between the end of a name and the id."""
_MARKS: Final = "*_~`| "
# Of a list, a quote, a heading, a box to tick.
_BULLETS: Final = re.compile(r"\A(?:(?:[-*+>|•·◦‣▪–—]|#{1,6}|-#|\d{1,3}[.)]|\[[ xX]?\]) )++")
_URL: Final = re.compile(r"://|\bwww\.")
_QUOTES_AND_EQUALS: Final = frozenset("\"'`´＂＇‚„「」『』〝〞〟=")
_LONG_WORD: Final = 20
_SECRETS: Final = ("authorization", "bearer", "key", "token")


def clean_name(text: str) -> str:
    """Return a name as it is stored: one line, nothing invisible, at most `NAME_LIMIT` characters."""
    # Normalized after cleaning: the time to order marks grows with the square of their number in a row.
    return shortened(visible(unicodedata.normalize("NFC", visible(text))), NAME_LIMIT)


def numbered(name: str, number: int) -> str:
    """Return the name with a number, for one of several tasks that were named together; "" stays ""."""
    return f"{name} · {number}" if name else ""


def common_name(names: Sequence[str]) -> str:
    """Return the name that several tasks were given together; rows renamed since do not count."""
    together = {_NUMBER.sub("", name) for name in names if _NUMBER.search(name)}
    return together.pop() if len(together) == 1 else ""


def row_name(name: str) -> str:
    """Return a name shortened for a row; its number stays."""
    number = _NUMBER.search(name)
    if number is None or len(name) <= ROW_LIMIT:
        return shortened(name, ROW_LIMIT)
    return shortened(name[: number.start()], ROW_LIMIT - len(number[0])) + number[0]


def row_label(name: str, number: int) -> str:
    """Return a name with its row's number; tasks that were named together have one already."""
    return row_name(name if _NUMBER.search(name) else f"{number} · {name}")


def names_in(texts: Iterable[str]) -> dict[str, str]:
    """Return the names that a message's texts give to tasks, by id; a task with two names gets none."""
    found: dict[str, set[str]] = {}
    for task_id, before in texts_before(texts):
        found.setdefault(task_id, set()).add(_name_before(before))
    return {task_id: name for task_id, names in found.items() if len(names) == 1 for name in names if name}


def file_stem(name: str, task_id: str) -> str:
    """Return the stem of a render's file names, such as `shot-12`; without a name, its id is used."""
    stem = _letters_and_digits(name) or _letters_and_digits(task_id[:ID_START])
    fitting = len(stem.encode()[:FILE_STEM_BYTES].decode(errors="ignore"))
    return stem[: boundary(stem, fitting)].rstrip("-")


def _name_before(text: str) -> str:
    """Return the name before an id on its line, "" if it may be something else."""
    before = visible(text).rstrip(_OPENING)
    if not before.endswith(_ENDS):
        return ""
    before = before.rstrip(f"{_MARKS}{''.join(_ENDS)}")
    name = _BULLETS.sub("", f"{before} ").strip(_MARKS)
    return "" if len(name) > NAME_LIMIT or _is_doubtful(name) else clean_name(name)


def _is_doubtful(name: str) -> bool:
    """Return whether a text may not be a name but a header, a setting or a key."""
    # Full-width letters and other forms of a letter do not hide a word.
    plain = unicodedata.normalize("NFKC", name).casefold()
    return (
        not any(char.isalnum() for char in name)
        or _URL.search(plain) is not None
        or any(map(_is_quote_or_equals, name + plain))
        or any(len(word) >= _LONG_WORD for word in plain.split())
        or any(word in plain for word in _SECRETS)
    )


def _is_quote_or_equals(char: str) -> bool:
    return char in _QUOTES_AND_EQUALS or unicodedata.category(char) in {"Pi", "Pf"}


def _letters_and_digits(text: str) -> str:
    """Return the letters (with their marks) and digits of any script, with `-` for everything between."""
    kept: list[str] = []
    for char in unicodedata.normalize("NFC", text):
        is_mark = unicodedata.category(char) in {"Mn", "Mc"}
        if char.isalnum() or (is_mark and kept and kept[-1] != "-"):
            kept.append(char)
        elif kept and kept[-1] != "-":
            kept.append("-")
    return "".join(kept).strip("-")
