"""What the option `id` offers while somebody types: only what they may see, without asking the task API."""

from pathlib import Path

import pytest
from linear import linear
from wire.place import DONE, Place, place, running

from sim.discord import Message, Permission, User

pytestmark = pytest.mark.looptime

TASKS = [f"bbbbbbbb-0000-4000-8000-{number:012}" for number in range(30)]


async def offered(
    here: Place, typed: str = "", command: str = "watch", user: User | None = None
) -> dict[str, str]:
    """Return what is offered, labels by value, in order."""
    use = await here.sim.autocomplete(user or here.ada, here.channel, "veo", command, "id", typed)
    await use.acknowledged()
    assert use.choices is not None
    return {str(choice["value"]): str(choice["name"]) for choice in use.choices}


async def test_live_tasks_come_before_ended_ones_each_with_state_progress_and_age(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASKS[0], running(40))
        here.api.set(TASKS[1], running(10))
        first = await here.watch(TASKS[0])
        await here.shows(first, "40 %")
        card = await here.watch(TASKS[1])
        here.api.set(TASKS[1], DONE)
        await here.result(card)
        await here.sleep(300)
        asked = len(here.api.requests)
        for command in ("status", "watch"):
            assert await offered(here, command=command) == {
                TASKS[0]: f"{TASKS[0]} · Rendering 40 % · 5 min",
                TASKS[1]: f"{TASKS[1]} · Finished · 5 min",
            }
        assert len(here.api.requests) == asked
        await here.kill_bot()
        await here.start_bot()
        assert list(await offered(here)) == TASKS[:2]


async def test_any_part_of_an_id_finds_it_and_signs_mean_themselves(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in ("Sunset_1", "sunset-2"):
            here.api.set(task, running(40))
        first = await here.watch("Sunset_1")
        await here.watch("sunset-2")
        here.api.set("Sunset_1", DONE)
        await here.result(first)
        for typed in ("", "SUN", "set"):
            assert list(await offered(here, typed)) == ["sunset-2", "Sunset_1"]
        assert list(await offered(here, "t_")) == ["Sunset_1"]
        for typed in ("%", "x", "sunset__", "\\"):
            assert await offered(here, typed) == {}


async def test_the_last_of_several_ids_is_completed_and_the_others_stay(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS[:3]:
            here.api.set(task, running(40))
        await here.watch(" ".join(TASKS[:3]))
        assert list(await offered(here, f"{TASKS[0]}, 0001")) == [f"{TASKS[0]}, {TASKS[1]}"]
        assert list(await offered(here, f"{TASKS[0]} ")) == [f"{TASKS[0]} {task}" for task in TASKS[1:3]]
        assert await offered(here, f"{TASKS[0]} {TASKS[1]} ") == {}, "it would be longer than Discord takes"
        assert await offered(here, f"{TASKS[0]} 0001", "status") == {}


async def name_it(here: Place, task: str, name: str) -> Message:
    here.api.set(task, running(40))
    use = await here.sim.slash(here.ada, here.channel, "veo", "watch", id=task, name=name)
    await use.acknowledged()
    assert use.response is not None
    await here.shows(use.response, "40 %")
    return use.response


@pytest.mark.parametrize("ended", [False, True])
async def test_names_are_searched_and_shown_before_the_id(ended: bool, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task, name in zip(TASKS, ["Shot 12 · Ärger", "Shot 13", "Шот 12"], strict=False):
            card = await name_it(here, task, name)
            if ended:
                here.api.set(task, DONE)
                await here.result(card)
        state = "Finished" if ended else "Rendering 40 %"
        shown = {TASKS[0]: f"Shot 12 · Ärger · {TASKS[0]} · {state}"}
        for command in ("status", "watch") if ended else ("status", "watch", "stop"):
            for typed in ("shot 12", "SHOT 12 · ä", "ärg", "Shot 12 · Ärger"):
                assert await offered(here, typed, command) == shown, typed
            assert list(await offered(here, "ШОТ", command)) == [TASKS[2]]
            assert list(await offered(here, "shot 13", command)) == [TASKS[1]]
            assert len(await offered(here, "12", command)) == 2
            assert await offered(here, "shot%12", command) == {}
        assert list(await offered(here, f"{TASKS[1]} шот")) == [f"{TASKS[1]} {TASKS[2]}"]


async def test_a_render_is_found_by_its_name_among_many_others(tmp_path: Path) -> None:
    """Each of the others has the last word of the name in its id."""
    async with place(tmp_path, watches_per_person=100) as here:
        card = await name_it(here, "the-one", "Scene 0000")
        here.api.set("the-one", DONE)
        await here.result(card)
        for first in range(0, 30, 10):
            for task in TASKS[first : first + 10]:
                here.api.set(task, running(40))
            card = await here.watch(" ".join(TASKS[first : first + 10]))
            await here.shows(card, "40 %")
            await (await here.sim.click(here.ada, card, label="Stop")).acknowledged()
            await here.shows(card, "0 of 10 ready · 10 stopped")
        assert list(await offered(here, "scene 0000")) == ["the-one"]
        assert len(await offered(here, "0000")) == 25


async def test_stop_offers_what_is_watched_in_this_very_channel(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS[:3]:
            here.api.set(task, running(40))
        card = await here.watch(TASKS[0])
        await here.watch(TASKS[1])
        here.api.set(TASKS[0], DONE)
        await here.result(card)
        here.channel = here.guild.add_channel("other")
        await here.watch(TASKS[2])
        assert list(await offered(here, command="stop")) == [TASKS[2]]


async def test_other_servers_hidden_channels_and_private_threads_are_never_offered(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for task in TASKS[:6]:
            here.api.set(task, running(40))
        home, hidden = here.channel, here.guild.add_channel("hidden")
        elsewhere = here.sim.add_guild("Elsewhere").add_channel("renders")
        thread = home.add_thread("secret", private=True)
        for number, channel in enumerate((hidden, elsewhere, thread)):
            here.channel = channel
            card = await here.watch(TASKS[2 * number])
            await here.watch(TASKS[2 * number + 1])
            here.api.set(TASKS[2 * number], DONE)
            await here.result(card)
        hidden.overwrite(here.bob, deny=int(Permission.VIEW_CHANNEL))
        await here.sleep(1)
        here.channel = home
        for command in ("status", "watch", "stop"):
            assert await offered(here, command=command, user=here.bob) == {}
        assert sorted(await offered(here)) == TASKS[:2]
        here.channel = thread
        assert sorted(await offered(here, user=here.bob)) == TASKS[4:6]
        here.channel = here.sim.dm(here.ada)
        assert await offered(here) == {}


async def test_at_most_25_are_offered_and_an_id_once(tmp_path: Path) -> None:
    async with place(tmp_path, watches_per_person=100) as here:
        for task in TASKS:
            here.api.set(task, running(40))
        for first in (0, 10, 20):
            await here.watch(" ".join(TASKS[first : first + 10]))
        here.channel = here.guild.add_channel("other")
        await here.watch(TASKS[29])
        found = await offered(here)
        assert len(found) == 25
        assert next(iter(found)) == TASKS[29]


async def test_where_the_bot_may_not_work_nothing_is_offered(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASKS[0], running(40))
        await here.watch(TASKS[0])
        await here.stop_bot()
        here.overrides["allowed_guild_ids"] = frozenset({1})
        await here.start_bot()
        assert await offered(here) == {}


async def test_a_store_that_cannot_be_read_offers_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASKS[0], running(40))
        await here.watch(TASKS[0])
        assert here.database is not None
        await here.database.close()
        assert await offered(here) == {}


@pytest.mark.slow
async def test_labels_speak_the_askers_language(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASKS[0], running(40))
        card = await here.watch(TASKS[0])
        await here.shows(card, "40 %")
        mei = here.sim.add_user("Mei", "zh-CN")
        assert await offered(here, user=mei) == {TASKS[0]: f"{TASKS[0]} · 生成中 40 % · 刚刚"}


@pytest.mark.parametrize(
    "typed", ["x" * 5_999 + " ", "，" * 6_000, "https://" * 750, " " * 6_000, "x" * 6_000]
)
async def test_a_long_text_is_completed_to_nothing_at_once(typed: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(TASKS[0], running(40))
        await here.watch(TASKS[0])
        with linear():
            for _ in range(20):
                await offered(here, typed)


async def test_the_options_have_a_greatest_length(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        (veo,) = [command for command in here.sim.world.commands.of() if command["name"] == "veo"]
        options = {sub["name"]: sub.get("options", []) for sub in veo["options"]}
        longest = {
            (name, option["name"]): option["max_length"] for name in options for option in options[name]
        }
        assert longest == {
            ("status", "id"): 1_500,
            ("watch", "id"): 4_000,
            ("watch", "name"): 80,
            ("stop", "id"): 1_500,
        }
