"""What one look at a render teaches about when renders end."""

from typing import Final

from bot.core.course import course
from bot.core.experience import Experience
from bot.core.task import Task
from bot.core.watch import Watch

LEARNED_FROM: Final = 60.0
"""Seconds between two looks, at most; after an outage nobody knows what was when."""


def learn(experience: Experience, before: Watch, task: Task, now: float) -> bool:
    """Take in what a look told about a render that ran at the look before; say whether it has ended."""
    if before.began_at is None or before.looked_at is None:
        return False
    gap = now - before.looked_at
    if not 0 < gap <= LEARNED_FROM:
        return False
    way = course(before.marks, before.began_at, before.looked_at)
    if not task.state.ended:
        experience.lived(way, gap)
        return False
    updated_at = task.updated_at
    told = updated_at is not None and before.looked_at < updated_at < now
    until = updated_at - before.looked_at if told and updated_at is not None else gap / 2
    experience.lived(way, until)
    experience.ended(way.after(until))
    return True


def learn_nothing_new(experience: Experience, before: Watch, until: float) -> None:
    """Take in that a render went on until a time, as all looks since the watch's last step have told."""
    if before.began_at is not None and before.looked_at is not None and until > before.looked_at:
        way = course(before.marks, before.began_at, before.looked_at)
        experience.lived(way, until - before.looked_at)
