"""The one table from what went wrong to what the person who asked is told."""

from typing import Final

from bot import words
from bot.veo.errors import KeyRefused, RateLimited, TaskNotFound, VeoError

SENTENCES: Final[dict[type[Exception], str]] = {
    TaskNotFound: words.UNKNOWN_TASK,
    KeyRefused: words.LOOK_REFUSED,
    RateLimited: words.LOOK_LIMITED,
    VeoError: words.LOOK_FAILED,
}


def sentence_for(error: Exception) -> str:
    """Return the sentence of the nearest class that has one."""
    return next(SENTENCES[kind] for kind in type(error).__mro__ if kind in SENTENCES)
