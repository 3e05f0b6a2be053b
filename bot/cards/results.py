"""The messages of a result: a pure function of an outcome and its followers.

A message has at most 2,000 characters and pings at most 100 people. Each link has a line of its own; links
that fit into no message go into `urls.txt`, so that none is cut and none is lost. If there are several
messages, each ends with its `k/n`, by which it can be found again after a crash.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot import messages
from bot.cards.render_parts import (
    ENDING_STYLES,
    ending_lines,
    headline,
    progress_line,
    refused_links,
    state_title,
)
from bot.cards.text import CONTENT_LIMIT, mention, name_and_id, plain, relative
from bot.core.outcome import Message, Outcome
from bot.core.policy import PollPolicy
from bot.core.task import Task
from bot.messages import say

MENTION_LIMIT: Final = 100
"""People that one message may ping (Discord's own limit)."""
LINK_MESSAGES: Final = 5
"""Messages that the links of one task may fill; the rest goes into a file."""
URLS_FILE: Final = "urls.txt"
REASON_LIMIT: Final = 1_200
_RESERVED: Final = 200
"""Characters kept free for the `k/n` and the line about the file."""


def result_messages(
    task_id: str,
    outcome: Outcome,
    followers: Sequence[int],
    language: str,
    policy: PollPolicy,
    *,
    name: str = "",
) -> tuple[Message, ...]:
    """Return the messages that announce an outcome, in the order of sending."""
    style, sentence = ENDING_STYLES[outcome.ending]
    head = [headline(style, say(language, sentence), name_and_id(name, task_id))]
    head += ending_lines(language, outcome, policy, REASON_LIMIT)
    task = outcome.task
    if task is not None and (refused := refused_links(language, task)) is not None:
        head.append(refused)
    return _spread(task_id, head, followers, task.videos if task is not None else (), language)


def is_part(content: str, task_id: str, part: int, parts: int) -> bool:
    """Return whether a message's content is part `part` of `parts` of a task's result."""
    if parts == 1:
        return f"`{task_id}`" in content.partition("\n")[0]
    return content.endswith(_mark(task_id, part, parts))


def answer_messages(task: Task, language: str, name: str = "") -> tuple[Message, ...]:
    """Return the messages about a task after one poll: of `status`, and of `watch` for an ended task."""
    style, title = state_title(language, task)
    head = [headline(style, title, name_and_id(name, task.id))]
    if not task.state.ended and (progress := progress_line(task)) is not None:
        head.append(progress)
    if message := plain(task.message, REASON_LIMIT):
        head.append(f"> {message}")
    action = plain(task.action, 60)
    details = [say(language, messages.ACTION, action=action)] if action else []
    if task.created_at is not None:
        details.append(say(language, messages.CREATED, when=relative(task.created_at)))
    if task.updated_at is not None:
        details.append(say(language, messages.UPDATED, when=relative(task.updated_at)))
    if details:
        head.append(f"-# {' · '.join(details)}")
    if (refused := refused_links(language, task)) is not None:
        head.append(refused)
    return _spread(task.id, head, (), task.videos, language)


@dataclass(slots=True)
class _Page:
    """A message being filled."""

    lines: list[str] = field(default_factory=list)
    mentions: list[int] = field(default_factory=list)

    @property
    def space(self) -> int:
        return CONTENT_LIMIT - _RESERVED - sum(len(line) + 1 for line in self.lines)


def _mark(task_id: str, part: int, parts: int) -> str:
    return f"-# `{task_id}` · {part}/{parts}"


def _spread(
    task_id: str, head: Iterable[str], followers: Sequence[int], links: Sequence[str], language: str
) -> tuple[Message, ...]:
    pages = [_Page(list(head))]
    _add_mentions(pages, followers)
    most = len(pages) - 1 + LINK_MESSAGES
    left: list[str] = []
    for link in links:
        if len(link) > pages[-1].space and len(link) <= _Page().space and len(pages) < most:
            pages.append(_Page())
        if len(link) <= pages[-1].space:
            pages[-1].lines.append(link)
        else:
            left.append(link)
    if left:
        pages[-1].lines.append(say(language, messages.LINKS_IN_FILE, name=URLS_FILE))
    parts = len(pages)
    for part, page in enumerate(pages, 1):
        if parts > 1:
            page.lines.append(_mark(task_id, part, parts))
    return tuple(
        Message("\n".join(page.lines), tuple(page.mentions), tuple(left) if page is pages[-1] else ())
        for page in pages
    )


def _add_mentions(pages: list[_Page], followers: Sequence[int]) -> None:
    """Ping everybody once, in order: on the first message as many as fit, the rest on more messages."""
    line: list[str] = []
    for user_id in followers:
        text = mention(user_id)
        page = pages[-1]
        if len(page.mentions) >= MENTION_LIMIT or len(" ".join([*line, text])) > page.space:
            if line:
                page.lines.append(" ".join(line))
            line = []
            page = _Page()
            pages.append(page)
        line.append(text)
        page.mentions.append(user_id)
    if line:
        pages[-1].lines.append(" ".join(line))
