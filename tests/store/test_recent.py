"""What a server has watched lately: each task once, newest end first, old ends not at all."""

from made import NOW
from store.places import CHANNEL, GUILD, add, opened

from bot.core.outcome import Ending, Message, Outcome
from bot.store.location import Location
from bot.store.recent import Recent
from bot.store.store import Store


async def test_each_task_is_listed_once_with_its_newest_end(place: Location) -> None:
    async with opened(place) as database:
        store, recent = Store(database), Recent(database)
        for number, (task, channel, at) in enumerate(
            [("a", 1, NOW), ("b", 1, NOW + 5), ("a", 2, NOW + 9), ("c_", 3, NOW + 7), ("cx", 2, NOW - 99)]
        ):
            state = await add(store, task, message_id=number + 1, channel_id=channel)
            await store.save_outcomes([(state.watches[0].id, Outcome(Ending.STOPPED, at, None, 7))])
        await add(store, "live", message_id=99, channel_id=1)

        async def found(channels: list[int], contains: str = "", limit: int = 9) -> list[str]:
            return [watch.task_id for watch in await recent.ended(channels, contains, NOW - 10, limit)]

        assert [await recent.tasks_of(number) for number in (1, 4, 99, 7)] == [("a",), ("c_",), ("live",), ()]
        assert sorted(await recent.channels(GUILD)) == [1, 2, 3]
        assert await recent.channels(GUILD + 1) == []
        assert await found([1, 2, 3]) == ["a", "c_", "b"]
        assert await found([1]) == ["b", "a"]
        assert await found([]) == []
        assert await found([1, 2, 3], limit=1) == ["a"]
        assert await found([1, 2, 3], "C_") == ["c_"]
        assert await found([1, 2, 3], "%") == []


async def test_ended_tasks_are_found_by_their_name_in_any_script(place: Location) -> None:
    async with opened(place) as database:
        store, recent = Store(database), Recent(database)
        for number, (task, name) in enumerate(
            [("a", "ÄRGER 5"), ("b", "镜头 5"), ("c5", ""), ("d5", "50 %")]
        ):
            state = await add(store, task, message_id=number + 1, names={task: name})
            await store.save_outcomes([(state.watches[0].id, Outcome(Ending.STOPPED, NOW + number))])

        async def found(part: str, name: str = "") -> list[str]:
            return [watch.task_id for watch in await recent.ended([CHANNEL], part, NOW, 9, name=name)]

        assert await found("ärg") == ["a"]
        assert await found("镜") == ["b"]
        assert await found("5") == ["d5", "c5", "b", "a"]
        assert await found("5", "ärger 5") == ["a", "d5", "c5", "b"]
        assert await found("%") == ["d5"]


async def test_a_result_belongs_to_its_task_alone(place: Location) -> None:
    async with opened(place) as database:
        store, recent = Store(database), Recent(database)
        state = await add(store, "a", "b", message_id=1)
        await store.results.plan(state.watches[1].id, [Message("one"), Message("two")])
        for part in (1, 2):
            await store.results.sent(state.watches[1].id, part, 50 + part)
        assert [await recent.tasks_of(number) for number in (1, 51, 52, 53)] == [
            ("a", "b"),
            ("b",),
            ("b",),
            (),
        ]


async def test_a_channel_calls_a_task_as_it_did_last(place: Location) -> None:
    async with opened(place) as database:
        store, recent = Store(database), Recent(database)
        for number, (task, channel, name) in enumerate(
            [
                ("a", 1, "old"),
                ("a", 1, "new"),
                ("a", 2, "theirs"),
                ("b", 1, "was"),
                ("b", 1, ""),
                ("c", 1, "c"),
            ]
        ):
            state = await add(store, task, message_id=number + 1, channel_id=channel, names={task: name})
            await store.save_outcomes([(state.watches[0].id, Outcome(Ending.STOPPED, NOW, None, 7))])
        assert await recent.names(1, ["a", "b", "d"]) == {"a": "new"}
        assert await recent.names(2, ["a", "c"]) == {"a": "theirs"}
        assert await recent.names(1, []) == {}


async def test_pages_of_what_has_ended_are_counted_as_they_are_read(place: Location) -> None:
    async with opened(place) as database:
        store, recent = Store(database), Recent(database)
        ends = [Ending.SUCCEEDED, Ending.STOPPED, Ending.CARD_DELETED, Ending.ACCESS_LOST, Ending.FAILED]
        for number, end in enumerate(ends):
            state = await add(store, f"task-{number}", message_id=number + 1, channel_id=number)
            await store.save_outcomes([(state.watches[0].id, Outcome(end, NOW + number))])
        await add(store, "live", message_id=99, channel_id=1)
        await store.results.plan(1, [Message("one"), Message("two")])
        await store.results.sent(1, 1, 700)
        await store.results.sent(1, 2, 701)
        await store.results.plan(5, [Message("one")])
        channels = list(range(5))
        assert [await recent.count_ended(channels, NOW + after) for after in (0, 1, 9)] == [4, 3, 0]
        assert await recent.count_ended([], NOW) == 0
        found = await recent.ended_page(channels, NOW, 0, 9)
        assert [(entry.watch.task_id, entry.result_id) for entry in found] == [
            ("task-4", None),
            ("task-3", None),
            ("task-1", None),
            ("task-0", 700),
        ]
        assert [entry.card.message_id for entry in found] == [5, 4, 2, 1]
        assert await recent.ended_page(channels, NOW, 1, 2) == found[1:3]
        assert await recent.ended_page([0], NOW, 0, 9) == found[3:]
