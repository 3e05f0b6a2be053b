"""Prints what happens on the stage, line by line, and performs the actions of the people in the story."""

from collections.abc import Callable
from typing import Final

import aiohttp
import discord
from simcord import MemberActor, ResponseMessage

from demo.reading import button_of, headline, plain_lines, replies_to, words_of
from demo.stage import KEY, Stage

Tell = Callable[[str], None]
LONGEST: Final = 120
"""Seconds to wait for the next change that the tour expects on a card."""
INDENT: Final = " " * 11


class TourFailed(Exception):
    """Something that the tour expects did not happen; the text says what."""


def expect(holds: bool, otherwise: str) -> None:
    """Raise TourFailed with the text `otherwise` unless `holds`."""
    if not holds:
        raise TourFailed(otherwise)


class Narrator:
    """Passes lines to `tell`, each with the stage's time since the story began."""

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
        """Print a message as people see it."""
        self.say(who)
        for line in plain_lines(text, self._stage.now(), self._names):
            self._tell(f"{INDENT}│ {line}")

    def name(self, person: MemberActor) -> str:
        return self._names[person.id]

    async def command(
        self, person: MemberActor, name: str, task_id: str, *, private: bool = False
    ) -> ResponseMessage:
        """Use a command as a person; return the response, which must be private or public as given."""
        self.say(f"{self.name(person)}: /{name} id:{task_id}")
        answer = (await person.slash(self._stage.channel, name, id=task_id)).response
        if answer is None:
            raise TourFailed(f"/{name} was not answered")
        whom = f"{self.name(person)} alone" if private else "everybody"
        expect(answer.ephemeral is private, f"the answer to /{name} was not for {whom}")
        self.quote(f"The bot answers {whom}:", words_of(answer))
        return answer

    async def press(self, person: MemberActor, card: ResponseMessage, action: str) -> ResponseMessage:
        """Press a card's button as a person; return the response, which must be private."""
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
        """Advance time by seconds and print each change of a card until `until` accepts its headline."""
        last = ""
        for _ in range(LONGEST):
            line = headline(plain_lines(words_of(card), self._stage.now(), self._names))
            if line != last:
                self.say(line)
                last = line
            if until(line):
                return
            await self._stage.env.advance_time(1)
        raise TourFailed(f"the card was still at “{last}” after {LONGEST} seconds")

    async def result_of(self, card: ResponseMessage) -> discord.Message:
        """Follow a card until its result is posted; print and return the result."""
        await self.follow_card(card, lambda _: bool(self.replies(card)))
        result = self.replies(card)[0]
        self.quote("The bot replies to its card, once:", result.content)
        return result

    def replies(self, card: ResponseMessage) -> list[discord.Message]:
        return replies_to(self._stage.channel, card.id)

    async def fetch(self, url: str) -> bytes:
        """Fetch a URL of the simulated task API."""
        headers = {"Authorization": KEY}
        async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
            expect(answer.ok, f"{url} answered with status {answer.status}")
            return await answer.read()
