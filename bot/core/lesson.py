"""What one poll at a render teaches about when renders end."""

from typing import Final

from bot.core.course import course
from bot.core.experience import Experience
from bot.core.observed import Observed
from bot.core.task import Task

LEARNED_FROM: Final = 60.0
"""Seconds between two polls, at most; after an outage nobody knows what was when."""


def learn(experience: Experience, before: Observed, task: Task, now: float) -> bool:
    """Take in what a poll told about a render that ran at the poll before; say whether it has ended."""
    if before.began_at is None or before.polled_at is None:
        return False
    gap = now - before.polled_at
    if not 0 < gap <= LEARNED_FROM:
        return False
    way = course(before.samples, before.began_at, before.polled_at)
    if not task.state.ended:
        experience.lived(way, gap)
        return False
    updated_at = task.updated_at
    told = updated_at is not None and before.polled_at < updated_at < now
    until = updated_at - before.polled_at if told and updated_at is not None else gap / 2
    experience.lived(way, until)
    experience.ended(way.after(until))
    return True
