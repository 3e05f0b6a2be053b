"""The rate of requests that an API accepts, learned from its 429s alone.

Cubic growth up to the refused rate and beyond it, as in CUBIC (RFC 9438). A *spell* is a time in which
everything is refused. The first one shows the rate: how many requests were accepted shortly before it, in as
long a time. Times are seconds of any one clock.
"""

from collections import deque
from math import inf
from typing import Final

from bot.core.backoff import exponential_backoff

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 15.0
LONGEST_IN_DOUBT: Final = 1.0
"""Bounds on the pause between two attempts while everything is refused. In doubt, the tasks were all refused
for reasons of their own, and the others must not wait for them.
"""
LONGEST_HOLD: Final = 60.0
"""Longest pause that an answer may cause for all requests."""
STEP_BACK: Final = 0.15
"""The share by which the rate falls below the one that was refused."""
GROWTH: Final = (8.0, 120.0)
"""Seconds until it is back there, within these bounds: so many times as long as the spell, because a further
spell would cost that much, and doubled each time about the same rate is refused.
"""
SPELLS: Final = 2.0
FORGOTTEN: Final = 4.0
"""At so many times the refused rate without another refusal, there is no limit any more."""
LONG_SPELL: Final = 90.0
"""More than the rest of a minute's window and a pause: what was accepted before it says little."""
FRESH_RATE: Final = 1.0
"""Requests a second after a long spell, and the least after one that was shorter than a pause."""
LOWEST_RATE: Final = 1 / 30


class LearnedRate:
    """Learns from every answer; no limit before the first refusal."""

    def __init__(self) -> None:
        self.not_before = -inf
        """When the next attempt may be made in a spell."""
        self._refused_rate = inf
        self._since = 0.0
        """When the rate last fell. Requests sent before that have nothing new to say."""
        self._growth = GROWTH[0]
        self._accepted: Final = deque[float](maxlen=4_096)
        self._spell: float | None = None
        """When the current spell began."""
        self._spell_rate = inf
        self._refusals = 0
        self._pause = FIRST_PAUSE
        self._lowest = LOWEST_RATE
        """Refusals in doubt do not bring the rate down below `FRESH_RATE`."""

    @property
    def in_spell(self) -> bool:
        return self._spell is not None

    def at(self, now: float) -> float:
        """Return the requests a second, `inf` without a limit."""
        if self._refused_rate == inf:
            return inf
        rate = self._refused_rate * (1 - STEP_BACK * (1 - (now - self._since) / self._growth) ** 3)
        # In a spell a Retry-After may hold all requests back for long: that says nothing about the rate.
        if rate > FORGOTTEN * self._refused_rate and not self.in_spell:
            self._refused_rate = inf
            return inf
        return max(LOWEST_RATE, rate)

    def sent(self, now: float) -> None:
        """Count a request: in a spell there is one attempt at a time."""
        if self._spell is not None:
            self.not_before = max(self.not_before, now + self._pause)

    def refused(self, begun: float, now: float, retry_after: float | None, *, sure: bool = True) -> None:
        """Learn that a request sent at `begun` was refused; `sure` if hardly because of its task alone."""
        if begun < self._since:
            return
        if self._spell is None:
            self._spell, self._spell_rate, self._refusals = now, self.at(begun), 0
            self._lowest = FRESH_RATE
        self._refusals += 1
        if sure:
            self._lowest = LOWEST_RATE
        self._since = now
        longest = LONGEST_PAUSE if sure else LONGEST_IN_DOUBT
        self._pause = exponential_backoff(self._refusals, FIRST_PAUSE, longest)
        if sure and self._refusals > 1:
            self._pause = max(self._pause, min(retry_after or 0.0, LONGEST_HOLD))
        self.not_before = now + self._pause

    def accepted(self, begun: float, now: float) -> None:
        """Learn that a request sent at `begun` was accepted."""
        self._accepted.append(begun)
        if self._spell is not None and begun >= self._since:
            self._end_spell(self._spell, now)

    def _end_spell(self, began: float, now: float) -> None:
        before, rate, spell = self._refused_rate, self._spell_rate, now - began
        recent = [at for at in self._accepted if at > now - 2 * max(FIRST_PAUSE, spell)]
        # A burst uses up a window, and the spell lasts until its end: both times belong to it.
        measured = len(recent) / max(FIRST_PAUSE, spell, now - recent[0]) if recent else 0.0
        growth = SPELLS * spell
        if spell > LONG_SPELL:
            self._refused_rate, growth = FRESH_RATE, 0.0
        elif rate == inf:
            self._refused_rate = max(measured, FRESH_RATE if spell < LONGEST_PAUSE else self._lowest)
        elif rate < before * (1 - STEP_BACK / 3):  # refused long before it was back: the limit is lower now
            self._refused_rate = max(self._lowest, measured, rate * (1 - STEP_BACK))
        else:
            self._refused_rate = max(self._lowest, rate)
        again = before * (1 - STEP_BACK) < self._refused_rate < before * (1 + STEP_BACK)
        low, high = GROWTH
        self._growth = max(low, min(high, max(growth, 2 * self._growth if again else 0.0)))
        self._spell, self._since, self.not_before = None, now, -inf
