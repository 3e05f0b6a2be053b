"""The tour's second part: a channel watches together.

Several follow one render, several renders share a card, and whoever began a watch may stop it.
"""

from typing import Final

from simcord import ResponseMessage

from demo.narrator import Narrator, expect
from demo.reading import words_of
from demo.stage import Stage
from sim.task_api.renders import EMPTY, QUEUES

MENU: Final = "Watch Veo tasks"


async def follow(stage: Stage, narrator: Narrator, card: ResponseMessage) -> None:
    """Let a second person follow a card by its button."""
    await narrator.press(stage.marco, card, "notify")


async def several(stage: Stage, narrator: Narrator) -> None:
    """Watch two renders that a message names, see one end, list what is left, and stop it."""
    narrator.scene("Several renders on one card, a list, and a stop")
    text = f"Both of these are for Friday: {EMPTY.id} and {QUEUES.id}"
    narrator.say(f"Ann writes: {text}")
    message = await stage.ann.send(stage.channel, text)
    narrator.say(f"Mei opens the message's menu and picks “{MENU}”.")
    card = (await stage.mei.context_menu(stage.channel, MENU, message)).response
    if card is None:
        expect(holds=False, otherwise="the message menu was not answered")
        return
    await stage.env.advance_time(1)
    narrator.quote("The bot answers everybody:", words_of(card))
    for render in (EMPTY, QUEUES):
        expect(render.id in words_of(card), f"the card has no row for {render.id}")
    result = await narrator.result_of(card)
    expect(EMPTY.id in result.content, "the first result was not about the first render")
    await _list(stage, narrator)
    await _stop(stage, narrator, card)


async def _list(stage: Stage, narrator: Narrator) -> None:
    narrator.say(f"{narrator.name(stage.marco)}: /veo list")
    listed = (await stage.marco.slash(stage.channel, "veo list")).response
    expect(listed is not None and listed.ephemeral, "/veo list was not answered privately")
    if listed is not None:
        narrator.quote(f"The bot answers {narrator.name(stage.marco)} alone:", words_of(listed))
        expect(QUEUES.id in words_of(listed), "the list lacks the render that is still watched")


async def _stop(stage: Stage, narrator: Narrator, card: ResponseMessage) -> None:
    refused = await narrator.press(stage.marco, card, "stop")
    expect(stage.mei.mention in refused.content, "the refusal did not say who may stop the card")
    await narrator.press(stage.mei, card, "stop")
    await stage.env.advance_time(2)
    narrator.quote("The card says so:", words_of(card))
    expect("veo:stop:" not in str(card.components), "the stopped card still has its buttons")
    asked = stage.api.polls(QUEUES.id)
    await stage.env.advance_time(10 * 60)
    expect(stage.api.polls(QUEUES.id) == asked, "the stopped render was still asked about")
    expect(len(narrator.replies(card)) == 1, "the stopped render had a result")
