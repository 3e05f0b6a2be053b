"""The messages of a result: a pure function of an outcome and its followers.

A message has at most 2,000 characters and pings at most 100 people. Each link has a line of its own; what
does not fit goes into `urls.txt`, so that none is cut and none is lost. Space is reckoned for the longer form
of a link, `short_link` around all of it: only when the message is sent is it known which videos it carries.
If there are several messages, each ends with its `k/n`, by which it can be found again after a crash.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bot import messages
from bot.cards.pages import Page, add_mentions
from bot.cards.render_parts import (
    ENDING_STYLES,
    ending_lines,
    headline,
    progress_line,
    refused_links,
    short_link,
    state_title,
    took_line,
)
from bot.cards.text import name_and_id, plain, relative
from bot.core.characters import shortened, visible
from bot.core.outcome import Ending, Message, Outcome
from bot.core.policy import PollPolicy
from bot.core.task import Task
from bot.messages import say

URLS_FILE: Final = "urls.txt"
ERROR_FILE: Final = "error.txt"
ERROR_LIMIT: Final = 600
"""Characters of the API's message; of a longer one the whole goes into a file."""
LINK_PAGES: Final = 5
"""Messages for the links of one result where nothing can be attached."""


def result_messages(
    task_id: str,
    outcome: Outcome,
    followers: Sequence[int],
    language: str,
    policy: PollPolicy,
    *,
    name: str = "",
    files: bool = True,
    silent: bool = False,
) -> tuple[Message, ...]:
    """Return the messages that announce an outcome, in the order of sending.

    `files` is False where nothing can be attached: links that do not fit then go into further messages.
    `silent` messages notify nobody but those that they ping.
    """
    style, sentence = ENDING_STYLES[outcome.ending]
    head = [headline(style, say(language, sentence), name_and_id(name, task_id))]
    quoted, error_file = _quoted(outcome.last_message)
    head += ending_lines(language, outcome, policy, quoted)
    task = outcome.task
    if task is None:
        return _spread(
            task_id, head, followers, (), language, error_file=error_file if files else "", silent=silent
        )
    if outcome.ending in {Ending.SUCCEEDED, Ending.FAILED} and (
        took := took_line(language, task, outcome.at)
    ):
        head.append(took)
    if (refused := refused_links(language, task)) is not None:
        head.append(refused)
    return _spread(
        task_id,
        head,
        followers,
        task.videos,
        language,
        error_file=error_file if files else "",
        link_pages=1 if files else LINK_PAGES,
        silent=silent,
    )


def is_part(content: str, task_id: str, part: int, parts: int) -> bool:
    """Return whether a message's content is part `part` of `parts` of a task's result."""
    if parts == 1:
        return f"`{task_id}`" in content.partition("\n")[0]
    return content.endswith(_mark(task_id, part, parts))


def replace_links(content: str, forms: Mapping[str, str]) -> str:
    """Return a planned message's content with other forms of its links."""
    return "\n".join(forms.get(line, line) for line in content.split("\n"))


def answer_message(task: Task, language: str, now: float, name: str = "") -> Message:
    """Return the message about a task after one poll: of `status`, and of `watch` for an ended task."""
    style, title = state_title(language, task)
    head = [headline(style, title, name_and_id(name, task.id))]
    if not task.state.ended and (progress := progress_line(task)) is not None:
        head.append(progress)
    quoted, error_file = _quoted(task.message)
    if quoted:
        head.append(f"> {quoted}")
    action = plain(task.action, 60)
    details = [say(language, messages.ACTION, action=action)] if action else []
    if task.created_at is not None:
        details.append(say(language, messages.CREATED, when=relative(task.created_at)))
    if task.updated_at is not None:
        details.append(say(language, messages.UPDATED, when=relative(task.updated_at)))
    if details:
        head.append(f"-# {' · '.join(details)}")
    if (took := took_line(language, task, now)) is not None:
        head.append(took)
    if (refused := refused_links(language, task)) is not None:
        head.append(refused)
    (message,) = _spread(task.id, head, (), task.videos, language, error_file=error_file)
    return message


def _quoted(message: str) -> tuple[str, str]:
    """Return what of the API's message is quoted, escaped, and all of it for a file if that is not all."""
    words = visible(message)
    # With each of its characters escaped it is twice as long.
    quoted = plain(shortened(words, ERROR_LIMIT), 2 * ERROR_LIMIT)
    return quoted, message if len(words) > ERROR_LIMIT else ""


def _mark(task_id: str, part: int, parts: int) -> str:
    return f"-# `{task_id}` · {part}/{parts}"


def _spread(
    task_id: str,
    head: Iterable[str],
    followers: Sequence[int],
    links: Sequence[str],
    language: str,
    *,
    error_file: str,
    link_pages: int = 1,
    silent: bool = False,
) -> tuple[Message, ...]:
    """Fill messages: with the links on at most `link_pages`, and the others in a file of the last one."""
    pages = [Page(list(head))]
    add_mentions(pages, followers)
    left: list[str] = []
    most = len(pages) - 1 + link_pages
    for number, link in enumerate(links, 1):
        longer = len(short_link(language, number, link))
        if longer > pages[-1].space and longer <= Page().space and len(pages) < most:
            pages.append(Page())
        if longer <= pages[-1].space:
            pages[-1].lines.append(link)
            pages[-1].spare += longer - len(link)
        else:
            left.append(link)
    last = pages[-1]
    if left:
        last.lines.append(say(language, messages.LINKS_IN_FILE, name=URLS_FILE))
    parts = len(pages)
    for part, page in enumerate(pages, 1):
        if parts > 1:
            page.lines.append(_mark(task_id, part, parts))
    return tuple(
        Message(
            "\n".join(page.lines),
            tuple(page.mentions),
            tuple(left) if page is last else (),
            error_file if page is pages[0] else "",
            silent=silent and not page.mentions,
        )
        for page in pages
    )
