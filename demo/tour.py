"""The tour: the bot's main story, played in virtual time and printed line by line.

Every scene checks what it prints, so a tour that succeeds has really seen all of it.
"""

import re
from typing import Final

from simcord import BackendError, MemberActor, ResponseMessage, SetupError

from demo.narrator import Narrator, Tell, TourFailed, expect
from demo.reading import words_of
from demo.stage import Stage
from sim.task_api.renders import EMPTY, FAILS, LATE, QUEUES, SUCCEEDS

__all__ = ["TourFailed", "play"]

MENU: Final = "Watch Veo tasks"
UNKNOWN_ID: Final = "99999999-9999-4999-8999-999999999999"
LINK: Final = re.compile(r"https?://[^\s>]+")
MP4_MARK: Final = b"ftyp"
"""In the first bytes of every MP4 file."""


async def play(tell: Tell, language: str = "en") -> None:
    """Play the whole story with the bot in `language`.

    Raises:
        TourFailed: something else happened; the text says what.
    """
    try:
        async with Stage(language=language) as stage:
            narrator = Narrator(stage, tell)
            await _success(stage, narrator)
            await _failure(stage, narrator)
            await _restart(stage, narrator)
            await _several(stage, narrator)
            for error in stage.env.errors:
                raise TourFailed(f"the bot raised {error!r}")
    except (SetupError, BackendError, OSError) as error:
        raise TourFailed(f"{type(error).__name__}: {error}") from error
    tell("\nAll of this just happened; nothing was recorded.")


async def _success(stage: Stage, narrator: Narrator) -> None:
    narrator.scene("A render succeeds")
    await narrator.fetch(f"{stage.api.base_url}/v1/videos/tasks/{SUCCEEDS.id}")
    narrator.say("Somebody starts a render in another program and pastes its id into the channel.")
    await stage.env.advance_time(20)
    status = await narrator.command(stage.ann, "veo status", SUCCEEDS.id)
    expect("27" in status.content, "/veo status did not show the progress")
    card = await narrator.command(stage.ann, "veo watch", SUCCEEDS.id)
    await _follow(stage, narrator, card)
    result = await narrator.result_of(card)
    for follower in (stage.ann, stage.marco):
        _expect_mention(result.content, follower, narrator)
    links = LINK.findall(result.content)
    expect(len(links) == 2, f"the result had {len(links)} video links, not two")  # noqa: PLR2004
    for link in links:
        video = await narrator.fetch(link)
        expect(MP4_MARK in video[:16], f"there was no video at {link}")
        narrator.say(f"{link.rpartition('/')[2]} downloads: an MP4 of {len(video) / 1024:.0f} KiB.")


async def _failure(stage: Stage, narrator: Narrator) -> None:
    narrator.scene("A render fails, and an unknown id")
    card = await narrator.command(stage.marco, "veo watch", FAILS.id)
    await stage.env.advance_time(3)
    again = await narrator.command(stage.ann, "veo watch", FAILS.id, private=True)
    expect(_link(stage, card) in again.content, "watching again gave no link to the existing card")
    unknown = await narrator.command(stage.mei, "veo status", UNKNOWN_ID, private=True)
    expect(UNKNOWN_ID in unknown.content, "the answer did not name the unknown id")
    result = await narrator.result_of(card)
    expect("content policy" in result.content, "the result did not give the task API's reason")
    for follower in (stage.marco, stage.ann):
        _expect_mention(result.content, follower, narrator)


async def _restart(stage: Stage, narrator: Narrator) -> None:
    narrator.scene("The bot restarts in the middle of a render")
    card = await narrator.command(stage.ann, "veo watch", LATE.id)
    await narrator.follow_card(card, lambda line: "█" in line)
    polls = len(stage.api.requests)
    await stage.stop_bot()
    narrator.say("The bot is stopped. The render goes on without it.")
    await stage.env.advance_time(5)
    expect(len(stage.api.requests) == polls, "the stopped bot still polled the task API")
    await stage.start_bot_again()
    narrator.say("A new bot starts on the same database.")
    result = await narrator.result_of(card)
    _expect_mention(result.content, stage.ann, narrator)
    await stage.env.advance_time(10 * 60)
    expect(len(narrator.replies(card)) == 1, f"the result was posted {len(narrator.replies(card))} times")
    narrator.say("Ten minutes later there is still this one result.")


async def _follow(stage: Stage, narrator: Narrator, card: ResponseMessage) -> None:
    """Follow a card with its button, as a second person."""
    await narrator.press(stage.marco, card, "notify")


async def _several(stage: Stage, narrator: Narrator) -> None:
    """Watch two renders named in a message, see one end, list the rest, and stop it."""
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
        expect(render.id[:8] in words_of(card), f"the card has no row for {render.id}")
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
    narrator.quote("The card shows it:", words_of(card))
    expect("veo:stop:" not in str(card.components), "the stopped card still has its buttons")
    polls = stage.api.polls(QUEUES.id)
    await stage.env.advance_time(10 * 60)
    expect(stage.api.polls(QUEUES.id) == polls, "the stopped render was still polled")
    expect(len(narrator.replies(card)) == 1, "the stopped render had a result")


def _expect_mention(content: str, person: MemberActor, narrator: Narrator) -> None:
    expect(person.mention in content, f"the result did not ping {narrator.name(person)}")


def _link(stage: Stage, card: ResponseMessage) -> str:
    return f"/{stage.channel.id}/{card.id}"
