"""The bot's memory, method by method, in a real file and on a real server."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from made import NOW, STARTER, TASK, VIDEO, watch
from sqlalchemy import text
from store.places import CHANNEL, GUILD, add, let_others_in, opened, sql, stored

from bot.core.outcome import Delivery, Ending, Message, Outcome
from bot.core.task import Task, TaskState
from bot.core.watch import Card, CardState, Watch
from bot.store.database import Database
from bot.store.errors import AlreadyWatched, StoreFailed, TooManyWatches
from bot.store.location import Location
from bot.store.store import Store

DONE = Outcome(Ending.SUCCEEDED, NOW + 9, Task(TASK, TaskState.SUCCEEDED, "succeeded", 100, videos=(VIDEO,)))
DELETED = Outcome(Ending.CARD_DELETED, NOW + 9)
MESSAGES = (Message("one", (STARTER,)), Message("two", (), ("https://a.b",)))


def ids(states: list[CardState]) -> list[list[int]]:
    return [[watch.id for watch in state.watches] for state in states]


# Cards and watches


async def test_a_card_comes_back_as_it_was_stored(place: Location) -> None:
    async with stored(place) as store:
        state = await add(store, TASK, "b", "a")
        card = Card(state.card.id, GUILD, CHANNEL, 1000, STARTER, "en", NOW, batch=True)
        rows = [
            Watch(row.id, card.id, task_id, position, NOW)
            for position, (task_id, row) in enumerate(zip((TASK, "b", "a"), state.watches, strict=True))
        ]
        assert state == CardState(card, tuple(rows), (STARTER,))
        assert await store.people.of_card(card.id) == [STARTER]
    async with stored(place) as store:
        assert await store.unfinished() == [state]


async def test_what_the_api_knew_at_the_beginning_is_stored_with_the_card(place: Location) -> None:
    async with stored(place) as store:
        state = await add(store, TASK, "b", known=["b"])
        assert [row.seen_at for row in state.watches] == [None, NOW]
        assert await store.unfinished() == [state]


async def test_a_name_is_stored_with_the_watch_and_can_be_changed(place: Location) -> None:
    async with stored(place) as store:
        state = await add(store, TASK, "b", names={TASK: "Shot 12 · 1"})
        assert [row.name for row in state.watches] == ["Shot 12 · 1", ""]
        assert await store.unfinished() == [state]
        await store.rename(state.watches[1].id, "The dog 🐕")
    async with stored(place) as store:
        (state,) = await store.unfinished()
        assert [row.name for row in state.watches] == ["Shot 12 · 1", "The dog 🐕"]


async def test_the_largest_ids_that_discord_can_give_are_kept(place: Location) -> None:
    async with stored(place) as store:
        state = await add(store, message_id=2**63 - 1, channel_id=2**63 - 1)
        assert await store.unfinished() == [state]


async def test_a_channel_has_one_live_watch_of_a_task(place: Location) -> None:
    async with stored(place) as store:
        state = await add(store, TASK)
        with pytest.raises(AlreadyWatched) as error:
            await add(store, "other", TASK, message_id=2)
        assert (error.value.task_id, error.value.card_id) == (TASK, state.card.id)
        assert await store.unfinished() == [state]
        await add(store, TASK, message_id=3, channel_id=CHANNEL + 1)
        await store.save_outcomes([(state.watches[0].id, DONE)])
        await add(store, TASK, message_id=4)
        assert len(await store.unfinished()) == 3


async def test_a_person_has_so_many_live_watches_in_all_channels(place: Location) -> None:
    async with stored(place) as store:
        state = await add(store, TASK, "b", per_person=3)
        with pytest.raises(TooManyWatches) as error:
            await add(store, "c", "d", message_id=2, channel_id=CHANNEL + 1, per_person=3)
        assert error.value.count == 2
        assert await store.unfinished() == [state]
        await add(store, "c", message_id=3, channel_id=CHANNEL + 1, per_person=3)
        await store.save_outcomes([(state.watches[0].id, DONE)])
        await add(store, TASK, message_id=4, per_person=3)
        with pytest.raises(TooManyWatches):
            await add(store, "e", message_id=5, per_person=3)


async def test_the_data_itself_holds_the_rule_against_two_bots_of_ours(place: Location) -> None:
    async with stored(place) as store:
        await add(store)
        with pytest.raises(StoreFailed, match=r"(?i)unique"):
            await add(store, "same", "same", message_id=2)
        with pytest.raises(StoreFailed, match=r"(?i)unique"):
            await add(store, "other")
        assert len(await store.unfinished()) == 1


async def test_two_stores_on_two_connections_cannot_both_begin_a_watch(place: Location) -> None:
    async with opened(place) as database:
        one = Store(database)
        await let_others_in(database)
        async with stored(place) as other:
            state = await add(one)
            with pytest.raises(AlreadyWatched):
                await add(other, message_id=2)
            await other.save_outcomes([(state.watches[0].id, DONE)])
            await one.save_outcomes([(state.watches[0].id, DELETED)])
            assert (await one.unfinished())[0].watches[0].outcome == DONE


async def test_seen_once_is_seen_since_then(place: Location) -> None:
    async with stored(place) as store:
        one, other = (await add(store, TASK, "other")).watches
        await store.save_seen([one.id], NOW + 1)
        await store.save_seen([one.id, other.id], NOW + 2)
        await store.save_seen([], NOW + 3)
        assert [row.seen_at for row in (await store.unfinished())[0].watches] == [NOW + 1, NOW + 2]


# Endings


async def test_an_outcome_is_stored_once_and_for_good(place: Location) -> None:
    async with stored(place) as store:
        one, other = (await add(store, TASK, "other")).watches
        await store.save_outcomes([(one.id, DONE), (999, DONE)])
        await store.save_outcomes([(one.id, DELETED), (other.id, DELETED)])
        assert await store.to_announce() == [one.id]
    async with stored(place) as store:
        (state,) = await store.unfinished()
        assert [row.outcome for row in state.watches] == [DONE, DELETED]
        assert state.ended


async def test_outcomes_are_stored_all_or_none(tmp_path: Path) -> None:
    broken = Outcome(Ending.FAILED, NOW, Task(TASK, TaskState.ERROR, videos=("x" * 200_000,)))
    async with opened(tmp_path / "bot.db") as database:
        store = Store(database)
        before = await add(store, TASK, "other")
        one, other = before.watches
        await full(database, 2)
        with pytest.raises(StoreFailed, match="full"):
            await store.save_outcomes([(one.id, DONE), (other.id, broken)])
        assert await store.unfinished() == [before]
        assert await store.to_announce() == []
        await full(database, 1_000)
        await store.save_outcomes([(one.id, DONE), (other.id, broken)])
        assert [row.outcome for row in (await store.unfinished())[0].watches] == [DONE, broken]


async def test_a_card_is_unfinished_until_everything_of_it_is_done(place: Location) -> None:
    async with stored(place) as store:
        one, other = (await add(store, TASK, "other")).watches
        second = await add(store, "third", message_id=2)
        await store.finish([one.id])  # still live: nothing is done about it yet
        assert len(await store.unfinished()) == 2
        await store.save_outcomes([(one.id, DONE)])
        await store.finish([one.id, 999])
        assert ids(await store.unfinished()) == [[one.id, other.id], [second.watches[0].id]]
        await store.save_outcomes([(other.id, DONE)])
        await store.finish([other.id])
        assert await store.unfinished() == [second]
        await store.save_outcomes([(second.watches[0].id, DELETED)])
        assert await store.unfinished() == []
        assert await store.to_announce() == []


async def test_results_are_announced_in_the_order_in_which_the_tasks_ended(place: Location) -> None:
    async with stored(place) as store:
        one, two, three = (await add(store, "1", "2", "3")).watches
        await store.save_outcomes(
            [
                (one.id, Outcome(Ending.EMPTY, NOW + 3)),
                (two.id, Outcome(Ending.EMPTY, NOW + 1)),
                (three.id, Outcome(Ending.EMPTY, NOW + 2)),
            ]
        )
        assert await store.to_announce() == [two.id, three.id, one.id]


# Deliveries


async def test_a_result_is_planned_once_and_survives_a_crash(place: Location) -> None:
    async with stored(place) as store:
        (row,) = (await add(store)).watches
        planned = [Delivery(1, MESSAGES[0]), Delivery(2, MESSAGES[1])]
        assert await store.results.plan(row.id, MESSAGES) == planned
        assert await store.results.plan(row.id, (Message("later"),)) == planned
    async with stored(place) as store:
        assert await store.results.plan(row.id, (Message("after a crash"),)) == planned


async def test_the_newest_intent_counts_and_a_sent_message_is_known(place: Location) -> None:
    async with stored(place) as store:
        (row,) = (await add(store)).watches
        await store.results.plan(row.id, MESSAGES)
        await store.results.mark_sending(row.id, 1, NOW)
        await store.results.mark_sending(row.id, 1, NOW + 50)
        await store.results.sent(row.id, 1, 2**63 - 1)
        await store.results.mark_sending(row.id, 2, NOW + 60)
    async with stored(place) as store:
        assert await store.results.plan(row.id, ()) == [
            Delivery(1, MESSAGES[0], NOW + 50, 2**63 - 1),
            Delivery(2, MESSAGES[1], NOW + 60, None),
        ]


async def test_an_intent_that_is_taken_back_leaves_a_message_as_it_was_planned(place: Location) -> None:
    async with stored(place) as store:
        (row,) = (await add(store)).watches
        planned = await store.results.plan(row.id, MESSAGES)
        await store.results.mark_sending(row.id, 1, NOW)
        await store.results.mark_sending(row.id, 2, NOW)
        await store.results.mark_unsent(row.id, 1)
    async with stored(place) as store:
        assert await store.results.plan(row.id, ()) == [planned[0], replace(planned[1], intended_at=NOW)]


async def test_nothing_is_delivered_for_a_watch_that_is_not_there(place: Location) -> None:
    async with stored(place) as store:
        with pytest.raises(StoreFailed, match=r"(?i)foreign key"):
            await store.results.plan(watch().id, MESSAGES)


# Followers, and what the bot remembers


async def test_the_starter_comes_first_and_then_the_others_in_the_order_they_came(
    place: Location,
) -> None:
    async with stored(place) as store:
        card = (await add(store)).card
        for later, user in enumerate((9, 5, 9, 7, STARTER)):
            await store.people.follow(card.id, user, NOW + later)
        assert await store.people.of_card(card.id) == [STARTER, 9, 5, 7]
        assert await store.people.of_card(999) == []
        with pytest.raises(StoreFailed, match=r"(?i)foreign key"):
            await store.people.follow(999, 9, NOW)


async def test_the_newest_value_is_remembered(place: Location) -> None:
    async with stored(place) as store:
        assert await store.remembered("key") is None
        await store.remember("key", "one")
        await store.remember("key", "two ü")
        await store.remember("other", "")
    async with stored(place) as store:
        assert (await store.remembered("key"), await store.remembered("other")) == ("two ü", "")


async def test_a_full_disk_fails_every_write_until_there_is_space(tmp_path: Path) -> None:
    async with opened(tmp_path / "bot.db") as database:
        store = Store(database)
        state = await add(store)
        await full(database, 1)
        with pytest.raises(StoreFailed, match="full"):
            await fill(store)
        held = len(await store.unfinished())
        assert (await store.unfinished())[0] == state
        await full(database, 1_000)
        await add(store, "room", message_id=10**6)
        assert len(await store.unfinished()) == held + 1
    assert sql(tmp_path / "bot.db", "PRAGMA integrity_check") == [("ok",)]


async def fill(store: Store) -> None:
    for number in range(2, 5_000):
        await add(store, f"task-{number}", message_id=number)


async def full(database: Database, pages: int) -> None:
    """Let the file grow by so many pages from now on."""
    used = await database.run(lambda connection: connection.scalar(text("PRAGMA page_count")))
    await database.run(lambda connection: connection.execute(text(f"PRAGMA max_page_count = {used + pages}")))


async def test_any_number_of_cards_is_read_with_a_handful_of_variables(tmp_path: Path) -> None:
    """SQLite takes so many in a statement and no more."""
    async with opened(tmp_path / "bot.db") as database:
        store = Store(database)
        for number in range(30):
            state = await add(store, f"task-{number}", message_id=number + 1)
            await store.people.follow(state.card.id, STARTER + 1, NOW + 1)
        assert database._engine is not None
        connection = database._engine.raw_connection().driver_connection
        assert connection is not None
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 10)
        states = await store.unfinished()
    assert len(states) == 30
    assert {state.followers for state in states} == {(STARTER, STARTER + 1)}


async def test_a_starter_who_left_and_came_back_is_first_again_after_a_restart(place: Location) -> None:
    async with stored(place) as store:
        state = await add(store)
        await store.people.follow(state.card.id, STARTER + 1, NOW + 1)
        await store.people.unfollow(state.card.id, STARTER)
        await store.people.follow(state.card.id, STARTER, NOW + 2)
        (found,) = await store.unfinished()
        assert found.followers == (STARTER, STARTER + 1)
        assert await store.people.of_card(state.card.id) == [STARTER, STARTER + 1]
