"""The law of a watch and the store together: whatever happens in whatever order, through restarts.

The rules do what tracker and deliverer do: poll, save what follows, plan, mark as sending, send. The machine
keeps its own simple picture of what must be remembered, and compares it with the file.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from made import NOW, STARTER, Polled, failures, ids, links, poll, running
from sqlalchemy import URL
from store.places import migrated, run_inline

from bot.core.events import Missing, Observation
from bot.core.observed import UNOBSERVED, Observed
from bot.core.outcome import Ending, Message, Outcome
from bot.core.task import Task, TaskState
from bot.core.watch import CardState, Watch, ended, resumed
from bot.store.errors import AlreadyWatched
from bot.store.location import Location, database_at
from bot.store.schema import DONE, FINAL, LIVE
from bot.store.store import Store

TASKS = ("one", "two", "three")
CHANNELS = (20, 21)
SETTINGS = settings(max_examples=25, stateful_step_count=25)

looks: st.SearchStrategy[Observation] = st.one_of(
    st.builds(running, st.none() | st.integers(0, 100)),
    st.builds(Task, st.just("one"), st.just(TaskState.PENDING), st.just("pending"), st.none()),
    st.builds(Task, st.just("one"), st.just(TaskState.SUCCEEDED), st.just("succeeded"), videos=links),
    st.builds(Task, st.just("one"), st.just(TaskState.ERROR), st.just("error"), message=st.text(max_size=20)),
    st.just(Missing()),
    failures,
)
others = st.sampled_from([Ending.STOPPED, Ending.CARD_DELETED, Ending.ACCESS_LOST])


@dataclass
class Known:
    """What the machine holds of a watch: the bot's own value, and what must survive a crash."""

    watch: Watch
    channel_id: int
    observed: Observed = UNOBSERVED
    seen: bool = False
    outcome: Outcome | None = None
    finished: bool = False
    planned: list[Message] = field(default_factory=list)
    sent: dict[int, int] = field(default_factory=dict)


class WatchMachine(RuleBasedStateMachine):
    watches = Bundle("watches")

    def make_place(self) -> Location:
        """Return empty data of the newest version: migrating is not what is tested here."""
        raise AssertionError

    @initialize()
    def open(self) -> None:
        self.place = self.make_place()
        self.now = NOW
        self.known: dict[int, Known] = {}
        self.message_id = 1000
        self._open()

    def _open(self) -> None:
        self.database = database_at(self.place, None)
        run_inline(self.database.open())
        self.store = Store(self.database)

    @rule(
        target=watches,
        tasks=st.lists(st.sampled_from(TASKS), min_size=1, max_size=3, unique=True),
        channel_id=st.sampled_from(CHANNELS),
        seen=st.sets(st.sampled_from(TASKS)),
    )
    def begin(self, tasks: list[str], channel_id: int, seen: set[str]) -> Any:
        self.message_id += 1
        live = {k.watch.task_id for k in self.known.values() if k.channel_id == channel_id and not k.outcome}
        adding = self.store.add_card(
            guild_id=10,
            channel_id=channel_id,
            message_id=self.message_id,
            starter_id=STARTER,
            language="en",
            task_ids=tasks,
            now=self.now,
            known=seen,
        )
        if live & set(tasks):
            with pytest.raises(AlreadyWatched):
                run_inline(adding)
            return multiple()
        state: CardState = run_inline(adding)
        for watch in state.watches:
            self.known[watch.id] = Known(watch, channel_id, seen=watch.task_id in seen)
        return multiple(*(watch.id for watch in state.watches))

    @rule(number=watches, event=looks | others, after=st.floats(0, 3 * 3600))
    def happen(self, number: int, event: Observation | Ending, after: float) -> None:
        self.now += after
        known = self.known[number]
        if known.watch.outcome is not None:
            return
        if isinstance(event, Ending):
            step = Polled(ended(known.watch, event, known.observed, self.now, 7), known.observed)
        else:
            step = poll(Polled(known.watch, known.observed), event, self.now)
        if step.watch.seen_at != known.watch.seen_at:
            run_inline(self.store.save_seen([number], self.now))
            known.seen = True
        if step.outcome is not None:
            run_inline(self.store.save_outcomes([(number, step.outcome)]))
            known.outcome = step.outcome
        known.watch, known.observed = step.watch, step.observed
        if isinstance(event, Missing) and known.seen and step.outcome is not None:
            assert step.outcome.ending is not Ending.NO_SUCH_TASK

    @rule(number=watches)
    def end_again(self, number: int) -> None:
        """Whoever comes second with an end changes nothing."""
        if self.known[number].outcome is not None:
            other = Outcome(Ending.STALLED, self.now)
            run_inline(self.store.save_outcomes([(number, other)]))

    @rule(number=watches, parts=st.integers(1, 3))
    def plan(self, number: int, parts: int) -> None:
        known = self.known[number]
        if known.outcome is None or not known.outcome.ending.announced or known.finished:
            return
        wanted = [Message(f"{number}: {self.now} {part}") for part in range(parts)]
        planned = [delivery.message for delivery in run_inline(self.store.results.plan(number, wanted))]
        assert planned == (known.planned or wanted), "a plan is made once"
        known.planned = planned

    @rule(number=watches, message_id=ids)
    def send(self, number: int, message_id: int) -> None:
        known = self.known[number]
        if len(known.sent) < len(known.planned):
            part = len(known.sent) + 1
            run_inline(self.store.results.mark_sending(number, part, self.now))
            run_inline(self.store.results.sent(number, part, message_id))
            known.sent[part] = message_id

    @rule(number=consumes(watches))
    def finish(self, number: int) -> None:
        run_inline(self.store.finish([number]))
        known = self.known[number]
        known.finished = known.outcome is not None and known.outcome.ending.shown

    @rule(jump=st.floats(-3600, 3600))
    def restart(self, jump: float) -> None:
        """Crash and come back, by a clock that may have been set: only what was committed is known."""
        self.now += jump
        run_inline(self.database.close())
        self._open()
        for state in run_inline(self.store.unfinished()):
            for watch in state.watches:
                known = self.known[watch.id]
                known.watch, known.observed = resumed(watch, self.now), UNOBSERVED
                assert (watch.seen_at is not None) == known.seen
                assert watch.outcome == known.outcome

    @invariant()
    def the_file_remembers(self) -> None:
        if not hasattr(self, "store"):
            return
        query = "SELECT id, state, seen_at, ended_at FROM watches"
        rows = run_inline(self.database.run(lambda c: c.exec_driver_sql(query).all()))
        assert len(rows) == len(self.known)
        for number, state, seen_at, ended_at in rows:
            known = self.known[number]
            assert (seen_at is not None) == known.seen
            assert ended_at == (known.outcome.at if known.outcome else None)
            if known.outcome is None:
                assert state == LIVE
            else:
                over = known.finished or not known.outcome.ending.shown
                assert state == (DONE if over else FINAL)
        to_announce = {n for n, state, *_ in rows if state == FINAL}
        assert set(run_inline(self.store.to_announce())) == to_announce
        for number, known in self.known.items():
            if known.planned:
                deliveries = run_inline(self.store.results.plan(number, []))
                assert [d.message for d in deliveries] == known.planned
                assert {d.part: d.message_id for d in deliveries if d.message_id is not None} == known.sent

    def teardown(self) -> None:
        if hasattr(self, "database"):
            run_inline(self.database.close())


class FileMachine(WatchMachine):
    """On SQLite, each time in a new file."""

    def make_place(self) -> Location:
        self.folder = Path(tempfile.mkdtemp())
        (self.folder / "bot.db").write_bytes(migrated())
        return self.folder / "bot.db"

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder)


@pytest.mark.slow
def test_on_sqlite() -> None:
    run_state_machine_as_test(FileMachine, settings=SETTINGS)


@pytest.mark.slow
def test_on_postgresql(emptied: Callable[[], URL]) -> None:
    class ServerMachine(WatchMachine):
        def make_place(self) -> Location:
            return emptied()

    run_state_machine_as_test(ServerMachine, settings=SETTINGS)
