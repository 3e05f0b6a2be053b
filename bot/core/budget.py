"""How many requests the task API takes, and when the next one may be sent; the strictest limit wins.

    set        `POLL_PER_MINUTE`: never more in any minute, and the polls of watched tasks evenly spaced
    announced  what the newest headers leave (`Quota`), spread over the rest of its window
    learned    from 429s alone (`LearnedRate`)

People's own polls are not spaced: they come a few at a time. Times are seconds of any one clock.

If several processes share what is set, each request also needs a *turn* among them
(`bot.engine.poll_turns`). That of a watched task is taken beforehand, and it is polled when the turn comes.
"""

from collections import deque
from collections.abc import Iterable
from math import inf
from typing import Final, NamedTuple

from bot.core.learned_rate import LONGEST_HOLD, LearnedRate

MINUTE: Final = 60.0
IN_TRANSIT: Final = 1.0
"""Seconds added to our minute: a request may take that much longer to arrive than the one after it."""
CATCH_UP: Final = 0.05
"""A timer that fires late by up to so many seconds is made up for."""
MADE_UP_FOR: Final = 3
"""So many requests of people put off the polls of watched tasks; more would be a long wait."""
LONGEST_WINDOW: Final = 120.0
"""The rest of a longer window is not spread: a daily quota must not slow down a busy hour."""
TURN_LASTS: Final = 1.0
"""Seconds for which a turn that has come can be used."""
TURNS_AHEAD: Final = 3
"""So many turns people may take ahead of their time; at most one in ten, for each is one less in a minute."""


class Quota(NamedTuple):
    """What an API announces: so many more `requests` within the next `seconds`."""

    requests: int
    seconds: float


def turn_gap(per_minute: int) -> float:
    """Return the seconds between two turns, so that any minute has at most `per_minute` requests.

    So many of them, `turns_ahead`, may be taken ahead of their time.
    """
    return (MINUTE + IN_TRANSIT + TURN_LASTS) / (per_minute - turns_ahead(per_minute))


def turns_ahead(per_minute: int) -> int:
    """Return how many turns people may take ahead of their time, in place of watched tasks."""
    return min(TURNS_AHEAD, per_minute // 10)


class RequestBudget:
    """Spaces requests and counts them; `per_minute` is the most in any minute, None for no such limit.

    `takes_turns` if other processes share that limit.
    """

    def __init__(self, per_minute: int | None = None, *, takes_turns: bool = False) -> None:
        self.learned: Final = LearnedRate()
        self._window: Final = deque[float](maxlen=per_minute or 0)
        self._set_gap: Final = (MINUTE + IN_TRANSIT) / per_minute if per_minute else 0.0
        self._announced_gap = 0.0
        self._announced_until = -inf
        self._not_before = -inf
        self._next = -inf
        self._next_spaced = -inf
        self._takes_turns: Final = takes_turns and per_minute is not None
        self._turn: float | None = None
        """When the turn of the next watched task comes, if one is taken."""

    def is_limited(self, now: float) -> bool:
        """Return whether any limit is known."""
        return self._gap(now) > 0 or self.learned.in_spell or self.learned.at(now) < inf

    def at(self, *, spaced: bool) -> float:
        """Return when the next request may be sent, in the past if it may be now."""
        at = max(self._not_before, self.learned.not_before, self._next)
        if self._window and len(self._window) == self._window.maxlen:
            at = max(at, self._window[0] + MINUTE + IN_TRANSIT)
        if spaced and self._turn is not None:
            at = max(at, self._turn)
        return max(at, self._next_spaced) if spaced else at

    def lacks_turn(self, now: float) -> bool:
        """Return whether a turn must be taken before the next watched task is polled."""
        return self._takes_turns and (self._turn is None or now > self._turn + TURN_LASTS)

    def turn_taken(self, at: float) -> None:
        """Record when the turn of the next watched task comes."""
        self._turn = at

    def turn_used(self) -> None:
        """Record that a watched task is polled."""
        self._turn = None

    def hold(self, until: float) -> None:
        """Send nothing before a time."""
        self._not_before = max(self._not_before, until)

    def sent(self, now: float) -> None:
        """Count a request."""
        self._window.append(now)
        while self._window and self._window[0] <= now - MINUTE - IN_TRANSIT:
            self._window.popleft()
        self.learned.sent(now)
        self._next = max(self._next, now - CATCH_UP) + 1 / self.learned.at(now)
        gap = self._gap(now)
        ahead = min(max(self._next_spaced, now - CATCH_UP), now + MADE_UP_FOR * gap)
        self._next_spaced = max(ahead + gap, now + self._rest(now))

    def assume_used(self, now: float) -> None:
        """Count what an earlier process may have sent: as many requests as are set, evenly until now.

        Where there are turns, they count that.
        """
        if self._takes_turns:
            return
        requests = self._window.maxlen or 0
        self._window.extend(now - MINUTE * ahead / requests for ahead in reversed(range(requests)))

    def announced(self, quotas: Iterable[Quota], now: float) -> None:
        """Apply the quotas that an answer's headers announce."""
        self._announced_gap = 0.0
        for requests, seconds in quotas:
            if seconds > LONGEST_WINDOW:
                continue
            if requests <= 0:
                self._not_before = max(self._not_before, now + min(seconds, LONGEST_HOLD))
            elif seconds / requests >= self._announced_gap:
                self._announced_gap = min(seconds / requests, LONGEST_HOLD)
                self._announced_until = now + seconds

    def _gap(self, now: float) -> float:
        return max(self._set_gap, self._announced_gap if now < self._announced_until else 0.0)

    def _rest(self, now: float) -> float:
        """Return the gap at which what is left of the minute lasts until its oldest request is over."""
        left = (self._window.maxlen or 0) - len(self._window)
        return (self._window[0] + MINUTE + IN_TRANSIT - now) / (left + 1) if self._window else 0.0
