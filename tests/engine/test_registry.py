"""What is counted while cards come and their watches end."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from made import NOW

from bot.core.outcome import Ending, Outcome
from bot.core.watch import Card, CardState, Watch
from bot.engine.registry import Registry

PEOPLE = (1, 2)
SERVERS = (10, 20)


@given(
    st.lists(
        st.tuples(st.sampled_from(PEOPLE), st.sampled_from(SERVERS), st.integers(1, 3), st.integers(0, 3))
    )
)
def test_the_live_watches_of_each_person_and_server_are_counted(
    plan: list[tuple[int, int, int, int]],
) -> None:
    registry = Registry()
    expected = dict.fromkeys((*PEOPLE, *SERVERS), 0)
    for number, (person, server, watches, ends) in enumerate(plan):
        card = Card(number, server, 5, 100 + number, person, "en", NOW)
        made = [
            Watch(id=10 * number + n, card_id=number, task_id=f"{number}-{n}", position=n, started_at=NOW)
            for n in range(watches)
        ]
        registry.add(CardState(card, tuple(made), (person,)))
        for watch in made[:ends]:
            registry.put(replace(watch, name="renamed"))
            registry.put(replace(watch, outcome=Outcome(Ending.FAILED, NOW)))
        registry.drop_ended([number])
        for whose in (person, server):
            expected[whose] += max(0, watches - ends)
        assert {
            (person, server): registry.counted(guild_id=server, starter_id=person)
            for person in PEOPLE
            for server in SERVERS
        } == {
            (person, server): (expected[person], expected[server]) for person in PEOPLE for server in SERVERS
        }
