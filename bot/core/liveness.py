"""Which members of a group of processes are dead, judged by their beats: no two clocks are compared.

A member counts up its beat in a table that all read. Whoever has seen a beat stand still for `SILENT` of its
own seconds takes that member for dead, and deletes it if the beat is still the same. A member relies on its
own row for `TRUSTED` of its own seconds from the start of its last beat. That is so much shorter that it ends
first even if one clock runs a tenth too fast and the other a tenth too slow:

    TRUSTED / 0.9 < VANISHED / 1.1 < SILENT / 1.1

Where the database knows which members are connected, the dead are found sooner: one that is not connected
needs to be still for `VANISHED` only. A paused process stays connected, and has until `SILENT` to wake.

Who could not read the table has not seen anybody be silent: after a failure or a pause all observations begin
again, so that an outage of the database makes nobody take over anybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

BEAT: Final = 0.75
"""Seconds between two beats."""
TRUSTED: Final = 1.75
VANISHED: Final = 2.2
SILENT: Final = 7.0
LONGEST_GAP: Final = 3.0
"""Seconds between two observations after which all begin again."""
SETTLED: Final = 14
"""Beats, about ten seconds, after which others give shards away to a newcomer: it may crash at its start."""


class Sign(NamedTuple):
    """A sign of life: what the table says of a member."""

    beat: int
    connected: bool | None
    """Whether its session with the database exists, None if unknown."""


@dataclass(slots=True)
class _Seen:
    beat: int
    since: float
    was_connected: bool
    """Whether it was connected at some time since the observations began."""
    missing_since: float | None = None
    """Since when it was not connected, None if it is or that is unknown."""


class Observations:
    """What one member sees of the others. Its clock may stand still while the machine sleeps."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}
        self._alive: set[int] = set()
        self._last: float | None = None
        self._interrupted = False

    def observe(self, signs: Mapping[int, Sign], now: float) -> frozenset[int]:
        """Take in what the table says now; return the members that are dead."""
        if self._last is not None and now - self._last > LONGEST_GAP:
            self.restart()
        self._last = now
        self._seen = {member: self._look(member, sign, now) for member, sign in signs.items()}
        self._alive &= signs.keys()
        return frozenset(member for member, seen in self._seen.items() if self._is_dead(seen, now))

    def restart(self) -> None:
        """Forget everything: the table could not be read."""
        self._seen.clear()
        self._alive.clear()
        # Sessions end with the database, so after an interruption one that is missing means nothing yet.
        self._interrupted = True

    @property
    def alive(self) -> frozenset[int]:
        """The members whose beat has moved since the observations began."""
        return frozenset(self._alive)

    def _look(self, member: int, sign: Sign, now: float) -> _Seen:
        seen = self._seen.get(member)
        if seen is None:
            seen = _Seen(sign.beat, now, was_connected=not self._interrupted)
        elif seen.beat != sign.beat:
            seen.beat, seen.since = sign.beat, now
            self._alive.add(member)
        if sign.connected is not False:
            seen.missing_since = None
        elif seen.missing_since is None:
            seen.missing_since = now
        seen.was_connected |= sign.connected is True
        return seen

    def _is_dead(self, seen: _Seen, now: float) -> bool:
        still = now - seen.since
        if seen.was_connected and seen.missing_since is not None and now - seen.missing_since >= BEAT / 2:
            return still >= VANISHED
        return still >= SILENT


def fair_share(shards: int, members: int) -> int:
    """Return how many shards one of so many members holds at most."""
    return -(-shards // max(1, members))
