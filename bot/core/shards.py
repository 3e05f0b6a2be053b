"""Discord's shards: each server belongs to exactly one, by its id."""

from dataclasses import dataclass
from typing import Final, NamedTuple

TIMESTAMP_SHIFT: Final = 22
"""Bits of a server's id below its time of creation, which Discord's formula leaves out."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` shards."""

    number: int
    count: int

    def has(self, guild_id: int) -> bool:
        """Return whether a server is in this shard; direct messages, without a server, are in shard 0."""
        return (guild_id >> TIMESTAMP_SHIFT) % self.count == self.number


class Holding(NamedTuple):
    """How many shards a process holds, of how many, and how many processes share them; 0 before it joins."""

    held: int
    wanted: int
    members: int
