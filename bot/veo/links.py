"""Decides which of the API's video links are safe to post in a channel, and escapes them.

Only http and https links to a host are posted. Characters that would end the link in a chat, hide what
follows or change its direction are percent-encoded, as a browser would do. The rest stays unchanged, because
a signature may cover every byte.
"""

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from bot.veo.fields import text_of

NAMED: Final = 40
"""Characters of a refused link that are shown."""

# Printable ASCII, less what ends a link in Discord or breaks out of `<…>`.
_SAFE: Final = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '<>"\\^`{|}')
_TAIL: Final = ".,:;'])"
"""Discord treats these as punctuation if they are at the end of a link."""
_LINK: Final = re.compile(r"(https?)://([^/?#@]*@)?([^/?#@]{1,300})([/?#].*)?", re.IGNORECASE | re.DOTALL)
_USER: Final = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:-]*@")
_HOST: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\])"  # a name or an address
    r"(?::[0-9]{1,5})?"
)


def sort_links(values: Iterable[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the links that may be shown, each once and in order, and the names of what is refused."""
    shown: dict[str, None] = {}
    refused: dict[str, None] = {}
    for value in values:
        link = printable_link(value)
        if link is not None:
            shown[link] = None
        else:
            refused[text_of(value, NAMED) or type(value).__name__] = None
    return tuple(shown), tuple(refused)


def printable_link(value: Any) -> str | None:
    """Return an http or https link that is safe to print, or None."""
    match = _LINK.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    scheme, user, host, rest = match.groups(default="")
    try:
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
        rest = quote(rest, safe=_SAFE)
    except UnicodeError:  # not a valid host name, or a lone surrogate
        return None
    body = rest.rstrip(_TAIL)  # a pattern would take quadratic time on a long row of dots
    rest = body + "".join(f"%{ord(char):02X}" for char in rest[len(body) :])
    whole = _HOST.fullmatch(host) and (not user or _USER.fullmatch(user))
    return f"{scheme}://{user}{host}{rest}" if whole else None
