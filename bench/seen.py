"""What a person saw of a window of time, worked out afterwards from what the simulators have kept."""

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.measure import Figures, percentile, spread
from bench.simulators import Channel, DiscordSim, Invocation, Message, Render, TaskApi

SAMPLED_EVERY: Final = 0.25
PERCENT: Final = re.compile(r"(\d{1,3}) ?%")


@dataclass
class StoredCard:
    """Stands for the command that a stored card came from, long ago: nothing of it is measured."""

    response: Message
    created_at: float
    acked_at: None = None
    acked_after: None = None
    ack_type: None = None
    overdue: bool = True


@dataclass
class Watched:
    """One watched render, and what came of it in its channel."""

    render: Render
    use: Invocation | StoredCard
    channel: Channel
    number: int
    result_at: float | None = None

    @property
    def answered(self) -> bool:
        """Whether the command got its first answer, or Discord takes none any more."""
        return self.use.acked_at is not None or self.use.overdue

    def told_by(self, message: Message) -> None:
        """Take a message that names the render for its result, unless it is its card or came before the end."""
        ends = self.render.ends - 0.01  # Discord's times are good to a millisecond
        if self.result_at is None and message is not self.use.response and message.created_at >= ends:
            self.result_at = message.created_at

    @property
    def card_at(self) -> float | None:
        """When the person saw a card instead of "thinking"."""
        card = self.use.response
        if card is None or card.loading or self.use.acked_at is None:
            return None
        if self.use.ack_type == 4:  # answered with the card itself
            return self.use.acked_at
        return card.edits[0].at if card.edits else None


def window(
    watched: Sequence[Watched], begin: float, end: float, closed: float, *, gently: bool, expired: bool
) -> Figures:
    """Return what was noticed between two times (Unix seconds); results were waited for until `closed`."""
    ended = [each for each in watched if begin <= each.render.ends <= end]
    posted = [each for each in ended if each.result_at is not None]
    found = spread("result", [(each.result_at or closed) - each.render.ends for each in ended])
    found["not_told"] = len(ended) - len(posted)
    seen = [(each, poll) for each in posted if (poll := _seen_by(each.render)) is not None]
    found |= spread("poll_to_result", [(each.result_at or 0.0) - poll for each, poll in seen])
    late = [poll - each.render.ends for each in ended if (poll := _seen_by(each.render)) is not None]
    found |= spread("end_to_poll", late)
    begun = [each for each in watched if gently or begin <= each.use.created_at <= end]
    found |= spread("ack", [each.use.acked_after or 0.0 for each in begun if each.use.acked_at is not None])
    cards = [each.card_at - each.use.created_at for each in begun if each.card_at is not None]
    found |= spread("card", cards)
    found["unanswered"] = sum(each.use.acked_at is None for each in begun)
    shown = [each for each in watched if not expired or each.use.created_at < begin]
    found |= spread("behind", [late for each in shown for late in behind(each, begin, end)])
    lived = sum(_overlap(each, begin, end) for each in watched)
    polls = sum(begin <= at <= end for each in watched for at in each.render.polls)
    found["polls_a_minute"] = 60 * polls / lived if lived else None
    gaps = [
        after - before
        for each in watched
        for before, after in zip(each.render.polls, each.render.polls[1:], strict=False)
        if begin <= after <= end
    ]
    found["poll_gap_p95"] = percentile(gaps, 0.95)
    return found


def _seen_by(render: Render) -> float | None:
    return next((at for at in render.polls if at >= render.ends), None)


def _overlap(each: Watched, begin: float, end: float) -> float:
    """Return the seconds of the window in which it was watched and had not ended."""
    return max(0.0, min(end, each.render.ends) - max(begin, each.use.created_at))


def behind(each: Watched, begin: float, end: float) -> list[float]:
    """Return how far its card was behind the truth, every quarter of a second: since when the truth is another.

    A card without a percentage, after one with it, shows the end; before the first it is as good as new.
    """
    card, render = each.use.response, each.render
    if card is None or card.loading or each.card_at is None:
        return []
    forms = [(each.card_at, render.progress(each.card_at))]
    for edit in card.edits:
        percent = PERCENT.search(edit.text)
        if percent:
            forms.append((edit.at, int(percent[1])))
        elif edit.at >= render.ends:
            forms.append((edit.at, 100))
    late: list[float] = []
    at, index = max(begin, each.card_at), 0
    while at <= end:
        while index + 1 < len(forms) and forms[index + 1][0] <= at:
            index += 1
        shown = forms[index][1]
        if shown >= 100:
            break
        # This is also so where the truth has skipped the next percent: it was left when that was reached.
        left = render.created + render.trace.ends * (shown + 1) / 100
        late.append(max(0.0, at - left))
        at += SAMPLED_EVERY
    return late


def traffic(sim: DiscordSim, api: TaskApi, begin: float, end: float) -> Figures:
    """Return what it cost Discord and the task API."""
    seconds = end - begin
    requests = [request for request in sim.requests if begin <= request.at <= end]
    return {
        "discord_a_second": len(requests) / seconds,
        "discord_bot_a_second": sum(request.authorization == "bot" for request in requests) / seconds,
        "discord_429": sim.rate_limited,
        "polls_a_second": sum(begin <= at <= end for at in api.answered) / seconds,
    }


def rows(folder: Path) -> Figures:
    """Return how many rows the data has, and its size in MiB."""
    path = folder / "bot.db"
    if not path.exists():
        return {}
    with closing(sqlite3.connect(path)) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        count = sum(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables)
    return {"rows": count, "file": path.stat().st_size / 2**20}
