"""Hostile people: forged buttons, tricks in texts, floods. Nobody reaches what is not theirs."""

import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from wire.place import DONE, TASK, Place, place, running, succeeded

from sim.discord import Invocation, Message, Permission, User
from sim.task_api.answers import Answer

pytestmark = pytest.mark.looptime

OTHER = "11112222-3333-4444-5555-666677778888"
TRICKS = "\u202egnp\u2066.exe\u2069\u200b\u200d\ufeff\u00ad\U000e0041\x1b[31m"
"""Text that runs backwards, joins, hides and colours."""
MARKUP = (
    "@everyone <@1> <@&2> <#3> </veo stop:4> [a](https://evil.example) <https://evil.example> # big ||x||"
)
HIDDEN = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"}


def hidden_in(text: str) -> set[str]:
    return {char for char in text.replace("\n", " ") if unicodedata.category(char) in HIDDEN}


async def moving_card(here: Place, task_id: str = TASK, *, bobs: bool = False) -> Message:
    here.api.set(task_id, running(10))
    card = await here.watch(task_id, user=here.bob if bobs else here.ada)
    await here.shows(card, "10 %")
    return card


async def press_forged(here: Place, user: User, card: Message, custom_id: str) -> Invocation:
    """Press a button with a custom_id that we did not put there, as if Discord had let it through."""
    card.buttons[0]["custom_id"] = custom_id
    return await here.sim.click(user, card, custom_id=custom_id)


def labels(card: Message) -> list[str]:
    return [str(button["label"]) for button in card.buttons]


@pytest.mark.parametrize("elsewhere", ["in another channel", "in another server"])
@pytest.mark.parametrize("action", ["stop", "notify"])
async def test_a_button_reaches_the_card_that_it_is_on_and_no_other(
    action: str, elsewhere: str, tmp_path: Path
) -> None:
    async with place(tmp_path) as here:
        mine = await moving_card(here)
        guild = here.guild if "channel" in elsewhere else here.sim.add_guild("Elsewhere")
        here.channel = guild.add_channel("other")
        theirs = await moving_card(here, OTHER, bobs=True)
        number = {card: str(card.buttons[0]["custom_id"]).rpartition(":")[2] for card in (mine, theirs)}
        before = mine.text, theirs.text, labels(mine), labels(theirs)
        for on, aimed_at in ((mine, theirs), (theirs, mine)):
            use = await press_forged(here, here.ada, on, f"veo:{action}:{number[aimed_at]}")
            await use.acknowledged()
            assert use.ephemeral
            assert "no longer updated" in use.text
        await here.sleep(30)
        assert (mine.text, theirs.text, labels(mine), labels(theirs)) == before


@pytest.mark.parametrize(
    "custom_id",
    [
        "veo:stop:99999999999999999999999",
        "veo:stop:-1",
        "veo:stop:1\n",
        "veo:stop:１",
        "veo:stop:",
        "veo:drop:1",
        "veo:stop:1:1",
        "x" * 100,
    ],
)
async def test_a_button_that_nobody_made_does_nothing(custom_id: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        calls = len(here.sim.requests)
        await press_forged(here, here.ada, card, custom_id)
        await here.sleep(10)
        assert len(here.sim.requests) == calls
        here.api.set(TASK, DONE)
        await here.result(card)


@pytest.mark.parametrize("number", ["0", "7", "999999999999999999"])
async def test_a_page_is_private_and_never_takes_a_cards_place(number: str, tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        here.channel = secret = here.guild.add_channel("secret")
        await moving_card(here, OTHER)
        secret.overwrite(here.bob, deny=int(Permission.VIEW_CHANNEL))
        await here.sleep(1)
        before = card.text
        for user, sees in ((here.ada, True), (here.bob, False)):
            use = await press_forged(here, user, card, f"veo:page:{number}")
            await use.acknowledged()
            assert use.ephemeral
            assert (OTHER in use.text) is sees
        assert card.text == before
        assert card.buttons


async def test_again_on_a_card_makes_no_second_one(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        card = await moving_card(here)
        use = await press_forged(here, here.bob, card, "veo:again:0")
        await use.acknowledged()
        assert use.ephemeral
        assert card.jump_url in use.text
        assert [m for m in here.sim.messages(here.channel) if m.components] == [card]


async def test_tricks_in_the_apis_words_are_never_shown_and_call_nobody(tmp_path: Path) -> None:
    evil = f"{TRICKS} {MARKUP} {TRICKS}"
    words = {"message": evil, "action": evil, "state": f"odd{TRICKS}"}
    async with place(tmp_path) as here:
        here.api.set(TASK, running(10, **words))
        card = await here.watch()
        await here.shows(card, "odd")
        await here.type("status", TASK)
        await here.sim.slash(here.ada, here.channel, "veo", "list")
        typing = await here.sim.autocomplete(here.ada, here.channel, "veo", "watch", "id", TASK[:3])
        await typing.acknowledged()
        here.api.set(TASK, running(40, **(words | {"state": "error"})))
        await here.result(card)
        here.api.set(
            OTHER, succeeded(f"javascript:{TRICKS}", f"https://a.example/{TRICKS}", "https://b.example/`)")
        )
        await here.watch(OTHER)
        shown = [m for use in here.sim.invocations for m in use.messages] + here.sim.messages(here.channel)
        assert len(shown) >= 6
        assert set().union(*(hidden_in(m.text) for m in shown)) == set()
        assert hidden_in("".join(str(choice) for choice in typing.choices or ())) == set()
        assert set().union(*(m.pings for m in shown)) == {here.ada.id}
        assert not any(m.pings_everyone for m in shown)
        for message in shown:
            assert "https://evil" not in message.text.replace("https\\://evil", "")
            assert "<@1>" not in message.text.replace("\\<\\@1\\>", "")


async def test_tricks_in_what_somebody_types_are_no_id_and_never_shown(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.api.set(OTHER, running(10))
        for typed in (
            f"{TASK[:8]}\u200b{TASK[8:]}",
            f"{TASK[:8]}\u202e{TASK[8:]}",
            TASK.replace("8", "８"),
        ):
            use = await here.type("status", typed)
            assert use.ephemeral
            assert "That is not a task id" in use.text
        assert here.api.requests == []
        await here.type("watch", f"{OTHER} {TRICKS} {MARKUP}")
        await here.sleep(5)
        shown = [m for use in here.sim.invocations for m in use.messages]
        assert any("Left out" in m.text for m in shown)
        assert set().union(*(hidden_in(m.text) for m in shown)) == set()
        assert not any(m.pings or m.pings_everyone for m in shown)


@pytest.mark.slow
async def test_a_flood_of_questions_holds_up_no_watch(tmp_path: Path) -> None:
    """The task API never answers about these tasks."""
    async with place(tmp_path, poll_max_seconds=5.0) as here:
        card = await moving_card(here)
        for number in range(30):
            for task in (f"flood-{number}-{n}" for n in range(8)):
                here.api.set(task, Answer(delay=1000))
                await here.sim.slash(here.bob, here.channel, "veo", "status", id=task)
            here.api.set(TASK, running(10 + number))
            await here.sleep(1)
        shown = [edit.at for edit in card.edits]
        assert max(later - earlier for earlier, later in pairwise([*shown, here.clock()])) < 10
        assert "stopped answering" not in "".join(edit.text for edit in card.edits)
        await here.sleep(120)
        flood = [message for use in here.sim.invocations[1:] for message in use.messages]
        assert len(flood) == 240
        assert all(message.ephemeral for message in flood)
