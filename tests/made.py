"""Values to test with: what holds for every one of them, hypothesis tries on these."""

from dataclasses import dataclass, replace
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from bot.core.events import ErrorKind, Missing, Observation, PollError
from bot.core.health import Health, Mode
from bot.core.names import clean_name
from bot.core.observed import UNOBSERVED, Observed, observe
from bot.core.outcome import Ending, Outcome
from bot.core.policy import PollPolicy
from bot.core.task import Task, TaskState
from bot.core.watch import Card, Watch, ended, ending, shown
from bot.messages import LANGUAGES

NOW: Final = 1_767_225_600.0
TASK: Final = "8cb280b3-442e-1db2-43f0-6e73616eb474"
VIDEO: Final = "https://cdn.example/one.mp4"
STARTER: Final = 101
LONGEST_ID: Final = "x" * 100
MARKUP: Final = (
    "@everyone @here <@101> <@&5> <#7> <t:1:R> <:a:1> </veo:1> [click](https://evil.example) https://evil.example"
    " ||spoiler|| `code` **b** _i_ ~~s~~ # h\n## h\n- l\n> q\n>>> q\n-# s\n1. one"
    "\u202eesrever\u2066\u200b\x00\x1b[31m"
)

ids: Final = st.integers(1, 2**63 - 1)
languages: Final = st.sampled_from(LANGUAGES)
times: Final = st.integers(1, 4_102_444_799)
moments: Final = st.floats(0, 4e9)
task_ids: Final = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_:-]{0,99}", fullmatch=True)
texts: Final = st.one_of(
    st.just(""),
    st.just(MARKUP),
    st.text(max_size=2_000),
    st.text(st.sampled_from("*_`~|<>@:#-[]()\\1. \n\u202e\u0301"), max_size=2_000),
    st.integers(0, 2_000).map(lambda n: "*" * n),
)
FAMILY: Final = "👨\u200d👩\u200d👧\u200d👦"
typed_names: Final = st.one_of(
    texts,
    st.sampled_from(["*" * 80, "镜" * 80, FAMILY * 12, MARKUP]),
    st.lists(
        st.sampled_from([*"aé·1 \n", FAMILY, "🇩🇪", "🇩", "1️⃣", "\u0301", "\u200d", "\u202e", "ﷺ", "🏽"])
    ).map("".join),
)
names: Final = typed_names.map(clean_name)
words: Final = st.one_of(st.just("running"), st.just("*" * 50), st.text(max_size=50))
"""The API's short words: at most as long as the decoder lets them be."""


def link(length: int, number: int = 0) -> str:
    """Return a link of about `length` characters that no other number has."""
    head = f"https://cdn.example/{number}/"
    return head + "v" * max(1, length - len(head))


links: Final = st.lists(st.one_of(st.integers(1, 300), st.integers(1_500, 2_500)), max_size=40).map(
    lambda lengths: tuple(link(length, number) for number, length in enumerate(lengths))
)


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    state = draw(st.sampled_from(TaskState))
    return Task(
        id=draw(task_ids),
        state=state,
        state_text=draw(words) if state is TaskState.UNKNOWN else state.value,
        progress=draw(st.none() | st.integers(0, 100)),
        action=draw(words),
        message=draw(texts),
        created_at=draw(st.none() | times),
        updated_at=draw(st.none() | times),
        videos=draw(links),
        refused_videos=draw(st.lists(st.text(max_size=40), max_size=5).map(tuple)),
    )


failures: Final = st.builds(PollError, st.sampled_from(ErrorKind), st.none() | st.floats(-1e9, 1e9), texts)
polls: Final[SearchStrategy[Observation]] = st.one_of(tasks(), st.just(Missing()), failures)
outcomes: Final = st.builds(
    Outcome, st.sampled_from(Ending), moments, st.none() | tasks(), st.none() | ids, texts
)
shown_outcomes: Final = outcomes.filter(lambda outcome: outcome.ending.shown)
cards: Final = st.builds(Card, ids, ids, ids, ids, ids, languages, moments)
healths: Final = st.builds(Health, st.sampled_from(Mode), st.none() | moments)


def watch(task_id: str = TASK, started_at: float = NOW) -> Watch:
    return Watch(id=1, card_id=1, task_id=task_id, position=0, started_at=started_at)


def running(progress: int | None = 10, message: str = "", state: TaskState = TaskState.RUNNING) -> Task:
    return Task(TASK, state, state.value, progress, message=message)


@dataclass(frozen=True, slots=True)
class Polled:
    """A watch and what is known of its task; `after` is the pause, `shows` whether its card changes."""

    watch: Watch
    observed: Observed = UNOBSERVED
    after: float | None = None
    shows: bool = False

    @property
    def outcome(self) -> Outcome | None:
        return self.watch.outcome


def poll(
    before: Polled,
    seen: Observation,
    now: float,
    policy: PollPolicy = PollPolicy(),  # noqa: B008
    chance: float = 0.5,
) -> Polled:
    """Return a live watch after a poll, as the tracker has it when everything is saved."""
    observed, after = observe(before.observed, seen, now, policy, chance)
    watch, end = before.watch, ending(before.watch, observed, seen, now, policy)
    if end is not None:
        return Polled(ended(watch, end, observed, now), observed, None, shows=True)
    shows = shown(watch, before.observed) != shown(watch, observed)
    if isinstance(seen, Task) and watch.seen_at is None:
        watch = replace(watch, seen_at=now)
    return Polled(watch, observed, after, shows)
