"""The polls that a person waits for: within the time of a first response, or announced by a line."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from bot import messages
from bot.commands.response import Response
from bot.commands.turns import PersonByPerson
from bot.core.task import Task
from bot.engine.breaker import PollFn
from bot.messages import say
from bot.veo.errors import Unavailable, VeoError

log = logging.getLogger(__name__)

FIRST_POLL_SECONDS: Final = 1.5
"""How long the API may take to be in the first response; after that a line says that we are looking."""
AT_ONCE: Final = 24
"""Polls for people under way at once: however much they ask, the poller finds a way to the API."""
OF_ONE_PERSON: Final = 5
"""The same for one person: what they wait for holds up nobody else."""
TURN_SECONDS: Final = 15.0
"""How long a poll waits for its turn, at most."""


class FirstPoll:
    """Polls tasks for people."""

    def __init__(self, poll: PollFn) -> None:
        self._poll: Final = poll
        self._turns: Final = PersonByPerson(AT_ONCE, OF_ONE_PERSON)

    async def at(self, response: Response, task_ids: Sequence[str]) -> dict[str, Task | VeoError]:
        """Poll tasks, all at once; return what each poll brought, in the order of the ids.

        Raises:
            ResponseFailed: the line could not be said.
        """
        person = response.interaction.user.id
        polls = [asyncio.ensure_future(self._told(task_id, person)) for task_id in task_ids]
        if not polls:
            return {}
        response.turn.give_back()
        try:
            _, late = await asyncio.wait(polls, timeout=FIRST_POLL_SECONDS)
            if late:
                await send_placeholder(response, task_ids)
            return dict(zip(task_ids, await asyncio.gather(*polls), strict=True))
        finally:
            for poll in polls:
                poll.cancel()

    async def _told(self, task_id: str, person: int) -> Task | VeoError:
        try:
            return await self._in_turn(task_id, person)
        except VeoError as error:
            log.info("a poll for a person failed", extra={"task": task_id, "reason": str(error)})
            return error

    async def _in_turn(self, task_id: str, person: int) -> Task:
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turns.take(person)
        except TimeoutError:
            raise Unavailable("too many questions at once") from None
        try:
            return await self._poll(task_id)
        finally:
            self._turns.give_back(person)


async def send_placeholder(response: Response, task_ids: Sequence[str]) -> int:
    """Say to everybody that we look at tasks, unless it is said already; return the line's message id.

    Raises:
        ResponseFailed: it could not be said.
    """
    sentence = messages.LOOKING if len(task_ids) == 1 else messages.LOOKING_AT_SEVERAL
    return await response.placeholder(
        say(response.channel_language, sentence, task=task_ids[0], count=len(task_ids))
    )
