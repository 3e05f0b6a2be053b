"""A result as messages: what is planned, and how far each has come."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a result as it was planned, so that a crash repeats it to the letter.

    `content` is at most 2,000 characters, `mentions` the ids of the people it may call, `urls_file` the lines
    of the attached `urls.txt`, if there is one.
    """

    content: str
    mentions: tuple[int, ...] = ()
    urls_file: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One planned message; `part` from 1. Sent once `message_id` is known.

    `intended_at` is Unix seconds by Discord's clock, for it is compared with messages.
    """

    part: int
    message: Message
    intended_at: float | None = None
    message_id: int | None = None
