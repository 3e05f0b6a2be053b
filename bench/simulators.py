"""The simulated Discord and the simulated task API, as the benchmarks use them; the only module that knows where they are."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bench.kinds import Trace
from sim.discord import Channel, DiscordSim, Fault, Invocation, Message, User
from sim.task_api.answers import Answer
from sim.task_api.limiter import Limiter
from sim.task_api.server import RenderApi

__all__ = ["Channel", "DiscordSim", "Invocation", "Message", "Place", "Render", "TaskApi", "settle", "slow"]

SERVER_WATCHES: Final = 250
PERSON_WATCHES: Final = 20
"""So many watches share a server and a person: the shipped limits are 250 and 25."""
REFUSED: Final = Answer.json({"message": "too many requests"}, 429, {"Retry-After": "1"})


@dataclass
class Render:
    """One render of the task API: when it began (Unix seconds), what it does, and when it was asked for."""

    id: str
    created: float
    trace: Trace
    polls: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def ends(self) -> float:
        return self.created + self.trace.ends

    def progress(self, at: float) -> int:
        return 100 if at >= self.ends else self.trace.progress(max(0.0, at - self.created)) or 0

    def answer(self, at: float, base: str) -> dict[str, Any]:
        over = at >= self.ends
        # A video on this machine is fetched by nobody: the real bot takes public addresses only.
        videos = [{"url": f"{base}/media/{self.id}.mp4"}] if over else []
        return {
            "id": self.id,
            "state": "succeeded" if over else "running",
            "data": {"videos": videos},
            "progress": self.progress(at),
            "create_time": int(self.created),
            "update_time": int(min(at, self.ends)),
            "message": "",
            "action": "generate",
        }


class TaskApi(RenderApi):
    """The simulated task API with renders that are added at any time, a round trip, and a limit of requests a second."""

    def __init__(
        self, round_trip: float = 0.0, allowed: float | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(renders=(), clock=clock)
        self.known: dict[str, Render] = {}
        self.round_trip = round_trip
        self.allowed = allowed
        self.answered: list[float] = []
        self.refused: list[float] = []
        self._limit: Final = None if allowed is None else Limiter("sliding", int(allowed), 1.0)

    def add(self, render: Render) -> None:
        self.known[render.id] = render

    def _decide(self, task_id: str, request: Any) -> Answer:
        now, render = self._clock(), self.known.get(task_id)
        if self._limit is not None and not self._limit.accepts(now):
            self.refused.append(now)
            if render is not None:
                render.refused += 1
            return replace(REFUSED, delay=self.round_trip)
        self.answered.append(now)
        if render is not None:
            render.polls.append(now)
        return replace(super()._decide(task_id, request), delay=self.round_trip)

    def _render(self, task_id: str) -> Mapping[str, Any] | None:
        render = self.known.get(task_id)
        return None if render is None else render.answer(self._clock(), self.base_url)


@dataclass(frozen=True)
class Place:
    """Where watch number N is begun, and by whom."""

    channels: tuple[Channel, ...]
    people: tuple[User, ...]

    def of(self, number: int) -> tuple[User, Channel]:
        return self.people[number % len(self.people)], self.channels[number % len(self.channels)]


def settle(sim: DiscordSim, watches: int, channels: int) -> Place:
    """Make servers, channels and people enough for so many watches under the shipped limits."""
    servers = [sim.add_guild(f"Studio {n}") for n in range(max(1, -(-watches // SERVER_WATCHES)))]
    rooms = [
        servers[n % len(servers)].add_channel(f"renders-{n}") for n in range(max(channels, len(servers)))
    ]
    people = [sim.add_user(f"Artist {n}") for n in range(max(2, -(-watches // PERSON_WATCHES)))]
    return Place(tuple(rooms), tuple(people))


def slow(sim: DiscordSim, seconds: float) -> None:
    """Let every request to Discord take its time, as over the internet."""
    sim.fault(Fault(delay=seconds, times=None))
