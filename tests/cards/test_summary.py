"""The text of a summary: the counts always fit, each result has its link, the recipients are pinged."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st
from made import NOW, STARTER, names

from bot.cards.summary import counts, is_summary, summary_messages
from bot.core.names import numbered
from bot.core.outcome import Ending, Outcome, Summary
from bot.core.summary import Summarized
from bot.core.watch import Card, Watch
from bot.messages import ENGLISH, LANGUAGES

CARD: Final = Card(1, 10**18, 10**18, 10**18, STARTER, ENGLISH, NOW, batch=True)


def summarized(
    *ends: Ending | None,
    recipients: tuple[int, ...] = (STARTER,),
    early: bool = False,
    result_ids: dict[int, int] | None = None,
    name: str = "",
) -> Summarized:
    watches = tuple(
        Watch(
            n,
            1,
            f"task-number-{n}",
            n - 1,
            NOW,
            outcome=None if end is None else Outcome(end, NOW),
            name=numbered(name, n) if name else "",
        )
        for n, end in enumerate(ends, 1)
    )
    ids = {n: 10**18 + n for n, end in enumerate(ends, 1) if end is not None and end.announced}
    summary = Summary(len(ends), NOW, early=early)
    return Summarized(summary, recipients, watches, ids if result_ids is None else result_ids)


def test_each_kind_of_end_is_counted_by_itself() -> None:
    ends = [Ending.SUCCEEDED, Ending.FAILED, Ending.VANISHED, Ending.STOPPED, Ending.NO_SUCH_TASK]
    assert counts("en", ends, 6, 1) == "1 of 6 ready · 2 failed · 1 stopped · 1 unknown · 1 still running"
    assert counts("zh-CN", [Ending.SUCCEEDED], 2, 1) == "已就绪 1/2 · 仍在生成 1"


def test_of_a_name_that_all_share_only_the_numbers_are_repeated() -> None:
    (message,) = summary_messages(CARD, summarized(Ending.SUCCEEDED, Ending.FAILED, name="Shot *12*"))
    first, *links, _ = message.content.splitlines()
    assert first == "⚠️ **1 of 2 ready · 1 failed** · **Shot \\*12\\***"
    assert [link.partition(" · [")[0] for link in links] == ["✅ Finished · **1**", "❌ Failed · **2**"]


def test_it_links_to_each_result_and_to_nothing_else() -> None:
    ends = (Ending.SUCCEEDED, Ending.STOPPED, Ending.FAILED, Ending.SUCCEEDED)
    (message,) = summary_messages(CARD, summarized(*ends, result_ids={1: 501, 3: 503}))
    link = f"https://discord.com/channels/{10**18}/{10**18}/"
    assert message.content.splitlines() == [
        "⚠️ **2 of 4 ready · 1 failed · 1 stopped**",
        f"✅ Finished · **1** · `task-num…` · [result]({link}501)",
        f"❌ Failed · **3** · `task-num…` · [result]({link}503)",
        f"<@{STARTER}>",
    ]
    assert (message.mentions, message.silent) == ((STARTER,), False)


def test_an_early_one_calls_the_last_still_running_even_if_it_has_ended_meanwhile() -> None:
    for last in (None, Ending.SUCCEEDED):
        (message,) = summary_messages(CARD, summarized(Ending.SUCCEEDED, last, early=True))
        first, *links, _ = message.content.splitlines()
        assert first == "✅ **1 of 2 ready · 1 still running**"
        assert len(links) == 1


def test_whom_it_pings_does_not_matter_when_it_is_looked_for() -> None:
    (one,) = summary_messages(CARD, summarized(Ending.SUCCEEDED))
    (other,) = summary_messages(CARD, summarized(Ending.SUCCEEDED, recipients=(STARTER, 7, 8)))
    (failed,) = summary_messages(CARD, summarized(Ending.FAILED))
    assert is_summary(other.content, one.content)
    assert not is_summary(failed.content, one.content)


ends: Final = st.lists(st.sampled_from(Ending).filter(lambda end: end.shown), min_size=2, max_size=10)


@given(
    ends,
    names | st.just("*" * 80),
    st.integers(0, 400),
    st.sampled_from(LANGUAGES),
)
def test_it_fits_and_loses_neither_counts_nor_pings(
    drawn: list[Ending], name: str, people: int, language: str
) -> None:
    recipients = tuple(10**18 + n for n in range(people))
    card = Card(1, 10**18, 10**18, 10**18, STARTER, language, NOW, batch=True)
    parts = summary_messages(card, summarized(*drawn, recipients=recipients, name=name))
    assert all(len(part.content) <= 2_000 for part in parts)
    assert counts(language, drawn, len(drawn)) in parts[0].content.splitlines()[0]
    assert tuple(user for part in parts for user in part.mentions) == recipients
    assert all(f"<@{user}>" in part.content for part in parts for user in part.mentions)
    assert len(parts) == 1 or all(part.mentions for part in parts)
    assert len({part.content for part in parts}) == len(parts)
    assert people > 25 or len(parts) == 1
    assert people > 0 or parts[0].silent
