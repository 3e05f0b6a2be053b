"""How many requests Discord refused lately: the budget that keeps the address from being banned.

10,000 answers with 401, 403 or 429 in ten minutes ban an address (429 with scope `shared` does not count).
The bot stays below a tenth of that, whatever is waiting and however it is retried, with three measures:

    1. many refusals in a row slow the whole bot down, until something is taken again: `gap`, for the gate
    2. what was refused before is not tried again while half of the budget is spent: `may_retry`
    3. no request goes out while those refused and those under way make the whole budget: `admit`. That holds
       on the wire, where nothing can go round it, discord.py's own repetitions included

Answers to interactions are counted and never held up: they have three seconds.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from bot.core.backoff import exponential_backoff

WINDOW: Final = 600.0
"""Seconds in which Discord counts."""
BUDGET: Final = 900
"""Refused requests in a window, at most; the rest up to 1,000 is for answers to people."""
RETRIES: Final = 400
"""Refused requests in a window from which nothing is tried again that was refused before."""
IN_A_ROW: Final = 10
"""Refusals without anything being taken between them after which the whole bot slows down."""
LONGEST_GAP: Final = 10.0
"""Seconds between two requests of a bot to which everything is refused."""
COUNTED: Final = frozenset({401, 403, 429})
REFUSED: Final = COUNTED | {404}


class InvalidRequests:
    """Counts answers. `clock` is monotonic, in seconds; the loop's own by default."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._refused: Final[deque[float]] = deque()
        self._under_way = 0
        self._in_a_row = 0

    @property
    def gap(self) -> float:
        """Seconds that must lie between two requests now, 0 while Discord takes them."""
        over = self._in_a_row - IN_A_ROW + 1
        return 0.0 if over < 1 else exponential_backoff(over, 1.0, LONGEST_GAP)

    @property
    def may_retry(self) -> bool:
        """Whether something that was refused may be tried again."""
        return self._lately() < RETRIES

    async def admit(self) -> None:
        """Wait until a request may go out, and count it as under way."""
        while self._lately() + self._under_way >= BUDGET:
            oldest = self._refused[0] + WINDOW - self._now() if self._refused else 0.0
            await asyncio.sleep(max(1.0, oldest))
        self._under_way += 1

    def count_under_way(self) -> None:
        """Count a request that does not wait."""
        self._under_way += 1

    def answered(self, status: int | None, *, shared: bool = False, of_channel: bool = True) -> None:
        """Count an answer, None for one that was lost; `of_channel` is what says how the bot is doing."""
        self._under_way -= 1
        if status in COUNTED and not shared:
            self._refused.append(self._now())
        if of_channel and status is not None:
            if status in REFUSED:
                self._in_a_row += 1
            elif status < 400:  # noqa: PLR2004
                self._in_a_row = 0

    def _lately(self) -> int:
        oldest = self._now() - WINDOW
        while self._refused and self._refused[0] <= oldest:
            self._refused.popleft()
        return len(self._refused)

    def _now(self) -> float:
        return self._clock() if self._clock is not None else asyncio.get_running_loop().time()
