"""When the summary of a card with several tasks is due.

the last watch ends ───────────────────────────► due, if any watch had a result
one watch goes on 30 minutes after the others ─► due early; its result then pings by itself
nothing but stopped and unknown tasks ─────────► never: there is no result to point to
the card is deleted, or its channel closed ────► never
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from bot.core.observed import Observed
from bot.core.outcome import Summary
from bot.core.watch import CardState, Watch

EARLY_AFTER: Final = 30 * 60.0
"""Seconds from the newest end to the summary, if one last task is still running."""


class Summarized(NamedTuple):
    """A summary and everything it reports."""

    summary: Summary
    recipients: tuple[int, ...]
    """The card's followers as they stood when it became due."""
    watches: tuple[Watch, ...]
    """In the order of the card's rows."""
    result_ids: Mapping[int, int]
    """The first message of each result that is in the channel, by watch id."""


def final_summaries(
    states: Mapping[int, CardState], ended: Iterable[Watch], now: float
) -> dict[int, Summary]:
    """Return the summaries, by card, that become due with the ends of these watches."""
    after: dict[int, CardState] = {}
    last: dict[int, Watch] = {}
    for watch in ended:
        after[watch.card_id] = after.get(watch.card_id, states[watch.card_id]).with_watch(watch)
        last[watch.card_id] = watch
    return {
        card_id: Summary(last[card_id].id, now)
        for card_id, state in after.items()
        if state.ended and _has_one(state)
    }


def early_summaries(
    states: Iterable[CardState], observed: Mapping[str, Observed], now: float
) -> dict[int, Summary]:
    """Return the summaries, by card, that do not wait for the last watch any longer.

    After a restart that is polled first: it may have ended meanwhile.
    """
    waiting = [state for state in states if state.card.batch and len(state.live) == 1 and _has_one(state)]
    return {
        state.card.id: Summary(state.live[0].id, now, early=True)
        for state in waiting
        if now - _newest(state) >= EARLY_AFTER and observed[state.live[0].task_id].was_polled
    }


def _has_one(state: CardState) -> bool:
    """Return whether a summary can become due: there was none, and there is a result to point to."""
    endings = [watch.outcome.ending for watch in state.watches if watch.outcome is not None]
    is_new = state.card.batch and state.summary is None
    return is_new and any(end.announced for end in endings) and all(end.shown for end in endings)


def _newest(state: CardState) -> float:
    """Return when the newest of a card's ended watches ended."""
    return max(watch.outcome.at for watch in state.watches if watch.outcome is not None)
