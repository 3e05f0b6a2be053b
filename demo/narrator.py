"""Prints what happens on the stage, line by line, and performs the actions of the people in the story."""

from collections.abc import Callable, Sequence
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
        self._mentions: Final = {
            stage.channel.id: f"#{stage.channel.name}",
            **{person: f"@{name}" for person, name in self._names.items()},
        }
        self._began: Final = stage.now()
        self._last_line = ""

    def scene(self, title: str) -> None:
        title = self._stage.text(title)
        self._tell(f"\n── {title} " + "─" * (60 - len(title)))

    def say(self, sentence: str, **values: object) -> None:
        """Print a sentence of the story in the stage's language."""
        self._print(self._stage.text(sentence, **values))

    def _print(self, line: str) -> None:
        minutes, seconds = divmod(round(self._stage.now() - self._began), 60)
        self._tell(f"  {minutes:2}:{seconds:02}    {line}")

    def quote(self, message: str) -> None:
        """Print a message as people see it."""
        for line in self._lines(message):
            self._tell(f"{INDENT}│ {line}")

    def _lines(self, message: str) -> list[str]:
        return plain_lines(message, self._stage.now(), self._mentions, self._stage.language)

    def name(self, person: MemberActor) -> str:
        return self._names[person.id]

    async def command(
        self, person: MemberActor, command: str, task_id: str, *, name: str = "", private: bool = False
    ) -> ResponseMessage:
        """Use a command as a person; return the response, which must be private or public as given."""
        named = {"name": name} if name else {}
        typed = f"/{command} id:{task_id}" + "".join(f" {option}:{value}" for option, value in named.items())
        self.say("{person}: {line}", person=self.name(person), line=typed)
        answer = (await person.slash(self._stage.channel, command, id=task_id, **named)).response
        if answer is None:
            raise TourFailed(f"/{command} was not answered")
        expect(answer.ephemeral is private, f"the answer to /{command} was {'not ' * private}private")
        self.answer(answer, person)
        return answer

    def answer(self, answer: ResponseMessage, person: MemberActor) -> None:
        """Print the bot's answer to a person, and who can see it."""
        if answer.ephemeral:
            self.say("The bot answers {person} alone:", person=self.name(person))
        else:
            self.say("The bot answers everybody:")
        self.quote(words_of(answer))

    async def press(self, person: MemberActor, card: ResponseMessage, action: str) -> ResponseMessage:
        """Press a card's button as a person; return the response, which must be private."""
        button = button_of(card.components, f"veo:{action}:")
        if button is None:
            raise TourFailed(f"the card has no button to {action}")
        self.say("{person} presses “{label}”.", person=self.name(person), label=button["label"])
        answer = (await person.click(card, custom_id=button["custom_id"])).response
        if answer is None:
            raise TourFailed("the button was not answered")
        expect(answer.ephemeral, "the answer to a button was not private")
        self.answer(answer, person)
        return answer

    async def follow_card(self, card: ResponseMessage, until: Callable[[str], bool]) -> None:
        """Advance time by seconds and print each change of a card until `until` accepts its headline."""
        shown = line = ""
        for _ in range(LONGEST):
            # Not every second, because the times on it go on.
            if (words := words_of(card)) != shown:
                shown, line = words, headline(self._lines(words))
                if line != self._last_line:
                    self._print(line)
                self._last_line = line
            if until(line):
                return
            await self._stage.env.advance_time(1)
        raise TourFailed(f"the card was still at “{line}” after {LONGEST} seconds")

    async def next_reply(self, card: ResponseMessage, after: int, who: str) -> discord.Message:
        """Follow a card until it has more than `after` replies; print the next one and return it."""
        await self.follow_card(card, lambda _: len(self.replies(card)) > after)
        reply = self.replies(card)[after]
        self.say(who)
        self.quote(reply.content)
        self.files(reply.attachments)
        return reply

    async def result_of(self, card: ResponseMessage) -> discord.Message:
        """Follow a card until its first result is posted; print and return the result."""
        return await self.next_reply(card, 0, "The bot replies to its card, once:")

    def files(self, attached: Sequence[discord.Attachment]) -> None:
        """Print the names of a message's files."""
        if attached:
            self._tell(f"{INDENT}│ " + "  ".join(f"📎 {file.filename}" for file in attached))

    def replies(self, card: ResponseMessage) -> list[discord.Message]:
        return replies_to(self._stage.channel, card.id)

    async def fetch(self, url: str) -> bytes:
        """Fetch a URL of the simulated task API."""
        headers = {"Authorization": KEY}
        async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
            expect(answer.ok, f"{url} answered with status {answer.status}")
            return await answer.read()
