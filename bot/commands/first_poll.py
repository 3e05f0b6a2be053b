"""Polls that a person waits for. If they outlast the time for a first response, a placeholder is sent."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final
from weakref import WeakValueDictionary

from bot import answers
from bot.cards.text import plain
from bot.commands.response import Response
from bot.core.task import Task
from bot.engine.poller import Poller
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
LONG_WAIT: Final = 2.0
"""Whoever has to wait longer for the budget of requests gets the placeholder at once."""
LATE_SECONDS: Final = 3.0
"""How much longer the polls of several tasks may take; that of a single one may take its whole time."""
MAX_CONCURRENT: Final = 24
"""Concurrent polls for people, limited so that the poller always gets its share."""
MAX_PER_PERSON: Final = 5
"""The same for one person, so that nobody blocks the others."""
TURN_SECONDS: Final = 15.0
"""How long a poll waits for its turn."""
MESSAGE_LIMIT: Final = 300
"""Characters shown of the API's own error message."""
ERROR_MESSAGES: Final[dict[type[Exception], str]] = {
    TaskNotFound: answers.UNKNOWN_TASK,
    TaskRefused: answers.POLL_REFUSED,
    KeyRefused: answers.POLL_KEY_REFUSED,
    RateLimited: answers.POLL_LIMITED,
    BrokenAnswer: answers.POLL_UNREADABLE,
    VeoError: answers.POLL_FAILED,
}
"""What the user reads after each error. A class without an entry uses that of its nearest base."""


class FirstPoll:
    """Polls tasks for people."""

    def __init__(self, poller: Poller) -> None:
        self._poller: Final = poller
        self._slots: Final = asyncio.Semaphore(MAX_CONCURRENT)
        self._slots_by_person: Final = WeakValueDictionary[int, asyncio.Semaphore]()
        """An entry disappears once no poll holds it or waits for it."""
        self._polls: Final = set[asyncio.Future[Task | VeoError]]()

    async def of(self, response: Response, task_ids: Sequence[str]) -> dict[str, Task | VeoError]:
        """Poll tasks concurrently; return each one's task or error, in the order of the ids.

        Of several tasks, those without an answer soon count as unanswered: they must not hold up the others.

        Raises:
            ResponseFailed: the placeholder could not be sent.
        """
        person = response.interaction.user.id
        slots = self._slots_by_person.setdefault(person, asyncio.Semaphore(MAX_PER_PERSON))
        polls = [asyncio.ensure_future(self._poll_in_turn(slots, task_id)) for task_id in task_ids]
        if not polls:
            return {}
        response.turn.give_back()
        self._polls.update(polls)
        try:
            soon = self._poller.person_delay() < LONG_WAIT
            _, late = await asyncio.wait(polls, timeout=FIRST_POLL_SECONDS if soon else 0)
            if late:
                await response.placeholder(task_ids)
                await asyncio.wait(late, timeout=None if len(polls) == 1 else LATE_SECONDS)
            return dict(zip(task_ids, map(_result, polls), strict=True))
        finally:
            self._polls.difference_update(polls)
            for poll in polls:
                poll.cancel()

    def close(self) -> None:
        """End all polls unanswered: their watches must be stored before the bot stops."""
        for poll in self._polls:
            poll.cancel()

    async def _poll_in_turn(self, slots_of_person: asyncio.Semaphore, task_id: str) -> Task | VeoError:
        try:
            async with AsyncExitStack() as turns:
                try:
                    async with asyncio.timeout(TURN_SECONDS):
                        # The person's own limit comes first: however many tasks they ask for, at most
                        # `MAX_PER_PERSON` of their polls queue ahead of somebody else's.
                        await turns.enter_async_context(slots_of_person)
                        await turns.enter_async_context(self._slots)
                except TimeoutError:
                    raise Unavailable("too many polls at once") from None
                return await self._poller.poll_for_person(task_id)
        except VeoError as error:
            log.info("a poll for a person failed", extra={"task": task_id, "reason": str(error)})
            return error


def _result(poll: asyncio.Future[Task | VeoError]) -> Task | VeoError:
    answered = poll.done() and not poll.cancelled()
    return poll.result() if answered else Unavailable("unanswered")


def error_message(error: VeoError, language: str, task_id: str) -> str:
    """Return what the user reads after an error: our sentence, then the API's own message if it helps."""
    sentence = next(ERROR_MESSAGES[kind] for kind in type(error).__mro__ if kind in ERROR_MESSAGES)
    text = say(language, sentence, task=task_id)
    message = "" if isinstance(error, TaskNotFound) else plain(error.message, MESSAGE_LIMIT)
    return f"{text}\n{say(language, answers.API_SAID, message=message)}" if message else text
