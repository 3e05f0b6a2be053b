"""The polls that a person waits for: within the time of the first response, or announced by a placeholder."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final
from weakref import WeakValueDictionary

from bot import messages
from bot.cards.text import plain
from bot.commands.response import Response
from bot.core.task import Task
from bot.engine.breaker import PollFn
from bot.messages import say
from bot.veo.errors import (
    BrokenAnswer,
    KeyRefused,
    RateLimited,
    TaskNotFound,
    TaskRefused,
    Unavailable,
    VeoError,
)

log = logging.getLogger(__name__)

FIRST_POLL_SECONDS: Final = 1.5
"""How long the first response waits for the task API; after that a placeholder is sent."""
AT_ONCE: Final = 24
"""Polls for people under way at once, so that the poller always gets its share."""
OF_ONE_PERSON: Final = 5
"""The same for one person, so that nobody holds up the others."""
TURN_SECONDS: Final = 15.0
"""How long a poll waits for its turn."""
MESSAGE_LIMIT: Final = 300
"""Characters of the API's own words in an error."""
ERROR_MESSAGES: Final[dict[type[Exception], str]] = {
    TaskNotFound: messages.UNKNOWN_TASK,
    TaskRefused: messages.POLL_REFUSED,
    KeyRefused: messages.POLL_KEY_REFUSED,
    RateLimited: messages.POLL_LIMITED,
    BrokenAnswer: messages.POLL_UNREADABLE,
    VeoError: messages.POLL_FAILED,
}
"""What the asker reads after each error; a class without an entry has that of its nearest base."""


class FirstPoll:
    """Polls tasks for people."""

    def __init__(self, poll: PollFn) -> None:
        self._poll: Final = poll
        self._at_once: Final = asyncio.Semaphore(AT_ONCE)
        self._of_persons: Final = WeakValueDictionary[int, asyncio.Semaphore]()
        """Each lives as long as a poll holds it or waits for it."""

    async def of(self, response: Response, task_ids: Sequence[str]) -> dict[str, Task | VeoError]:
        """Poll tasks, all at once; return what each poll brought, in the order of the ids.

        Raises:
            ResponseFailed: the placeholder could not be sent.
        """
        person = response.interaction.user.id
        of_person = self._of_persons.setdefault(person, asyncio.Semaphore(OF_ONE_PERSON))
        polls = [asyncio.ensure_future(self._poll_in_turn(of_person, task_id)) for task_id in task_ids]
        if not polls:
            return {}
        response.turn.give_back()
        try:
            _, late = await asyncio.wait(polls, timeout=FIRST_POLL_SECONDS)
            if late:
                await response.placeholder(task_ids)
            return dict(zip(task_ids, await asyncio.gather(*polls), strict=True))
        finally:
            for poll in polls:
                poll.cancel()

    async def _poll_in_turn(self, of_person: asyncio.Semaphore, task_id: str) -> Task | VeoError:
        try:
            async with AsyncExitStack() as turns:
                try:
                    async with asyncio.timeout(TURN_SECONDS):
                        # In this order: however many tasks a person asks for, at most `OF_ONE_PERSON` of
                        # their polls stand before another person's in the queue of all.
                        await turns.enter_async_context(of_person)
                        await turns.enter_async_context(self._at_once)
                except TimeoutError:
                    raise Unavailable("too many questions at once") from None
                return await self._poll(task_id)
        except VeoError as error:
            log.info("a poll for a person failed", extra={"task": task_id, "reason": str(error)})
            return error


def error_message(error: VeoError, language: str, task_id: str) -> str:
    """Return what the asker reads after an error, with the API's own words unless the task is unknown."""
    sentence = next(ERROR_MESSAGES[kind] for kind in type(error).__mro__ if kind in ERROR_MESSAGES)
    text = say(language, sentence, task=task_id)
    message = "" if isinstance(error, TaskNotFound) else plain(error.message, MESSAGE_LIMIT)
    return f"{text}\n{say(language, messages.API_SAID, message=message)}" if message else text
