"""What a server has watched lately: each task once, newest end first, old ends not at all."""

from pathlib import Path

from made import NOW
from store.places import GUILD, add, opened

from bot.core.outcome import Ending, Outcome
from bot.store.recent import Recent
from bot.store.store import Store


async def test_each_task_is_told_once_with_its_newest_end(tmp_path: Path) -> None:
    async with opened(tmp_path / "bot.db") as database:
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
