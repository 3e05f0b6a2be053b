"""The one table from what went wrong to what the person who asked is told."""

from typing import Final

from bot import messages
from bot.cards.text import plain
from bot.messages import say
from bot.veo.errors import BrokenAnswer, KeyRefused, RateLimited, TaskNotFound, TaskRefused, VeoError

MESSAGE_LIMIT: Final = 300
"""Characters of the API's own words."""

SENTENCES: Final[dict[type[Exception], str]] = {
    TaskNotFound: messages.UNKNOWN_TASK,
    TaskRefused: messages.POLL_REFUSED,
    KeyRefused: messages.LOOK_REFUSED,
    RateLimited: messages.LOOK_LIMITED,
    BrokenAnswer: messages.POLL_UNREADABLE,
    VeoError: messages.LOOK_FAILED,
}


def describe(error: VeoError, language: str, task_id: str) -> str:
    """Return the sentence of the nearest class that has one, and what the API said besides "no such task"."""
    sentence = next(SENTENCES[kind] for kind in type(error).__mro__ if kind in SENTENCES)
    told = say(language, sentence, task=task_id)
    message = "" if isinstance(error, TaskNotFound) else plain(error.message, MESSAGE_LIMIT)
    return f"{told}\n{say(language, messages.API_SAID, message=message)}" if message else told
