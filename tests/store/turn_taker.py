"""A process with requests that wait all the time: `python -m store.turn_taker URL`; used by `test_turns`.

It says `ready`, begins with the next line of its input, and writes when each request passed (Unix seconds).
"""

import asyncio
import sys
import time
from typing import Final

from sqlalchemy.engine import make_url

from bot.gateway.rate_limiter import Priority, RateLimiter
from bot.store.turns import Turns

WAITING: Final = 60
REQUESTS: Final = 150


async def main(url: str) -> None:
    turns, limiter, passed = Turns(make_url(url)), RateLimiter(), list[float]()
    await turns.take("to connect", 0.0)
    limiter.take_turn = turns.take
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)

    async def sender() -> None:
        while len(passed) < REQUESTS:
            await limiter.enter(Priority.PROGRESS)
            passed.append(time.time())

    await asyncio.gather(*(sender() for _ in range(WAITING)))
    await turns.close()
    sys.stdout.write(" ".join(map(str, passed[:REQUESTS])))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
