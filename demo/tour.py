"""The tour: the bot's main story, played in virtual time and printed line by line.

Every scene checks what it prints, so a tour that succeeds has really seen all of it.
"""

import re
from typing import Final

from discord import Message
from simcord import BackendError, MemberActor, ResponseMessage, SetupError

from demo.narrator import Narrator, Tell, TourFailed, expect
from demo.reading import button_of, words_of
from demo.stage import Stage
from demo.texts import text
from sim.task_api.renders import EMPTY, FAILS, FINISHED, LATE, QUEUES, STANDS_STILL, SUCCEEDS, TAKES

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
            for scene in (_success, _failure, _standstill, _ended, _restart, _batch, _several):
                await scene(stage, narrator)
            for error in stage.env.errors:
                raise TourFailed(f"the bot raised {error!r}")
    except (SetupError, BackendError, OSError) as error:
        raise TourFailed(f"{type(error).__name__}: {error}") from error
    tell("\n" + text(language, "All of this just happened; nothing was recorded."))


async def _success(stage: Stage, narrator: Narrator) -> None:
    narrator.scene("A render succeeds")
    await narrator.fetch(f"{stage.api.base_url}/v1/videos/tasks/{SUCCEEDS.id}")
    narrator.say("Somebody starts a render in another program and pastes its id into the channel.")
    shot = stage.text("Harbour")
    await stage.env.advance_time(20)
    status = await narrator.command(stage.ann, "veo status", SUCCEEDS.id)
    expect("27" in status.content, "/veo status did not show the progress")
    card = await narrator.command(stage.ann, "veo watch", SUCCEEDS.id, name=shot)
    await narrator.press(stage.marco, card, "notify")
    result = await narrator.result_of(card)
    for follower in (stage.ann, stage.marco):
        _expect_mention(result.content, follower, narrator)
    expect(shot in result.content.splitlines()[0], "the result did not say the render's name")
    links = LINK.findall(result.content)
    expect(len(links) == 2, f"the result had {len(links)} video links, not two")  # noqa: PLR2004
    for link in links:
        video = await narrator.fetch(link)
        expect(MP4_MARK in video[:16], f"there was no video at {link}")
        file = link.partition("?")[0].rpartition("/")[2]
        narrator.say("{file} downloads: an MP4 of {size} KiB.", file=file, size=len(video) // 1024)
    names = [file.filename for file in result.attachments]
    expect(names == [f"{shot}-1.mp4", f"{shot}-2.mp4"], f"the videos were attached as {names}")


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


async def _standstill(stage: Stage, narrator: Narrator) -> None:
    narrator.scene("A render stands still")
    card = await narrator.command(stage.mei, "veo watch", STANDS_STILL.id)
    expect("⚠️" in words_of(card), "the card did not warn")
    await narrator.press(stage.mei, card, "stop")


async def _ended(stage: Stage, narrator: Narrator) -> None:
    narrator.scene("A render has already ended")
    answer = await narrator.command(stage.marco, "veo watch", FINISHED.id)
    expect(button_of(answer.components, "veo:") is None, "a card was made for a render that has ended")
    await stage.env.advance_time(10)
    (message,) = (m for m in stage.channel.history() if m.id == answer.id)
    narrator.say("Its video follows by an edit, which pings nobody:")
    narrator.files(message.attachments)
    expect(len(message.attachments) == 1, "the video was not added to the answer")


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


async def _batch(stage: Stage, narrator: Narrator) -> None:
    narrator.scene("Four takes on one card, and one ping")
    ids, name = [take.id for take in TAKES], stage.text("Lighthouse")
    card = await narrator.command(stage.ann, "veo watch", " ".join(ids), name=name)
    await narrator.press(stage.marco, card, "notify")
    results: list[Message] = []
    while len(results) < len(ids):
        results.append(
            await narrator.next_reply(card, len(results), "The bot replies silently, it pings nobody:")
        )
        expect(not results[-1].mentions, "a result of a batch pinged somebody")
    summary = await narrator.next_reply(card, len(ids), "The last take has ended. The bot replies once more:")
    for follower in (stage.ann, stage.marco):
        _expect_mention(summary.content, follower, narrator)
    for result in results:
        expect(result.jump_url in summary.content, "the summary does not link to each result")
    await stage.env.advance_time(10 * 60)
    expect(len(narrator.replies(card)) == len(ids) + 1, "there was more than one summary")


async def _several(stage: Stage, narrator: Narrator) -> None:
    """Watch two renders named in a message, see one end, list the rest, and stop it."""
    narrator.scene("Several renders on one card, a list, and a stop")
    names = [stage.text("Fog"), stage.text("Harbour")]
    typed = f"{names[0]}: {EMPTY.id}\n{names[1]}: {QUEUES.id}"
    for line in typed.splitlines():
        narrator.say("{person}: {line}", person=narrator.name(stage.ann), line=line)
    message = await stage.ann.send(stage.channel, typed)
    narrator.say(
        "{person} opens the message's menu and picks “{item}”.", person=narrator.name(stage.mei), item=MENU
    )
    card = (await stage.mei.context_menu(stage.channel, MENU, message)).response
    if card is None:
        raise TourFailed("the message menu was not answered")
    await stage.env.advance_time(1)
    narrator.answer(card, stage.mei)
    for name in names:
        expect(name in words_of(card), f"the card has no row for {name}")
    result = await narrator.result_of(card)
    expect(EMPTY.id in result.content, "the first result was not about the first render")
    await _list(stage, narrator)
    await _stop(stage, narrator, card)


async def _list(stage: Stage, narrator: Narrator) -> None:
    narrator.say("{person}: {line}", person=narrator.name(stage.marco), line="/veo list")
    listed = (await stage.marco.slash(stage.channel, "veo list")).response
    if listed is None or not listed.ephemeral:
        raise TourFailed("/veo list was not answered privately")
    narrator.answer(listed, stage.marco)
    expect(stage.text("Harbour") in words_of(listed), "the list lacks the render that is still watched")


async def _stop(stage: Stage, narrator: Narrator, card: ResponseMessage) -> None:
    refused = await narrator.press(stage.marco, card, "stop")
    expect(stage.mei.mention in refused.content, "the refusal did not say who may stop the card")
    await narrator.press(stage.mei, card, "stop")
    await stage.env.advance_time(2)
    narrator.say("The card shows it:")
    narrator.quote(words_of(card))
    await narrator.next_reply(card, 1, "One of them had a result, so the bot sums up:")
    expect("veo:stop:" not in str(card.components), "the stopped card still has its buttons")
    polls = stage.api.polls(QUEUES.id)
    await stage.env.advance_time(10 * 60)
    expect(stage.api.polls(QUEUES.id) == polls, "the stopped render was still polled")
    expect(len(narrator.replies(card)) == 2, "the stopped render had a result")  # noqa: PLR2004


def _expect_mention(content: str, person: MemberActor, narrator: Narrator) -> None:
    expect(person.mention in content, f"the result did not ping {narrator.name(person)}")


def _link(stage: Stage, card: ResponseMessage) -> str:
    return f"/{stage.channel.id}/{card.id}"
