"""A channel watches together: followers, stops, and buttons that outlive restarts and distrust clients."""

from pathlib import Path

import pytest
from wire.place import DONE, TASK, VIDEO, Place, place, running

from sim.discord import Invocation, Message, Permission, User

pytestmark = pytest.mark.looptime

MISSING = "no longer updated"


async def press(here: Place, user: User, card: Message, label: str) -> Invocation:
    """Press the button whose label begins so, and see that only whoever pressed is answered."""
    use = await (await here.sim.click(user, card, label=whole_label(card, label))).acknowledged()
    assert use.ephemeral
    return use


def whole_label(card: Message, label: str) -> str:
    return next(str(button["label"]) for button in card.buttons if str(button["label"]).startswith(label))


async def moving_card(here: Place) -> Message:
    here.api.set(TASK, running(10))
    card = await here.watch()
    await here.shows(card, "10 %")
    return card


async def test_notify_me_toggles_and_the_card_shows_how_many_follow(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        assert whole_label(card, "Notify me") == "Notify me · 1"
        assert "I will notify you" in (await press(here, here.bob, card, "Notify me")).text
        await here.sleep(5)
        assert whole_label(card, "Notify me") == "Notify me · 2"
        assert "I will not notify you" in (await press(here, here.ada, card, "Notify me")).text
        await here.sleep(5)
        assert whole_label(card, "Notify me") == "Notify me · 1"
        here.api.set(TASK, DONE)
        assert (await here.result(card)).pings == {here.bob.id}


async def test_a_result_that_nobody_follows_comes_without_a_ping(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        await press(here, here.ada, card, "Notify me")
        here.api.set(TASK, DONE)
        result = await here.result(card)
        assert VIDEO in result.content
        assert result.pings == set()


@pytest.mark.slow
async def test_more_than_a_hundred_followers_are_all_called_the_starter_first(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        others = [here.sim.add_user(f"Person {number}") for number in range(150)]
        for user in others:
            await press(here, user, card, "Notify me")
            await here.sleep(2)
        here.api.set(TASK, DONE)
        await here.sim.wait_for(lambda: any(VIDEO in m.content for m in here.replies(card)), 60)
        replies = here.replies(card)
        called = [user_id for reply in replies for user_id in reply.pings]
        assert sorted(called) == sorted(user.id for user in (here.ada, *others))
        assert here.ada.id in replies[0].pings
        assert all(len(reply.pings) <= 100 for reply in replies)


async def test_buttons_work_after_a_restart_and_on_old_cards(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        await here.kill_bot()
        await here.sleep(24 * 3600)
        await here.start_bot()
        await press(here, here.bob, card, "Notify me")
        here.api.set(TASK, DONE)
        assert (await here.result(card, 120)).pings == {here.ada.id, here.bob.id}


async def test_the_stop_button_ends_the_card_and_says_who_pressed_it(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        assert f"`{TASK}`" in (await press(here, here.ada, card, "Stop")).text
        await here.shows(card, "Stopped")
        assert f"<@{here.ada.id}>" in card.text
        assert "10 %" in card.text, "its last state stays"
        assert card.buttons == []
        polls = here.api.polls(TASK)
        await here.sleep(300)
        assert here.api.polls(TASK) == polls
        assert here.replies(card) == []
        assert here.app is not None
        assert await here.app.store.unfinished() == []


@pytest.mark.parametrize("way", ["button", "command"])
async def test_only_the_starter_and_who_manages_messages_may_stop(way: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)

        async def stop(user: User) -> Invocation:
            if way == "button":
                return await press(here, user, card, "Stop")
            return await here.type("stop", TASK, user=user)

        refused = await stop(here.bob)
        assert refused.ephemeral
        assert "**Manage Messages** can stop it" in refused.text
        assert f"<@{here.ada.id}>" in refused.text
        here.guild.grant(here.bob, Permission.MANAGE_MESSAGES)
        await stop(here.bob)
        await here.shows(card, f"Stopped by <@{here.bob.id}>")


async def test_a_stop_in_one_channel_leaves_the_other_ones_card(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await moving_card(here)
        here.channel = here.guild.add_channel("other")
        other = await here.watch()
        assert "is not watched in this channel" in (await here.type("stop", "unwatched-1")).text
        await here.type("stop", TASK)
        await here.shows(other, "Stopped")
        polls = here.api.polls(TASK)
        await here.sleep(120)
        assert here.api.polls(TASK) > polls


@pytest.mark.parametrize("label", ["Notify me", "Stop"])
async def test_a_button_whose_row_is_gone_says_so_and_what_to_do(label: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        await here.stop_bot()
        for path in list(tmp_path.glob("bot.db*")):
            path.unlink()
        await here.start_bot()
        use = await press(here, here.bob, card, label)
        assert MISSING in use.text
        assert use.response is not None
        again = await (await here.sim.click(here.bob, use.response, label="Watch again")).acknowledged()
        assert not again.ephemeral
        assert again.response is not None
        await here.shows(again.response, f"Watching for <@{here.bob.id}>")
        assert whole_label(again.response, "Notify me") == "Notify me · 1"
        here.api.set(TASK, DONE)
        assert (await here.result(again.response)).pings == {here.bob.id}


@pytest.mark.parametrize("forged", ["veo:stop:2", "veo:stop:999999999999999999", "veo:notify:2"])
async def test_a_forged_button_reaches_no_other_card(forged: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.channel = here.guild.add_channel("other")
        here.api.set("other-1", running(20))
        other = await here.watch("other-1", user=here.bob)
        await here.sim.click(here.ada, card, custom_id=forged, stale=True)
        await here.sleep(30)
        assert "Stopped" not in other.text
        assert whole_label(other, "Notify me") == "Notify me · 1"


async def test_presses_and_the_end_at_the_same_moment_lose_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.api.set(TASK, DONE)
        for _ in range(10):
            await here.sim.click(here.bob, card, label=whole_label(card, "Notify me"))
            await here.sleep(0.3)
            if not card.buttons:
                break
        assert VIDEO in (await here.result(card)).content
        await here.sleep(60)
        assert "Finished" in card.text
        assert card.buttons == []
