"""A result as planned messages, and how far each has been delivered."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One planned message of a result, stored so that it can be repeated unchanged after a crash.

    `content` is at most 2,000 characters, `mentions` the ids of the people it pings, `urls_file` the lines
    of the attached `urls.txt`, if there is one.
    """

    content: str
    mentions: tuple[int, ...] = ()
    urls_file: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One planned message; `part` from 1. Sent once `message_id` is known.

    `intended_at` is Unix seconds by Discord's clock: it is compared with the times of messages.
    """

    part: int
    message: Message
    intended_at: float | None = None
    message_id: int | None = None
