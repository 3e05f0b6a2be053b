"""One scene: so many people watch so many renders by one bot, all on real sockets; and what they notice of it.

A scene starts a bot, has everything watched, waits until that has settled, and then looks at a window of time. Whoever
gets a result in it begins another watch, so the load stays as it is, and commands are measured under it.
"""

import asyncio
import heapq
import random
import re
import time
from collections import deque
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from bench import seen
from bench.kinds import Trace
from bench.measure import Figures
from bench.process import Bot, Which
from bench.seen import Watched
from bench.simulators import DiscordSim, Place, Render, TaskApi, settle, slow
from bench.stored import store_watches
from bench.window import look_at

REST_SECONDS: Final = 2.0
UNANSWERED: Final = 40
"""Commands in flight at one time while a large scene is set up."""
START_SECONDS: Final = 60.0
TICK: Final = 0.05
TASK_ID: Final = re.compile(r"[0-9a-f]{8}-0000-4000-8000-[0-9a-f]{12}")


@dataclass(frozen=True)
class Load:
    """What a scene consists of. Times are seconds."""

    name: str
    watches: int
    channels: int
    window: float = 30.0
    expired: bool = False
    """Whether the interactions' tokens have ended, as after 15 minutes."""
    round_trip: float = 0.0
    """That to the task API."""
    discord: float = 0.1
    """How long Discord takes to answer."""
    allowed: float | None = None
    """Requests a second that the task API takes."""
    tasks_a_card: int = 1
    shortest: float = 60.0
    longest: float = 180.0
    gently: bool = False
    """Whether commands come a few a second from the beginning, so that all of them are measured."""
    settling: float = 5.0
    stored: bool = False
    """Whether the bot finds the watches in its data when it starts, instead of hearing commands."""
    act: str = ""
    """What happens at the window's beginning: nothing, `restart`, or `burst` (1,000 renders end in one second)."""
    timeout: float = 400.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Self:
        return cls(**record)


@dataclass
class Scene:
    """A scene under way."""

    load: Load
    bot: Bot
    sim: DiscordSim
    api: TaskApi
    place: Place
    chance: random.Random
    watched: list[Watched] = field(default_factory=list)
    late: list[Watched] = field(default_factory=list)
    """Those whose render has ended and whose result has not come."""
    _ahead: list[tuple[float, int, Watched]] = field(default_factory=list)
    """The others, the next end first."""
    _by_id: dict[str, Watched] = field(default_factory=dict)
    _read: dict[int, int] = field(default_factory=dict)
    """The newest message that was looked at, by channel."""

    def draw(self, *, fresh: bool) -> Render:
        """Make a render that has just begun, or one somewhere on its way, as many as there are of each age."""
        number = len(self.api.known)
        while True:
            ends = self.chance.uniform(self.load.shortest, self.load.longest)
            if self.chance.random() < ends / self.load.longest:  # long ones are met more often
                break
        if fresh:
            ends, age = self.chance.uniform(self.load.shortest, self.load.longest), self.chance.uniform(0, 3)
        else:
            age = self.chance.random() * (ends - 1)
        trace = Trace(ends, lambda at: min(99, int(100 * at / ends)))
        render = Render(
            f"{number:08x}-0000-4000-8000-{self.chance.getrandbits(48):012x}", time.time() - age, trace
        )
        self.api.add(render)
        return render

    async def watch(self, number: int, *, fresh: bool) -> None:
        """Have somebody watch new renders on one card."""
        user, channel = self.place.of(number)
        renders = [self.draw(fresh=fresh) for _ in range(self.load.tasks_a_card)]
        use = await self.sim.slash(
            user, channel, "veo", "watch", id=" ".join(render.id for render in renders)
        )
        for render in renders:
            self.add(Watched(render, use, channel, number))

    def add(self, watched: Watched) -> None:
        """Look out for the result of another render."""
        self.watched.append(watched)
        self._by_id[watched.render.id] = watched
        heapq.heappush(self._ahead, (watched.render.ends, len(self.watched), watched))

    async def fill(self) -> None:
        """Begin all watches, a few a second or as fast as the bot takes them."""
        waiting: deque[Watched] = deque()
        for number in range(self.load.watches // self.load.tasks_a_card):
            if self.load.gently:
                await asyncio.sleep(0.2)
            while len(waiting) >= UNANSWERED:
                self.bot.check()
                await asyncio.sleep(0.01)
                waiting = deque(each for each in waiting if not each.answered)
            await self.watch(number, fresh=False)
            waiting.append(self.watched[-1])
        await self.until(lambda: all(each.answered for each in waiting), 10.0)

    async def until(self, is_so: Any, within: float) -> bool:
        """Wait until something is so; say whether it came to be."""
        end = time.time() + within
        while not is_so():
            self.bot.check()
            if time.time() > end:
                return False
            await asyncio.sleep(0.01)
        return True

    async def live(self, seconds: float, *, replace: bool) -> None:
        """Let time pass; whoever got a result begins another watch."""
        end = time.time() + seconds
        while (now := time.time()) < end:
            self.bot.check()
            for each in self.look(now):
                if replace and self.load.tasks_a_card == 1:
                    await self.watch(each.number, fresh=True)
            await asyncio.sleep(TICK)

    def look(self, now: float) -> list[Watched]:
        """Find the results that have come since the last look."""
        while self._ahead and self._ahead[0][0] <= now:
            self.late.append(heapq.heappop(self._ahead)[2])
        for channel in {each.channel.id: each.channel for each in self.late}.values():
            for message in reversed(channel.messages.values()):
                if message.id <= self._read.get(channel.id, 0):
                    break
                for task_id in TASK_ID.findall(message.text):
                    if task_id in self._by_id:
                        self._by_id[task_id].told_by(message)
            self._read[channel.id] = max(channel.messages, default=0)
        posted = [each for each in self.late if each.result_at is not None]
        self.late = [each for each in self.late if each.result_at is None]
        return posted

    def end_soon(self, count: int, seconds: float) -> None:
        """Let so many renders that are under way end within so many seconds from now."""
        now = time.time()
        for _, _, each in self._ahead[:count]:
            each.render.created = now + self.chance.uniform(0, seconds) - each.render.trace.ends
        self._ahead = [(each.render.ends, number, each) for _, number, each in self._ahead]
        heapq.heapify(self._ahead)


async def play(load: Load, which: Which, seed: int, folder: Path, core: int) -> Figures:
    """Play a scene from the start of its bot to its end; return what was found."""
    async with AsyncExitStack() as stack:
        sim = await stack.enter_async_context(DiscordSim(token="bench.token"))
        api = await stack.enter_async_context(TaskApi(load.round_trip, load.allowed))
        addresses = {
            "DISCORD_API_URL": sim.base_url,
            "DISCORD_TOKEN": sim.token,
            "VEO_API_BASE_URL": api.base_url,
            "VEO_API_KEY": "bench-key",
        }
        bot = Bot(which, folder, core, addresses)
        stack.push_async_callback(bot.stop)
        place = settle(sim, load.watches, load.channels)
        scene = Scene(load, bot, sim, api, place, random.Random(seed))
        if load.stored:
            await store_watches(scene, folder)
        began = await bot.start()
        if not await scene.until(lambda: sim.gateway.ready and sim.command_writes, START_SECONDS):
            raise RuntimeError(f"{which} did not start: {bot.last_words()}")
        ready = time.time() - began
        await asyncio.sleep(REST_SECONDS)
        at_rest = bot.used()
        slow(sim, load.discord)
        if not load.stored:
            await scene.fill()
        if load.expired:
            await scene.live(2.0, replace=False)
            sim.world.token_lifetime = 1.0  # every card's token is older than that
        await scene.live(load.settling, replace=not load.expired)
        figures = await look_at(scene)
        await bot.stop()
        figures |= seen.rows(folder)
        return figures | {
            "ready": ready,
            "memory_rest": at_rest.memory if at_rest and not load.stored else None,
        }
