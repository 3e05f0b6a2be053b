"""Plays the scenes of one batch side by side, in a process of its own: `python -m bench.player`, JSON in and out."""

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from bench import measure
from bench.scene import Load, play

APART: Final = 0.4
"""Seconds between the starts of two bots."""


async def play_all(scenes: list[dict[str, Any]], seed: int, bots_core: int) -> list[dict[str, Any]]:
    async def one(number: int, scene: dict[str, Any]) -> dict[str, Any]:
        load = Load.from_dict(scene["load"])
        with tempfile.TemporaryDirectory() as folder:
            try:
                await asyncio.sleep(number * APART)
                async with asyncio.timeout(load.timeout):
                    found = await play(load, scene["bot"], seed, Path(folder), bots_core)
            except Exception as error:  # one scene's failure is told and stops no other
                return {"failed": f"{type(error).__name__}: {error}"[:800]}
            return {"figures": found}

    return list(await asyncio.gather(*(one(number, scene) for number, scene in enumerate(scenes))))


def main() -> int:
    orders = json.load(sys.stdin)
    cores = measure.cores()
    measure.pin(os.getpid(), cores[-1])
    print(json.dumps(asyncio.run(play_all(orders["scenes"], orders["seed"], cores[0]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
