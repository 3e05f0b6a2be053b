"""Tells what happens on the stage, line by line, and does what the people in the story do."""

from collections.abc import Callable
from typing import Final

import aiohttp
import discord
from simcord import MemberActor, ResponseMessage

from demo.reading import button_of, headline, plain_lines, replies_to, words_of
from demo.stage import KEY, Stage

Tell = Callable[[str], None]
LONGEST: Final = 120
"""Seconds in which something must happen on a card that is followed."""
INDENT: Final = " " * 11


class TourFailed(Exception):
    """Something that the tour tells of did not happen; the text says what."""


def expect(holds: bool, otherwise: str) -> None:
    """Raise TourFailed with the sentence `otherwise` unless `holds`."""
    if not holds:
        raise TourFailed(otherwise)


class Narrator:
    """Tells with `tell`, each line with the stage's time since the story began."""

    def __init__(self, stage: Stage, tell: Tell) -> None:
        self._stage: Final = stage
        self._tell: Final = tell
        people = (stage.ann, stage.marco, stage.mei)
        self._names: Final = {person.id: person.user.global_name or person.name for person in people}
        self._began: Final = stage.now()

    def scene(self, title: str) -> None:
        self._tell(f"\n── {title} " + "─" * (60 - len(title)))

    def say(self, line: str) -> None:
        minutes, seconds = divmod(round(self._stage.now() - self._began), 60)
        self._tell(f"  {minutes:2}:{seconds:02}    {line}")

    def quote(self, who: str, text: str) -> None:
        """Tell what somebody has written, as people see it."""
        self.say(who)
        for line in plain_lines(text, self._stage.now(), self._names):
            self._tell(f"{INDENT}│ {line}")

    def name(self, person: MemberActor) -> str:
        return self._names[person.id]

    async def command(
        self, person: MemberActor, name: str, task_id: str, *, private: bool = False
    ) -> ResponseMessage:
        """Let a person use a command; return the answer, which must be private, or not, as said."""
        self.say(f"{self.name(person)}: /{name} id:{task_id}")
        answer = (await person.slash(self._stage.channel, name, id=task_id)).response
        if answer is None:
            raise TourFailed(f"/{name} was not answered")
        whom = f"{self.name(person)} alone" if private else "everybody"
        expect(answer.ephemeral is private, f"the answer to /{name} was not for {whom}")
        self.quote(f"The bot answers {whom}:", words_of(answer))
        return answer

    async def press(self, person: MemberActor, card: ResponseMessage, action: str) -> ResponseMessage:
        """Let a person press a card's button; return the answer, which is for them alone."""
        button = button_of(card.components, f"veo:{action}:")
        if button is None:
            raise TourFailed(f"the card has no button to {action}")
        self.say(f"{self.name(person)} presses “{button['label']}”.")
        answer = (await person.click(card, custom_id=button["custom_id"])).response
        if answer is None:
            raise TourFailed("the button was not answered")
        expect(answer.ephemeral, "the answer to a button was not private")
        self.quote(f"The bot answers {self.name(person)} alone:", words_of(answer))
        return answer

    async def follow_card(self, card: ResponseMessage, until: Callable[[str], bool]) -> None:
        """Let time pass second by second and tell how a card moves, until `until` holds of its headline."""
        told = ""
        for _ in range(LONGEST):
            line = headline(plain_lines(words_of(card), self._stage.now(), self._names))
            if line != told:
                self.say(line)
                told = line
            if until(line):
                return
            await self._stage.env.advance_time(1)
        raise TourFailed(f"the card was still at “{told}” after {LONGEST} seconds")

    async def result_of(self, card: ResponseMessage) -> discord.Message:
        """Follow a card until its result has come; tell and return the result."""
        await self.follow_card(card, lambda _: bool(self.replies(card)))
        result = self.replies(card)[0]
        self.quote("The bot replies to its card, once:", result.content)
        return result

    def replies(self, card: ResponseMessage) -> list[discord.Message]:
        return replies_to(self._stage.channel, card.id)

    async def fetch(self, url: str) -> bytes:
        """Return what is at an address of the simulated task API."""
        headers = {"Authorization": KEY}
        async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
            expect(answer.ok, f"{url} answered with status {answer.status}")
            return await answer.read()
