"""Busy channels: many live watches where Discord takes few edits, in virtual time against the simulated Discord.

Every limit of Discord's is enforced by the simulator, and each of its answers takes as long as Discord's own.
"""

import asyncio
import multiprocessing
import random
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import virtual_time
from discord_sim import Channel, Fault, Message
from wire.place import Place, place

from bench.measure import Say, Section, median, percentile

ANSWER_SECONDS: Final = 0.15
"""How long Discord takes to answer."""
TOKEN_SECONDS: Final = 840.0
"""How long an interaction's token is used."""
EVERY: Final = 1.0
RESULTS_WITHIN: Final = 5.0
STALE_WITHIN: Final = 10.0
SEEDS: Final = 5


@dataclass
class Render:
    """One made-up render: steady progress from its start until its end."""

    task_id: str
    begun: float
    seconds: float
    ended: bool = False

    def answer(self, now: float) -> Mapping[str, Any]:
        age = now - self.begun
        done = age >= self.seconds
        url = f"https://cdn.example/{self.task_id}.mp4"
        return {
            "id": self.task_id,
            "state": "succeeded" if done else "running",
            "data": {"videos": [{"url": url}] if done else []},
            "progress": 100 if done else int(100 * age / self.seconds),
            "create_time": int(self.begun),
            "update_time": int(min(now, self.begun + self.seconds)),
            "message": "",
            "action": "generate",
        }


@dataclass
class Seen:
    """What was measured, in seconds."""

    result_after: list[float] = field(default_factory=list)
    stale_with_token: list[float] = field(default_factory=list)
    stale_later: list[float] = field(default_factory=list)
    refused: int = 0


@dataclass
class Case:
    """So many watches over so many channels, ending between `shortest` and `longest` seconds of age."""

    name: str
    watches: int
    channels: int
    shortest: float
    longest: float


CASES: Final = (
    Case("50 in one channel", 50, 1, 60.0, 600.0),
    Case("50 in one channel, long renders", 50, 1, 900.0, 1200.0),
    Case("200 over 20 channels", 200, 20, 60.0, 600.0),
)


async def live_through(case: Case, seed: int, folder: Path) -> Seen:
    """Watch everything from its start to its result."""
    chance = random.Random(seed)
    seen = Seen()
    async with place(folder, watches_per_person=1000, watches_per_server=1000) as here:
        here.sim.fault(Fault(delay=ANSWER_SECONDS, times=None))
        channels = [here.guild.add_channel(f"renders-{number}") for number in range(case.channels)]
        following: dict[str, tuple[Render, Message, Channel]] = {}
        for number in range(case.watches):
            render = Render(
                f"{number:08x}-0000-4000-8000-{seed:012x}",
                here.clock(),
                chance.uniform(case.shortest, case.longest),
            )
            here.api.set(render.task_id, render.answer(here.clock()))
            channel = channels[number % case.channels]
            use = await here.sim.slash(here.ada, channel, "veo", "watch", id=render.task_id)
            card = (await use.acknowledged()).response
            assert card is not None
            following[render.task_id] = render, card, channel
            _move(here, following)
        await _follow(here, following, seen)
        seen.refused = sum(request.status == 429 for request in here.sim.requests)
    return seen


def _move(here: Place, following: Mapping[str, tuple[Render, Message, Channel]]) -> None:
    for render, _, _ in following.values():
        if not render.ended:
            here.api.set(render.task_id, render.answer(here.clock()))
            render.ended = here.clock() >= render.begun + render.seconds


async def _follow(here: Place, following: dict[str, tuple[Render, Message, Channel]], seen: Seen) -> None:
    """Move the renders on and look at the channels every second until each result is there."""
    assert here.app is not None
    waiting_since: dict[int, float] = {}
    began = here.clock()
    while following:
        await asyncio.sleep(EVERY)
        now = here.clock()
        _move(here, following)
        senders = [sender for sender, _ in here.app.messenger._senders.values()]
        wanted = {card_id for sender in senders for card_id in sender.outbox.wanted}
        waiting_since = {card_id: waiting_since.get(card_id, now) for card_id in wanted}
        stale = seen.stale_with_token if now - began < TOKEN_SECONDS else seen.stale_later
        stale += [now - since for since in waiting_since.values()]
        stale += [0.0] * (len(following) - len(waiting_since))
        for render, card, channel in [those for those in following.values() if those[0].ended]:
            reply = next((m for m in here.sim.messages(channel) if m.reference is card), None)
            if reply is not None:
                del following[render.task_id]
                seen.result_after.append(max(0.0, reply.created_at - render.begun - render.seconds))


def _live(case: Case, seed: int) -> Seen:
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=virtual_time.new_event_loop) as runner,
    ):
        return runner.run(live_through(case, seed, Path(folder)))


def run(*, short: bool, say: Say) -> Section:
    """Live through each case with several seeds."""
    section = Section("Busy channels")
    rows: list[list[object]] = []
    late, stale, refused = [], [], 0
    seeds = range(SEEDS if short else 2 * SEEDS)
    # Nothing of this is timed by the machine's clock: the cores may share the work.
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        lives = {case.name: [pool.submit(_live, case, seed) for seed in seeds] for case in CASES}
        for number, life in enumerate(as_completed(life for those in lives.values() for life in those), 1):
            life.result()
            say(f"{number} of {len(CASES) * len(seeds)} worlds")
    for case in CASES:
        lived = [life.result() for life in lives[case.name]]
        results = [percentile(seen.result_after, 0.95) for seen in lived]
        with_token = [percentile(seen.stale_with_token, 0.95) for seen in lived]
        later = [percentile(seen.stale_later, 0.95) for seen in lived if seen.stale_later]
        refused += sum(seen.refused for seen in lived)
        late.append(median(results))
        stale.append(median(with_token))
        rows.append(
            [
                case.name,
                f"{median([median(seen.result_after) for seen in lived]):.1f}",
                f"{median(results):.1f}",
                f"{median(with_token):.1f}",
                f"{median(later):.1f}" if later else "–",
            ]
        )
    section.table(
        [
            "watches",
            "result after the end, s",
            "95 %",
            "stale card while tokens live, 95 %",
            "after that, 95 %",
        ],
        *rows,
    )
    section.text = f"Discord refused {refused} requests for being too many. The way from a look to the card and its answer is in these times, copies of videos are off."
    section.headline = (
        "result in a channel with 50 live watches, after the end at the task API, 95 %",
        f"{rows[0][2]} s",
        "–",
    )
    section.goal("results 5 s after the end at 95 %", met=max(late) <= RESULTS_WITHIN)
    section.goal("cards never staler than 10 s at 95 % while tokens live", met=max(stale) <= STALE_WITHIN)
    section.goal("no 429 caused", met=refused == 0)
    return section
