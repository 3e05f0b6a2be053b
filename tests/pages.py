"""The Markdown pages as GitHub shows them: their headings' anchors, and where their links and images lead."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "bench/**/*.md", "deploy/**/*.md", ".github/**/*.md")
    for path in ROOT.glob(pattern)
)
_MARKDOWN: Final = MarkdownIt("commonmark").enable(["table", "strikethrough"])


class Link(NamedTuple):
    """A link to a file of the repository, by its path from the root, and the heading in it or ""."""

    file: str
    anchor: str


def anchors(markdown: str) -> list[str]:
    """Return the anchors of a page's headings by GitHub's rule.

    Letters become lower case, spaces become hyphens; of the other characters only marks, digits, `_` and `-`
    stay; a second heading of the same name gets `-1`. That is what github.com/Flet/github-slugger found by
    comparing with GitHub.
    """
    found: dict[str, int] = {}
    tokens = _MARKDOWN.parse(markdown)
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            name = slug = "".join(map(_slug, _text(inline).strip().lower()))
            while slug in found:
                found[name] += 1
                slug = f"{name}-{found[name]}"
            found[slug] = 0
    return list(found)


def _slug(char: str) -> str:
    category = unicodedata.category(char)
    return (
        "-" if char == " " else char * (category[0] in "LM" or category in {"Nd", "Nl", "Pc"} or char == "-")
    )


def _text(inline: Token) -> str:
    return "".join(child.content for child in inline.children or () if child.type in {"text", "code_inline"})


def targets(markdown: str) -> list[str]:
    """Return where the links and images of a page lead, also those in HTML."""
    return [target for token in _MARKDOWN.parse(markdown) for target in _targets(token)]


def _targets(token: Token) -> Iterator[str]:
    if token.type.startswith("html_"):
        yield from re.findall(r"""(?:src|href)=["']?([^"'\s>]+)""", token.content)
    yield from (str(token.attrs[name]) for name in ("href", "src") if name in token.attrs)
    for child in token.children or ():
        yield from _targets(child)


@cache
def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


@cache
def anchors_of(page: str) -> frozenset[str]:
    return frozenset(anchors(text_of(page)))


@cache
def links_of(page: str) -> tuple[Link, ...]:
    """Return a page's links within the repository."""
    parts = [urlsplit(target) for target in targets(text_of(page))]
    return tuple(
        Link(_resolve(page, unquote(part.path)), unquote(part.fragment))
        for part in parts
        if not part.scheme and not part.netloc
    )


def _resolve(page: str, path: str) -> str:
    if not path:
        return page
    whole = (ROOT / page).parent.joinpath(path).resolve()
    return whole.relative_to(ROOT).as_posix() if whole.is_relative_to(ROOT) else f"outside: {path}"


def commands_of(markdown: str) -> list[str]:
    """Return the commands of a page: in its `sh` blocks and in code within its text, one by one."""
    lines: list[str] = []
    for token in _MARKDOWN.parse(markdown):
        if token.type == "fence" and token.info == "sh":
            lines += re.sub(r"\\\n\s*", "", token.content).splitlines()
        lines += [child.content for child in token.children or () if child.type == "code_inline"]
    return [command.strip() for line in lines for command in re.split(r"\s#\s|&&|\|", line)]


def first_cells(markdown: str) -> list[str]:
    """Return the source of the first cell of every table's rows, without the headings."""
    tokens = _MARKDOWN.parse(markdown)
    return [
        inline.content
        for row, cell, inline in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if row.type == "tr_open" and cell.type == "td_open"
    ]
