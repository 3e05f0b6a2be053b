"""Two boards live the same lives: one counts looks that tell the same, the other takes each in by the law."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest
from boards import NullStore, card_state, render, task_id
from hypothesis import given
from hypothesis import strategies as st

from bot.board import Board
from bot.core.card import CardState
from bot.core.events import Event, Failure, Missing, PollError, Seen
from bot.core.pace import Pace
from bot.core.task import Task, TaskState
from bot.core.transitions import looked_on
from bot.core.watch import Watch
from bot.learning import Learning

NAME: Final = task_id(1)
START: Final = 1_767_225_600.0
PACE: Final = Pace(stalled_after=1_800.0, too_old_after=7_200.0)
AGAIN: Final = "again"
"""A look that tells what the newest answer told."""
BEGIN: Final = "begin"
"""Another card begins to watch the task."""

gaps: Final = st.sampled_from([0.25, 2.0, 5.0, 15.0, 15.0, 59.5, 60.5, 400.0])
states: Final = st.sampled_from([TaskState.PENDING, TaskState.UNKNOWN])
videos: Final = st.sampled_from([(), ("https://cdn.example/a.mp4",)])
events: Final[st.SearchStrategy[Any]] = st.one_of(
    st.just(AGAIN),
    st.just(AGAIN),
    st.just(AGAIN),
    st.integers(0, 100).map(lambda progress: render(NAME, progress, START - 60)),
    states.map(lambda state: replace(render(NAME, 0, START), state=state, state_text=state.value)),
    videos.map(lambda urls: replace(render(NAME, 100, START), state=TaskState.SUCCEEDED, videos=urls)),
    st.just(Missing()),
    st.sampled_from(PollError).map(lambda trouble: Failure(trouble, 20.0)),
    st.just(BEGIN),
    st.integers(1, 4),
)
"""What happens; a number is a card that somebody stops."""
lives: Final = st.lists(st.tuples(gaps, events, st.integers(1, 8)), max_size=25)
"""Each event comes so many times, with the same pause before each."""


@dataclass
class Twin:
    """A board and its clock, with all that was ever shown."""

    counts: bool
    now: float = START
    told: list[Any] = field(default_factory=list)
    board: Board = field(init=False)
    newest: Task | None = None
    cards: int = 1

    def __post_init__(self) -> None:
        store: Any = NullStore()
        self.board = Board(store, self, Learning(store, PACE), lambda: self.now, lambda: 0.5)
        self.board.roster.add(card_state(1, self.now))

    def show(self, state: CardState) -> None:
        self.told.append((self.now, state.card.id, [watch.ends_at for watch in state.watches]))

    def announce(self, state: CardState, watch: Watch) -> None:
        self.told.append((self.now, state.card.id, watch.outcome))

    async def happens(self, what: Any) -> float | None:
        if what == BEGIN:
            self.cards += 1
            state = card_state(self.cards, self.now)
            self.board.roster.add(replace(state, watches=(replace(state.watches[0], task_id=NAME),)))
            return None
        if isinstance(what, int):
            await self.board.stop(what, by=7)
            return None
        return await self.look(self.newest if what == AGAIN and self.newest else what)

    async def look(self, seen: Any) -> float | None:
        if seen == AGAIN:  # nothing was told yet
            seen = self.newest = render(NAME, 5, START - 60)
        elif isinstance(seen, Task):
            self.newest = seen
        pause = self.board.told_again(NAME, seen) if self.counts else None
        return await self.board.see(NAME, seen) if pause is None else pause

    def watches(self) -> list[Watch]:
        """List the live watches as they are once what was only counted is taken in."""
        if (followed := self.board.roster.followed(NAME)) is None:
            return []
        return [
            looked_on(watch, followed.looked_at, followed.quiet)
            if followed.quiet and watch.task is followed.task
            else watch
            for watch in followed.watches
        ]


async def live(life: list[tuple[float, Event | Seen | str | int, int]]) -> None:
    counting, plain = Twin(counts=True), Twin(counts=False)
    for gap, what, times in life:
        for _ in range(times if what == AGAIN else 1):
            pauses = []
            for twin in (counting, plain):
                twin.now += gap
                pauses.append(await twin.happens(what))
            assert pauses[0] == pytest.approx(pauses[1])
            assert counting.watches() == plain.watches()
            assert counting.told == plain.told
    for twin in (counting, plain):  # what was counted is learned from with the next step
        await twin.board.see(NAME, Missing())
    assert counting.board._learning._experience.seconds == pytest.approx(
        plain.board._learning._experience.seconds
    )


@given(lives)
def test_counting_comes_to_what_the_law_comes_to(life: list[Any]) -> None:
    asyncio.run(live(life))
