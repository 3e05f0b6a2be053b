"""Characters that cannot be seen, or that change the direction of others; and those that join others.

A code point that this Python does not know yet is taken for a character to be shown: new emoji and letters
come every year, and the invisible ones among the unassigned are reserved by Unicode (Default_Ignorable).
"""

import unicodedata
from typing import Final

JOINERS: Final = frozenset("\u200c\u200d")
"""Zero width non-joiner and joiner: parts of the spelling of many languages, and of emoji."""
BLANK: Final = "\u2800"
"""Braille without a dot: a symbol by its category, but nothing to look at."""

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
    """Tell whether a character shows nothing or changes how others are shown; an ordinary space does not."""
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
    """Tell whether a character chooses among the forms of the one before it: emoji, ideographs, Mongolian."""
    code = ord(char)
    # U+180E among Mongolian's is no selector, but a separator.
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or (0x180B <= code <= 0x180F != code - 1)  # noqa: PLR2004
