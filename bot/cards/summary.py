"""The summary of a card with several tasks: how many are ready, a link to each result, and the pings.

The counts always fit. The links and the pings share a message; only if it pings very many people, further
messages carry the other pings.
"""

import re
from collections.abc import Sequence
from typing import Final

from bot import answers, messages
from bot.cards.pages import Page, add_mentions
from bot.cards.render_parts import ENDING_STYLES, Style, headline
from bot.cards.task_row import row_title
from bot.cards.text import NAME_LIMIT, jump_link, plain
from bot.core.names import common_name
from bot.core.outcome import Ending, Message
from bot.core.summary import Summarized
from bot.core.watch import Card, Watch
from bot.messages import say

LINKS_RESERVED: Final = 1_000
"""Characters that the pings leave to the links, if there are so many."""
_PINGS: Final = re.compile(r"<@\d+>(?: <@\d+>)*")


def counts(language: str, endings: Sequence[Ending], total: int, running: int = 0) -> str:
    """Return how many of `total` renders are ready, and what has become of the others."""
    others = (
        (messages.SOME_FAILED, sum(ending.failed for ending in endings)),
        (messages.SOME_STOPPED, endings.count(Ending.STOPPED)),
        (messages.SOME_UNKNOWN, endings.count(Ending.NO_SUCH_TASK)),
        (messages.SOME_RUNNING, running),
    )
    ready = say(language, messages.SOME_READY, done=sum(ending.ready for ending in endings), total=total)
    return " · ".join([ready, *(say(language, some, count=count) for some, count in others if count)])


def summary_messages(card: Card, summarized: Summarized) -> tuple[Message, ...]:
    """Return the messages of a summary, almost always one."""
    running = summarized.summary.watch_id if summarized.summary.early else None
    ended = [
        (watch, watch.outcome.ending)
        for watch in summarized.watches
        if watch.outcome is not None and watch.id != running
    ]
    endings, total = [ending for _, ending in ended], len(summarized.watches)
    title = counts(card.language, endings, total, total - len(ended))
    style = Style.GOOD if all(ending.ready for ending in endings) else Style.ODD
    common = common_name([watch.name for watch in summarized.watches])
    name = plain(common, NAME_LIMIT)
    links = [
        _link(card, watch, ending, summarized.result_ids[watch.id], common)
        for watch, ending in ended
        if watch.id in summarized.result_ids
    ]
    length = sum(len(link) + 1 for link in links)
    first = Page([headline(style, title, f"**{name}**" if name else "")], spare=min(LINKS_RESERVED, length))
    pages = [first]
    add_mentions(pages, summarized.recipients)
    first.spare = 0
    for place, link in enumerate(links, 1):
        if len(link) >= first.space:
            first.lines.insert(place, say(card.language, messages.AND_MORE, count=len(links) - place + 1))
            break
        first.lines.insert(place, link)
    if len(pages) > 1:
        for part, page in enumerate(pages, 1):
            page.lines.append(f"-# {title} · {part}/{len(pages)}")
    return tuple(
        Message("\n".join(page.lines), tuple(page.mentions), silent=not page.mentions) for page in pages
    )


def is_summary(content: str, planned: str) -> bool:
    """Return whether a message of ours is a planned message of a summary, whomever each of them pings.

    After a restore, those who have followed the card since the backup are missing in the plan.
    """
    return _without_pings(content) == _without_pings(planned)


def _link(card: Card, watch: Watch, ending: Ending, message_id: int, common: str) -> str:
    """Return the line of a result. Of the name that all share, which the headline has, it says the number."""
    style, sentence = ENDING_STYLES[ending]
    prefix = f"{common} · "
    if common and watch.name.startswith(prefix):
        title = f"**{plain(watch.name.removeprefix(prefix), NAME_LIMIT)}**"
    else:
        title = row_title(watch.name, watch.position + 1, watch.task_id)
    url = jump_link(card.guild_id, card.channel_id, message_id)
    state = say(card.language, sentence)
    return f"{style.sign} {state} · {title} · [{say(card.language, answers.OPEN_RESULT)}]({url})"


def _without_pings(content: str) -> list[str]:
    return [line for line in content.strip().splitlines() if not _PINGS.fullmatch(line)]
