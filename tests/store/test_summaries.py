"""What is stored of a card with several tasks: whom its summary pings, who joined one task, what is left."""

from typing import Final

from made import NOW, STARTER
from store.places import add, opened, sql, stored

from bot.core.outcome import Ending, Message, Outcome, Summary
from bot.store.location import Location
from bot.store.pruning import prune
from bot.store.recent import Recent
from bot.store.store import Store

ADA: Final = 7
BOB: Final = 8
READY: Final = Outcome(Ending.SUCCEEDED, NOW + 60)


async def test_a_card_with_several_tasks_is_marked_and_one_with_one_is_not(place: Location) -> None:
    async with stored(place) as store:
        assert (await add(store, "a", "b")).card.batch
        assert not (await add(store, "c", message_id=1001)).card.batch
        assert [state.card.batch for state in await store.unfinished()] == [True, False]


async def test_the_recipients_are_those_who_follow_when_the_last_outcome_is_stored(place: Location) -> None:
    async with stored(place) as store:
        card = (await add(store, "a", "b")).card
        await store.save_outcomes([(1, READY)])
        await store.people.follow(card.id, ADA, NOW)
        await store.save_outcomes([(2, READY)], {card.id: Summary(2, NOW + 60)})
        await store.people.follow(card.id, BOB, NOW)
        await store.people.unfollow(card.id, ADA)
        found = await store.summaries.read(card.id)
        assert found is not None
        assert found.recipients == (STARTER, ADA)
        assert (found.summary, found.result_ids) == (Summary(2, NOW + 60), {})
        assert [watch.task_id for watch in found.watches] == ["a", "b"]
        (state,) = await store.unfinished()
        assert state.summary == found.summary


async def test_it_links_to_the_first_message_of_each_result_in_the_channel(place: Location) -> None:
    async with stored(place) as store:
        card = (await add(store, "a", "b", "c")).card
        await store.save_outcomes([(n, READY) for n in (1, 2, 3)], {card.id: Summary(3, NOW)})
        for watch_id, message_ids in {1: (501, 502), 2: (0,), 3: ()}.items():
            await store.results.plan(watch_id, [Message("one"), Message("two", silent=True)])
            for part, message_id in enumerate(message_ids, 1):
                await store.results.sent(watch_id, part, message_id)
        found = await store.summaries.read(card.id)
        assert found is not None
        assert found.result_ids == {1: 501}
        assert [d.message.silent for d in await store.results.plan(1, [])] == [False, True]


async def test_whoever_joined_one_task_is_pinged_by_its_result_alone(place: Location) -> None:
    async with stored(place) as store:
        state = await add(store, "a", "b")
        first, other = state.watches
        for user in (ADA, BOB, ADA, STARTER):
            await store.people.follow_watch(first, user, NOW + user)
        assert await store.people.of_result(state.card, first.id) == [ADA, BOB]
        assert await store.people.of_result(state.card, other.id) == []
        assert await store.people.of_card(state.card.id) == [STARTER]


async def test_whoever_joined_one_task_and_then_follows_the_card_is_pinged_by_the_summary(
    place: Location,
) -> None:
    async with stored(place) as store:
        state = await add(store, "a", "b")
        await store.people.follow_watch(state.watches[0], ADA, NOW)
        assert await store.people.follow(state.card.id, ADA, NOW) == [STARTER, ADA]
        assert await store.people.of_result(state.card, state.watches[0].id) == []
        assert await store.people.unfollow(state.card.id, ADA) == [STARTER]
        assert await store.people.of_result(state.card, state.watches[0].id) == []


async def test_after_an_early_summary_the_last_result_pings_all(place: Location) -> None:
    async with stored(place) as store:
        state = await add(store, "a", "b")
        await store.people.follow_watch(state.watches[1], ADA, NOW)
        await store.save_outcomes([(1, READY)])
        await store.save_outcomes([], {state.card.id: Summary(2, NOW, early=True)})
        assert await store.people.of_result(state.card, 1) == []
        assert await store.people.of_result(state.card, 2) == [STARTER, ADA]


async def test_a_dropped_summary_is_gone(place: Location) -> None:
    async with stored(place) as store:
        card = (await add(store, "a", "b")).card
        await store.save_outcomes([(1, READY), (2, READY)], {card.id: Summary(2, NOW)})
        await store.summaries.drop(card.id)
        assert await store.summaries.read(card.id) is None
        assert (await store.unfinished())[0].summary is None


async def test_the_last_result_pings_also_if_its_card_is_deleted_after_an_early_summary(
    place: Location,
) -> None:
    async with stored(place) as store:
        state = await add(store, "a", "b")
        await store.save_outcomes([(1, READY)])
        await store.save_outcomes([], {state.card.id: Summary(2, NOW, early=True)})
        await store.save_outcomes([(2, READY)])
        await store.summaries.drop(state.card.id)
        assert await store.people.of_result(state.card, 2) == [STARTER]


async def test_its_messages_are_its_own_and_known_as_ours(place: Location) -> None:
    async with opened(place) as database:
        store, recent = Store(database), Recent(database)
        await add(store, "b", "a")
        await store.results.plan(2, [Message("result")])
        (planned,) = await store.summaries.plan(2, [Message("summary", (STARTER,))])
        assert (planned.message.content, planned.message_id) == ("summary", None)
        await store.summaries.mark_sending(2, 1, NOW)
        await store.summaries.sent(2, 1, 900)
        assert await store.is_result(900)
        assert await recent.tasks_of(900) == ("b", "a")
        assert (await store.results.plan(2, []))[0].message_id is None


async def test_after_a_restore_a_summary_may_have_been_sent(place: Location) -> None:
    async with stored(place) as store:
        await add(store, "a", "b")
        await store.save_outcomes([(1, READY), (2, READY)], {1: Summary(2, NOW)})
        await store.finish([1])
    sql(place, "INSERT INTO meta VALUES ('unconfirmed', '44.0 2')")
    async with stored(place) as store:
        (planned,) = await store.summaries.plan(2, [Message("summary")])
        assert planned.intended_at == 44.0


async def test_all_of_it_is_pruned_with_its_card(place: Location) -> None:
    async with opened(place) as database:
        store = Store(database)
        state = await add(store, "a", "b")
        await store.people.follow_watch(state.watches[0], ADA, NOW)
        await store.save_outcomes([(1, READY), (2, READY)], {1: Summary(2, NOW)})
        await store.summaries.plan(2, [Message("summary")])
        await store.finish([1])
        assert await prune(database, NOW + 10**6) == 0, "its last watch waits for the summary"
        await store.finish([2])
        assert await prune(database, NOW + 10**6) == 1
    for table in ("watch_followers", "summaries", "summary_deliveries"):
        assert sql(place, f"SELECT count(*) FROM {table}") == [(0,)]
