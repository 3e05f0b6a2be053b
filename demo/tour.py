"""The tour: the bot's main story, played by itself in virtual time and told line by line.

Every scene checks what it tells, so a tour that ends well has seen all of it happen.
"""

import re
from typing import Final

from simcord import BackendError, MemberActor, ResponseMessage, SetupError

from demo.narrator import Narrator, Tell, TourFailed, expect
from demo.stage import Stage
from demo.tour_together import follow, several
from sim.task_api.renders import FAILS, LATE, SUCCEEDS

__all__ = ["TourFailed", "play"]

UNKNOWN_ID: Final = "99999999-9999-4999-8999-999999999999"
LINK: Final = re.compile(r"https?://[^\s>]+")
MP4_MARK: Final = b"ftyp"
"""What stands at the beginning of every MP4 file."""


async def play(tell: Tell, language: str = "en") -> None:
    """Play the whole story, the bot speaking `language`.

    Raises:
        TourFailed: it went another way; the text says where.
    """
    try:
        async with Stage(language=language) as stage:
            narrator = Narrator(stage, tell)
            await _success(stage, narrator)
            await _failure(stage, narrator)
            await _restart(stage, narrator)
            await several(stage, narrator)
            for error in stage.env.errors:
                raise TourFailed(f"the bot raised {error!r}")
    except (SetupError, BackendError, OSError) as error:
        raise TourFailed(f"{type(error).__name__}: {error}") from error
    tell("\nAll of this has just happened; nothing of it was recorded.")


async def _success(stage: Stage, narrator: Narrator) -> None:
    narrator.scene("A render succeeds")
    await narrator.fetch(f"{stage.api.base_url}/v1/videos/tasks/{SUCCEEDS.id}")
    narrator.say("Somebody starts a render in another program and pastes its id into the channel.")
    await stage.env.advance_time(20)
    status = await narrator.command(stage.ann, "veo status", SUCCEEDS.id)
    expect("27" in status.content, "/veo status did not tell how far the render is")
    card = await narrator.command(stage.ann, "veo watch", SUCCEEDS.id)
    await follow(stage, narrator, card)
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
    narrator.scene("A render fails, and an id that nobody knows")
    card = await narrator.command(stage.marco, "veo watch", FAILS.id)
    await stage.env.advance_time(3)
    again = await narrator.command(stage.ann, "veo watch", FAILS.id, private=True)
    expect(_link(stage, card) in again.content, "watching again gave no link to the card that is there")
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
    asked = len(stage.api.requests)
    await stage.stop_bot()
    narrator.say("The bot is stopped. The render goes on without it.")
    await stage.env.advance_time(5)
    expect(len(stage.api.requests) == asked, "the stopped bot still asked the task API")
    await stage.start_bot_again()
    narrator.say("A new bot starts on the same file.")
    result = await narrator.result_of(card)
    _expect_mention(result.content, stage.ann, narrator)
    await stage.env.advance_time(10 * 60)
    expect(len(narrator.replies(card)) == 1, f"the result came {len(narrator.replies(card))} times")
    narrator.say("Ten minutes later there is still this one result.")


def _expect_mention(content: str, person: MemberActor, narrator: Narrator) -> None:
    expect(person.mention in content, f"the result did not call {narrator.name(person)}")


def _link(stage: Stage, card: ResponseMessage) -> str:
    return f"/{stage.channel.id}/{card.id}"
