"""Who is spoken to in which language, on the wire: people in theirs, a card in one to its end."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wire.place import DONE, TASK, VIDEO, Place, failed, place, running

from bot import messages
from sim.discord import Invocation, Message, User

pytestmark = pytest.mark.looptime

CHINESE = re.compile(r"[\u4e00-\u9fff]")
ENGLISH = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")


def mei(here: Place) -> User:
    return here.sim.add_user("Mei", "zh-CN")


def in_server(here: Place, locale: str, *, community: bool) -> None:
    """Go on in another server."""
    here.guild = here.sim.add_guild("Lantern", locale, community=community)
    here.channel = here.guild.add_channel("renders")


async def moving_card(here: Place, user: User | None = None) -> Message:
    here.api.set(TASK, running(10))
    card = await here.watch(user=user)
    await here.shows(card, "10 %")
    return card


async def press(here: Place, user: User, card: Message, label: str) -> Invocation:
    button = next(str(button["label"]) for button in card.buttons if str(button["label"]).startswith(label))
    return await (await here.sim.click(user, card, label=button)).acknowledged()


def speaks(text: str, language: str) -> bool:
    """Tell whether a text is in one language and holds no sentence in the other."""
    text = text.replace("/veo watch", "")
    return bool(CHINESE.search(text)) is (language == "zh-CN") and not (
        language == "zh-CN" and ENGLISH.search(text)
    )


# People


@pytest.mark.parametrize(
    ("command", "given", "reported"),
    [
        ("status", "no such id", "这不是任务 ID。"),
        ("watch", "?", "这不是任务 ID。"),
        ("status", "unknown-1", "任务 API 查不到 `unknown-1`。"),
        ("stop", "unwatched-1", "本频道没有跟踪 `unwatched-1`。"),
    ],
)
async def test_a_private_answer_speaks_the_askers_language_in_an_english_server(
    command: str, given: str, reported: str, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        in_server(here, "en-US", community=True)
        use = await here.type(command, given, user=mei(here))
        assert use.ephemeral
        assert reported in use.text
        assert speaks(use.text, "zh-CN")


async def test_whoever_watches_and_presses_on_an_english_card_is_answered_in_chinese(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card, reader = await moving_card(here), mei(here)
        again = await here.type("watch", TASK, user=reader)
        assert f"本频道已在跟踪 `{TASK}`，" in again.text
        assert f"/{here.channel.id}/{card.id} " in again.text, "the link ends where it ends"
        assert "我不会通知你" in (await press(here, reader, card, "Notify me")).text
        assert "我会通知你" in (await press(here, reader, card, "Notify me")).text
        assert "管理消息" in (await press(here, reader, card, "Stop")).text
        assert "I will not notify you" in (await press(here, here.ada, card, "Notify me")).text
        assert all(speaks(use.text, "zh-CN") for use in here.sim.invocations if use.user is reader)
        assert speaks(card.text, "en")


async def test_a_stop_is_confirmed_in_the_language_of_whoever_presses(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        reader = mei(here)
        card = await moving_card(here, reader)
        assert f"我已停止跟踪 `{TASK}`。" in (await press(here, reader, card, "停止")).text
        await here.shows(card, "已停止")
        assert speaks(card.text, "zh-CN")


async def test_a_reader_of_traditional_characters_is_answered_in_english(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        use = await here.type("status", "unknown-1", user=here.sim.add_user("Lin", "zh-TW"))
        assert speaks(use.text, "en")


# Cards and results


@pytest.mark.parametrize(
    ("setting", "locale", "community", "starter", "spoken"),
    [
        ("auto", "zh-CN", True, "en-US", "zh-CN"),
        ("auto", "en-US", True, "zh-CN", "en"),
        ("auto", "fr", True, "zh-CN", "en"),
        ("auto", "zh-CN", False, "en-US", "en"),
        ("auto", "en-US", False, "zh-CN", "zh-CN"),
        ("zh-CN", "en-US", True, "en-US", "zh-CN"),
        ("en", "zh-CN", True, "zh-CN", "en"),
    ],
)
async def test_a_card_and_its_result_speak_what_is_set_or_the_communitys_or_the_starters_language(  # noqa: PLR0917
    setting: str, locale: str, community: bool, starter: str, spoken: str, tmp_path: Path
) -> None:
    async with place(tmp_path, card_language=setting) as here:
        in_server(here, locale, community=community)
        user = here.sim.add_user("Kim", starter)
        card = await moving_card(here, user)
        assert speaks(card.text, spoken)
        assert speaks(str(card.buttons[0]["label"]), spoken)
        here.api.set(TASK, DONE)
        result = await here.result(card)
        await here.shows(card, "已成功" if spoken == "zh-CN" else "Finished")
        assert speaks(card.text, spoken)
        assert speaks(result.content.replace(VIDEO, ""), spoken)
        answer = await here.type("status", TASK, user=user)
        assert not answer.ephemeral
        assert speaks(answer.text.replace(VIDEO, "").replace("generate", ""), spoken)


async def test_a_setting_for_cards_leaves_private_answers_to_the_asker(tmp_path: Path) -> None:
    async with place(tmp_path, card_language="zh-CN") as here:
        card = await moving_card(here)
        assert "I will not notify you" in (await press(here, here.ada, card, "通知我")).text
        here.channel = here.sim.dm(here.ada)
        assert speaks((await here.type("status", TASK)).text, "en"), "in a DM nobody else reads"


async def test_a_card_goes_on_in_its_language_after_a_restart(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here, mei(here))
        await here.stop_bot()
        here.overrides["card_language"] = "en"
        await here.start_bot()
        here.api.set(TASK, running(60))
        await here.shows(card, "60 %")
        assert speaks(card.text, "zh-CN")
        here.api.set(TASK, failed("no faces"))
        result = await here.result(card)
        assert result.content.splitlines()[:2] == [f"❌ **失败** · `{TASK}`", "> no faces"]


# Commands


def registered(here: Place) -> dict[str, Any]:
    """Return the commands that Discord knows, by name, those of `/veo` among them."""
    known = {command["name"]: command for command in here.sim.world.commands.of()}
    return known | {f"veo {option['name']}": option for option in known["veo"]["options"]}


async def test_commands_are_described_in_chinese_and_keep_the_names_that_people_type(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        known = registered(here)
        assert known["veo watch"]["description_localizations"] == {
            "zh-CN": messages.say("zh-CN", messages.WATCH_DESCRIPTION)
        }
        menu = known.pop(messages.WATCH_MENU)
        assert menu["name_localizations"] == {"zh-CN": "跟踪 Veo 任务"}
        for command in known.values():
            texts = [command, *(option for option in command["options"] if option["type"] == 3)]
            assert len(texts) > 1 or command["name"] in {"veo", "list"}
            assert all(list(text["description_localizations"]) == ["zh-CN"] for text in texts)
            assert not any(text.get("name_localizations") for text in texts)


# Without catalogues


@pytest.fixture
def uncompiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Take the catalogues away, until the fixture's value is undone."""
    monkeypatch.setattr(messages, "LOCALES", tmp_path / "none")
    messages._catalogue.cache_clear()
    yield monkeypatch
    messages._catalogue.cache_clear()


async def test_a_bot_without_catalogues_says_so_once_and_speaks_english(
    uncompiled: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "bot"):
        async with place(tmp_path) as here:
            assert speaks((await here.type("status", "?", user=mei(here))).text, "en")
            await here.sim.drop_gateway()
            await here.sleep(60)
            assert "zh-CN" not in json.dumps(registered(here))
    (warning,) = [record for record in caplog.records if "catalogue" in record.getMessage()]
    assert "pip install -e ." in warning.getMessage()
    assert vars(warning)["languages"] == "zh-CN"


async def test_commands_are_written_again_when_a_translation_changes(
    uncompiled: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        await here.stop_bot()
        uncompiled.undo()
        messages._catalogue.cache_clear()
        for _ in range(2):
            await here.start_bot()
            await here.sleep(10)
            assert here.sim.command_writes == 2
            assert registered(here)["veo"]["description_localizations"].keys() == {"zh-CN"}
            await here.stop_bot()
