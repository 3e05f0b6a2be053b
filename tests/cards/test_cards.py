"""What a card shows, whatever the API says and whatever happens to a watch."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import (
    LONGEST_ID,
    MARKUP,
    NOW,
    STARTER,
    TASK,
    Polled,
    cards,
    healths,
    ids,
    moments,
    names,
    outcomes,
    poll,
    polls,
    running,
    shown_outcomes,
    tasks,
    texts,
    watch,
)

from bot.cards.cards import CardForm, card_form, components, plain_form
from bot.cards.render_parts import Style
from bot.cards.text import bar
from bot.core.events import ErrorKind, Missing, Observation, PollError
from bot.core.health import Health, Mode
from bot.core.names import clean_name, numbered
from bot.core.observed import UNOBSERVED, Observed
from bot.core.outcome import Ending, Outcome
from bot.core.policy import PollPolicy
from bot.core.task import Task, TaskState
from bot.core.watch import Card, CardState, Watch
from bot.messages import LANGUAGES

POLICY: Final = PollPolicy()
CARD: Final = Card(1, 10, 20, 30, STARTER, "en", NOW)
watches = st.builds(
    Watch,
    id=ids,
    card_id=ids,
    task_id=st.just(LONGEST_ID),
    position=st.integers(0, 9),
    started_at=moments,
    seen_at=st.none() | moments,
    name=names,
)
people = st.lists(ids, max_size=8, unique=True)
SORTS: Final = {10: "text", 14: "separator"}
"""Discord's numbers for the components of a container."""
known = st.builds(
    Observed,
    task=st.none() | tasks(),
    changed_at=st.none() | moments,
    missing=st.integers(0, 3),
    failures=st.integers(0, 9),
    error=st.sampled_from(ErrorKind),
    failing_since=st.none() | moments,
    message=texts,
    expected_end=st.none() | moments,
    no_change_since=st.none() | moments,
)


def form_of(
    row: Watch,
    observed: Observed = UNOBSERVED,
    health: Health = Health(),  # noqa: B008
    card: Card = CARD,
    followers: Sequence[int] = (STARTER,),
) -> CardForm:
    state = CardState(card, (row,), tuple(followers))
    return card_form(state, {row.task_id: observed}, health, POLICY)


def together(*rows: Watch, observed: Observed = UNOBSERVED, health: Health = Health()) -> CardForm:  # noqa: B008
    """Return the form of a card with these rows, in this order."""
    watches = tuple(replace(row, position=position) for position, row in enumerate(rows))
    return card_form(CardState(CARD, watches, (STARTER,)), {TASK: observed}, health, POLICY)


def ended(ending: Ending | None) -> Watch:
    """Return a watch that has ended so, None if it has not."""
    return replace(watch(), outcome=None if ending is None else Outcome(ending, NOW, running(5), 7))


def body(row: Watch, observed: Observed = UNOBSERVED, health: Health = Health()) -> str:  # noqa: B008
    return "\n".join(form_of(row, observed, health).texts)


def check(form: CardForm, people: set[int]) -> None:
    """Hold a form against Discord's limits and against texts that would do something."""
    parts = components(form)
    every = [*parts, *(child for part in parts for child in part["components"])]
    container = [child["type"] for child in parts[0]["components"]]
    between = ["separator"] if form.separated else []
    assert [SORTS[sort] for sort in container] == ["text", *[*between, "text"] * (len(form.texts) - 1)]
    shown = [component["content"] for component in every if "content" in component]
    *texts, last = form.texts
    assert shown == [*texts, f"{last} · {form.pointer}" if form.pointer else last]
    assert len(every) <= 40
    assert 0 < sum(map(len, shown)) <= 4_000
    assert all(text.strip() for text in shown)
    text = "\n".join(shown)
    assert {int(user) for user in re.findall(r"(?<!\\)<@!?(\d+)>", text)} <= people
    for forbidden in (
        r"(?<!\\)@(everyone|here)",
        r"(?<!\\)\[",
        r"https?://",
        r"(?<!\\)<(?![@t])",
        "\u202e",
        "\x00",
    ):
        assert not re.search(forbidden, text)


@pytest.mark.slow
@given(cards, watches, known, healths, people)
def test_a_live_card_keeps_the_limits_and_can_do_nothing(
    card: Card, row: Watch, observed: Observed, health: Health, followers: list[int]
) -> None:
    form = form_of(row, observed, health, card, followers)
    check(form, set(followers))
    check(plain_form(form), set())


@given(cards, watches, outcomes.filter(lambda outcome: outcome.ending.shown), healths)
def test_a_final_card_keeps_the_limits_and_shows_no_link(
    card: Card, row: Watch, outcome: Outcome, health: Health
) -> None:
    form = form_of(replace(row, outcome=outcome), UNOBSERVED, health, card)
    check(form, {outcome.by or 0})
    same = replace(watch(LONGEST_ID), outcome=outcome, name=row.name)
    assert form == form_of(same, card=replace(card, created_at=1.0))


@given(
    st.lists(st.tuples(st.floats(0, 300), polls), max_size=20),
    st.sampled_from([Health(), Health(since=NOW + 300)]),
)
def test_a_poll_that_changes_the_card_says_so(
    course: list[tuple[float, Observation]], health: Health
) -> None:
    before, now = Polled(watch()), NOW
    for passed, answer in course:
        now += passed
        happened = replace(answer, created_at=None) if isinstance(answer, Task) else answer
        after = poll(before, happened, now)
        if after.outcome is not None:
            assert after.shows
            return
        old, new = (form_of(step.watch, step.observed, health) for step in (before, after))
        assert after.shows or old == new
        before = after


@pytest.mark.slow
@given(
    cards,
    st.lists(
        st.builds(lambda row, end: replace(row, outcome=end), watches, st.none() | shown_outcomes),
        min_size=2,
        max_size=10,
    ),
    known,
    healths,
    people,
)
def test_a_card_of_ten_rows_keeps_the_limits_and_can_do_nothing(
    card: Card, rows: list[Watch], observed: Observed, health: Health, followers: list[int]
) -> None:
    state = CardState(card, tuple(rows), tuple(followers))
    form = card_form(state, {LONGEST_ID: observed}, health, POLICY)
    check(form, {*followers, *(row.outcome.by or 0 for row in rows if row.outcome)})
    assert form.separated
    assert bool(form.buttons) is any(row.outcome is None for row in rows)
    assert "\n".join(form.texts).count(f"`{LONGEST_ID[:8]}…`") == sum(not row.name for row in rows)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("error", ErrorKind)
@pytest.mark.parametrize("mode", Mode)
def test_ten_rows_fit_when_everything_is_as_long_as_it_can_be(
    language: str, error: ErrorKind, mode: Mode
) -> None:
    stars, last, most = "*" * 2_000, 4_102_444_799, 2**63 - 1
    task = Task(LONGEST_ID, TaskState.UNKNOWN, stars[:50], 100, stars[:60], stars, last, last)
    observed = Observed(
        task, last, last, failures=9, error=error, failing_since=last, message=stars, expected_end=last
    )
    still = replace(observed, failures=0, no_change_since=last)
    name = clean_name(stars)
    ends = [None, *(Outcome(end, last, task, most, stars) for end in Ending if end.shown)]
    card = Card(most, most, most, most, most, language, last)
    for outcome in ends:
        rows = tuple(
            Watch(most, most, LONGEST_ID, row, last, last, outcome, numbered(name, row + 1))
            for row in range(10)
        )
        for known in (observed, still):
            state = CardState(card, rows, (most,) * 999)
            check(card_form(state, {LONGEST_ID: known}, Health(mode, last), POLICY), {most})


@pytest.mark.parametrize(
    ("endings", "style"),
    [
        ([Ending.SUCCEEDED, None], Style.MOVING),
        ([Ending.FAILED, None], Style.MOVING),
        ([Ending.SUCCEEDED, Ending.SUCCEEDED], Style.GOOD),
        ([Ending.SUCCEEDED, Ending.FAILED], Style.ODD),
        ([Ending.SUCCEEDED, Ending.STOPPED], Style.ODD),
        ([Ending.STOPPED, Ending.STOPPED], Style.ODD),
        ([Ending.FAILED, Ending.FAILED], Style.ODD),
    ],
)
def test_a_card_of_several_has_a_live_style_and_in_the_end_says_whether_all_are_ready(
    endings: list[Ending | None], style: Style
) -> None:
    form = together(*map(ended, endings), observed=Observed(running(5)))
    assert form.colour == style.colour
    assert form.texts[0].startswith(f"### {style.sign} ")


@pytest.mark.parametrize(
    ("observed", "style"),
    [
        ([running(5), running(5)], Style.MOVING),
        ([running(5), running(0, state=TaskState.PENDING)], Style.WAITING),
        ([running(5), None], Style.WAITING),
        ([running(0, state=TaskState.PENDING), running(0, state=TaskState.UNKNOWN)], Style.ODD),
    ],
)
def test_a_card_of_several_shows_the_worst_state_of_those_still_running(
    observed: list[Task | None], style: Style
) -> None:
    rows = [ended(Ending.FAILED), *(watch(str(number)) for number, _ in enumerate(observed))]
    known = {str(number): Observed(task) for number, task in enumerate(observed)}
    form = card_form(CardState(CARD, tuple(rows)), known, Health(), POLICY)
    assert form.texts[0] == f"### {style.sign} 0 of 3 ready · 1 failed"


@pytest.mark.parametrize(
    ("endings", "said"),
    [
        ([None] * 3, "0 of 3 ready"),
        ([Ending.SUCCEEDED, Ending.SUCCEEDED, None], "2 of 3 ready"),
        ([Ending.SUCCEEDED, *[end for end in Ending if end.failed]], "1 of 7 ready · 6 failed"),
        ([Ending.STOPPED, Ending.FAILED, Ending.STOPPED], "0 of 3 ready · 1 failed · 2 stopped"),
        ([Ending.NO_SUCH_TASK, Ending.SUCCEEDED], "1 of 2 ready · 1 unknown"),
    ],
)
def test_a_headline_counts_what_became_of_the_renders(endings: list[Ending | None], said: str) -> None:
    heading = together(*map(ended, endings)).texts[0]
    assert heading.partition(" ")[2].partition(" ")[2] == said


def test_a_form_speaks_of_times_and_not_of_the_present() -> None:
    late = Observed(running(5), NOW, polled_at=NOW + 999, idle_seconds=999.0)
    early = Observed(running(5), NOW, polled_at=NOW)
    assert form_of(watch(), late) == form_of(watch(), early)


# What it says

NAMED: Final = replace(watch(), name="Shot *12*")

DOWN: Final = Health(Mode.OPEN, NOW + 60)
REFUSED: Final = Health(Mode.REFUSED, NOW + 60)
BACK: Final = Health(since=NOW + 60, answered_at=NOW + 60)
FAILING: Final = Observed(running(5), failures=3, error=ErrorKind.UNAVAILABLE, failing_since=NOW)
SINCE: Final = f"<t:{int(NOW) + 60}:R>"


def test_rows_that_were_named_together_share_the_headline() -> None:
    rows = [replace(watch(), name=numbered("Shot *12*", row + 1)) for row in range(3)]
    form = together(*rows, observed=Observed(running(45)))
    assert form.texts[0] == "### 🎬 0 of 3 ready\n**Shot \\*12\\***"
    assert [text.splitlines()[0] for text in form.texts[1:4]] == [
        f"🎬 Rendering · **Shot \\*12\\*\u00a0·\u00a0{number}**" for number in (1, 2, 3)
    ]


def test_a_row_shows_its_number_and_its_name_or_the_start_of_its_id() -> None:
    form = together(watch(), NAMED)
    assert [text.splitlines()[0] for text in form.texts[1:3]] == [
        f"⏳ No answer yet · **1** · `{TASK[:8]}…`",
        "⏳ No answer yet · **2\u00a0·\u00a0Shot \\*12\\***",
    ]


def test_a_rendering_task_shows_its_state_its_bar_and_its_number() -> None:
    form = form_of(watch(), Observed(running(45, "*hi*")))
    assert form.colour == Style.MOVING.colour
    assert form.texts[:2] == (f"### 🎬 Rendering\n`{TASK}`", f"{bar(45)} **45 %**\n> \\*hi\\*")
    assert form_of(NAMED, Observed(running(45))).texts[0] == (
        f"### 🎬 Rendering\n**Shot \\*12\\***\n-# `{TASK}`"
    )
    assert f"<t:{int(NOW)}:R>" in form.texts[2]
    assert f"<@{STARTER}>" in form.texts[2]


@pytest.mark.parametrize(
    ("observed", "health", "said"),
    [
        (UNOBSERVED, Health(), "No answer yet"),
        (Observed(missing=1), Health(), "Not visible yet"),
        (Observed(running(0, state=TaskState.PENDING)), Health(), "Queued"),
        (Observed(Task(TASK, TaskState.UNKNOWN, "p_q")), Health(), r"State “p\_q”"),
        (Observed(Task(TASK, TaskState.SUCCEEDED)), Health(), "its video is not there yet"),
        (Observed(Task(TASK, TaskState.RUNNING, action="re_mix")), Health(), r"re\_mix"),
        (Observed(Task(TASK, TaskState.RUNNING, created_at=7)), Health(), "<t:7:R>"),
        (FAILING, Health(), "stopped answering about this render"),
        (replace(FAILING, error=ErrorKind.KEY_REFUSED), Health(), "rejecting the bot's key for this render"),
        (Observed(running(5)), DOWN, f"stopped answering {SINCE}"),
        (FAILING, DOWN, f"stopped answering {SINCE}"),
        (Observed(running(5)), REFUSED, f"rejecting the bot's key {SINCE}"),
        (Observed(running(5), changed_at=NOW), BACK, f"started answering again {SINCE}"),
    ],
)
def test_what_a_live_card_says(observed: Observed, health: Health, said: str) -> None:
    assert said in body(watch(), observed, health)


def test_a_task_that_was_seen_before_a_restart_is_never_said_to_be_invisible() -> None:
    assert "No answer yet" in body(replace(watch(), seen_at=NOW), Observed(missing=1))


@pytest.mark.parametrize(
    ("task", "began_at", "said"),
    [
        (running(0, state=TaskState.PENDING), None, f"Created <t:{int(NOW)}:R>"),
        (running(5), None, f"Started <t:{int(NOW)}:R>"),
        (running(5), NOW + 99, f"Started <t:{int(NOW) + 99}:R>"),
        (running(5, state=TaskState.UNKNOWN), None, f"Created <t:{int(NOW)}:R>"),
    ],
)
def test_a_render_was_created_until_it_is_rendered(task: Task, began_at: float | None, said: str) -> None:
    observed = Observed(replace(task, created_at=int(NOW)), began_at=began_at)
    assert form_of(watch(), observed).texts[-1].startswith(f"-# {said}\n")


STILL: Final = Observed(running(40), NOW, expected_end=NOW + 9, no_change_since=NOW)
NO_CHANGE: Final = f"No change since <t:{int(NOW)}:R>"


def test_a_warning_that_nothing_changes_takes_the_place_of_the_estimate() -> None:
    form = form_of(watch(), STILL)
    assert form.colour == Style.ODD.colour
    assert form.texts[:2] == (f"### ⚠️ Rendering\n`{TASK}`", f"{bar(40)} **40 %** · {NO_CHANGE}")
    row = together(watch(), ended(Ending.SUCCEEDED), observed=STILL)
    assert row.texts[:2] == (
        "### ⚠️ 1 of 2 ready",
        f"⚠️ Rendering · **1** · `{TASK[:8]}…`\n{bar(40)} **40 %** · {NO_CHANGE}",
    )


@pytest.mark.parametrize("state", [TaskState.PENDING, TaskState.RUNNING])
def test_a_warning_needs_no_progress(state: TaskState) -> None:
    assert form_of(watch(), replace(STILL, task=running(None, state=state))).texts[1] == NO_CHANGE


@pytest.mark.parametrize(
    ("observed", "health"),
    [
        (STILL, DOWN),
        (STILL, REFUSED),
        (replace(FAILING, no_change_since=NOW), Health()),
    ],
    ids=["down", "key refused", "task fails"],
)
def test_nothing_is_said_of_changes_where_nobody_answers(observed: Observed, health: Health) -> None:
    assert "No change" not in body(watch(), observed, health)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "-# The result will be posted as a reply to this card."),
        (1, "Watching for <@1>. The result"),
        (2, "Watching for <@1> <@2>. The result"),
        (5, "Watching for <@1> <@2> <@3> <@4> <@5>. The result"),
        (8, "Watching for <@1> <@2> <@3> <@4> <@5> and 3 more people. The result"),
    ],
)
def test_a_card_names_up_to_five_followers(count: int, said: str) -> None:
    assert said in form_of(watch(), followers=range(1, count + 1)).texts[-1]


def test_a_card_in_trouble_says_once_that_nothing_is_known() -> None:
    assert body(watch(), replace(FAILING, task=None)).count("I will keep trying") == 1


@pytest.mark.parametrize("mode", [Mode.OPEN, Mode.REFUSED])
@pytest.mark.parametrize("seen_at", [None, NOW])
@pytest.mark.parametrize("observed", [UNOBSERVED, Observed(missing=1)])
def test_a_pause_is_shown_once_even_where_nothing_is_known_yet(
    observed: Observed, seen_at: float | None, mode: Mode
) -> None:
    said = body(replace(watch(), seen_at=seen_at), observed, Health(mode=mode, since=NOW))
    assert said.count("The task API") == 1
    assert "restarted" not in said
    assert ("I will keep trying" in said) == (mode is Mode.OPEN), "with a refused key nobody tries"


@pytest.mark.parametrize("started_at", [NOW, NOW + 61])
def test_a_recovery_is_not_shown_after_the_next_change_nor_on_later_cards(started_at: float) -> None:
    known = Observed(running(5), changed_at=NOW + 61)
    assert "again" not in body(watch(started_at=started_at), known, BACK)


@pytest.mark.parametrize(
    ("ending", "title", "said", "announced"),
    [
        (Ending.SUCCEEDED, "✅ Finished", "", True),
        (Ending.FAILED, "❌ Failed", "> " + "no \\*way\\*", True),
        (Ending.EMPTY, "⚠️ Finished without a video", "returned no video", True),
        (Ending.VANISHED, "⚠️ Vanished", "no longer does", True),
        (Ending.STALLED, "⏹️ No longer watched", "for 2 hours", True),
        (Ending.TOO_OLD, "⏹️ No longer watched", "for 48 hours", True),
        (Ending.STOPPED, "⏹️ Stopped", "Stopped by <@7>.", False),
        (Ending.NO_SUCH_TASK, "⚠️ No such task", "never known this id", False),
    ],
)
def test_what_a_final_card_says(ending: Ending, title: str, said: str, announced: bool) -> None:
    task = Task(TASK, TaskState.RUNNING, "running", 40, message="no *way*")
    form = form_of(replace(watch(), outcome=Outcome(ending, NOW + 5, task, 7)), UNOBSERVED, DOWN)
    text = "\n".join(form.texts)
    assert f"### {title}\n`{TASK}`" in text
    assert said in text
    assert f"Ended <t:{int(NOW) + 5}:R>" in text
    assert ("reply below" in form.pointer) is announced, "shown once there is a reply"
    assert "reply" not in text
    assert form.answerless.pointer == ""
    assert ("40 %" in text) is (ending not in {Ending.SUCCEEDED, Ending.EMPTY})


@pytest.mark.parametrize("message", ["", "\u200b\n\u202e"])
def test_a_failure_without_words_says_so(message: str) -> None:
    failed = Outcome(Ending.FAILED, NOW, Task(TASK, TaskState.ERROR, message=message))
    assert "The task API gave no reason." in body(replace(watch(), outcome=failed))


def test_a_long_message_is_cut_on_the_card() -> None:
    (line,) = (x for x in body(watch(), Observed(running(5, "a" * 999))).splitlines() if x.startswith("> "))
    assert line == "> " + "a" * 299 + "…"


@pytest.mark.parametrize(("rows", "shown"), [(2, 300), (4, 200), (10, 80)])
def test_rows_share_the_space_for_messages(rows: int, shown: int) -> None:
    form = together(*[watch()] * rows, observed=Observed(running(None, "a" * 999)))
    assert form.texts[1].splitlines()[1] == "> " + "a" * (shown - 1) + "…"


def test_a_layout_never_exceeds_what_discord_takes() -> None:
    (container,) = components(CardForm(("a" * 3_999, MARKUP, "never"), 1))
    assert [len(text["content"]) for text in container["components"]] == [3_999, 1]


def test_a_plain_form_is_one_line_without_the_name() -> None:
    for row in (watch("a"), replace(NAMED, task_id="a")):
        assert plain_form(form_of(row)).texts == ("⏳ No answer yet · a",)
    assert plain_form(together(NAMED, NAMED)).texts == ("⏳ 0 of 2 ready",)


def test_every_poll_has_a_card() -> None:
    for event in (Missing(), PollError(ErrorKind.RATE_LIMITED), running(1)):
        check(form_of(watch(), poll(Polled(watch()), event, NOW).observed), {STARTER})
