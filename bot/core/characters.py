"""Removes characters that are invisible or change the direction of text, and keeps those that join others.

A code point that this Python does not know yet counts as visible: new emoji and letters come every year, and
Unicode reserves the ranges of future invisible ones (Default_Ignorable).
"""

import re
import unicodedata
from typing import Final

JOINERS: Final = frozenset("\u200c\u200d")
"""Zero width non-joiner and joiner: parts of the spelling of many languages, and of emoji."""
BLANK: Final = "\u2800"
"""Braille without a dot: a symbol by its category, but invisible."""

# A flag such as England's: a black flag, invisible letters, and an end mark (emoji tag sequences).
_FLAG: Final = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_KEYCAP: Final = frozenset("0123456789#*")
_ENCLOSING: Final = "\u20e3"
_MARKS_IN_A_ROW: Final = 4
_SKIN: Final = frozenset(map(chr, range(0x1F3FB, 0x1F400)))
_TAGS: Final = frozenset(map(chr, range(0xE0020, 0xE0080)))
_FLAG_LETTERS: Final = frozenset(map(chr, range(0x1F1E6, 0x1F200)))
_HIDDEN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
# What is left of Unicode's Default_Ignorable_Code_Point after the categories above.
_IGNORABLE: Final = (
    range(0x034F, 0x0350),
    range(0x115F, 0x1161),
    range(0x17B4, 0x17B6),
    range(0x180B, 0x1810),
    range(0x2060, 0x2070),
    range(0x3164, 0x3165),
    range(0xFE00, 0xFE10),
    range(0xFFA0, 0xFFA1),
    range(0xFFF0, 0xFFF9),
    range(0xE0000, 0xE1000),
)


def is_invisible(char: str) -> bool:
    """Return whether a character is invisible or changes how others are shown; a space is visible."""
    if " " <= char <= "~":
        return False
    if unicodedata.category(char) in _HIDDEN or char == BLANK:
        return True
    code = ord(char)
    # The last two code points of each plane, and 32 more, will never be characters.
    if code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF:  # noqa: PLR2004
        return True
    return any(code in block for block in _IGNORABLE)


def is_variation_selector(char: str) -> bool:
    """Return whether a character selects a form of the one before it (emoji, ideographs, Mongolian)."""
    code = ord(char)
    # U+180E among Mongolian's is no selector, but a separator.
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or (0x180B <= code <= 0x180F != code - 1)  # noqa: PLR2004


def visible(text: str) -> str:
    """Return a text on one line, without invisible characters and long runs of combining marks.

    Joiners stay where they join letters or emoji. A character that this Python does not know yet stays.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept: list[str] = []
    marks = at = 0
    while at < len(text):
        char, before, after = text[at], kept[-1] if kept else " ", text[at + 1 : at + 2]
        if flag := _FLAG.match(text, at) if char == "\U0001f3f4" else None:
            kept += flag[0]
            marks, at = 0, flag.end()
            continue
        at += 1
        if char in JOINERS:  # it resets no count of marks: it could build towers
            if _is_joined_before(before) and _is_joined(after):
                kept.append(char)
        elif is_invisible(char) and not (is_variation_selector(char) and _has_variations(before, after)):
            if char.isspace() or char == BLANK:
                kept.append(" ")
        else:
            marks = marks + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
            if marks <= _MARKS_IN_A_ROW:
                kept.append(char)
    return " ".join("".join(kept).split())


def _is_joined(char: str) -> bool:
    """Return whether a character can follow a joiner: it continues a word or an emoji."""
    if not char or is_invisible(char):
        return False
    return char.isalnum() or (not char.isascii() and unicodedata.category(char)[0] in "SC")


def _is_joined_before(char: str) -> bool:
    """Return whether a character can precede a joiner; it may also be a mark or a variation selector."""
    return _is_joined(char) or is_variation_selector(char) or unicodedata.category(char)[0] == "M"


def _has_variations(char: str, after: str) -> bool:
    """Return whether a variation selector has an effect after this character."""
    if char.isascii():
        return char in _KEYCAP and after == _ENCLOSING
    return not (char in JOINERS or char.isspace() or is_variation_selector(char))


def shortened(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters; "…" stands for what is cut off."""
    return text if len(text) <= limit else f"{text[: boundary(text, limit - 1)].rstrip()}…"


def boundary(text: str, at: int) -> int:
    """Return where to cut a text, at most `at`, without splitting what readers see as one character.

    Follows Unicode's annex 29 for emoji, flags and marks. A sequence that is longer than `at` is cut anyway.
    """
    end = at
    while 0 < end < len(text) and _goes_on(text, end):
        end -= 1
    return end or at


def _goes_on(text: str, at: int) -> bool:
    char, before = text[at], text[at - 1]
    if before == "\u200d" or char in JOINERS or is_variation_selector(char) or char in _SKIN or char in _TAGS:
        return True
    if char in _FLAG_LETTERS:
        letters = 0
        while letters < at and text[at - 1 - letters] in _FLAG_LETTERS:
            letters += 1
        return letters % 2 == 1
    return unicodedata.category(char)[0] == "M"
