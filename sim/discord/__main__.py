"""A simulated Discord for a bot in another process: `.venv/bin/python -m sim.discord`.

It prints the settings that lead a bot to it, then what the channel shows, and takes one command a line:
`watch ID`, `status ID`, `stop ID` or `list`, which somebody types to the bot, `kick` and `invite`, which
let the bot leave the server and come back. Ctrl-C ends it.
"""

import argparse
import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator

from sim.discord import Channel, DiscordSim, User


async def serve(port: int) -> None:
    """Serve until cancelled."""
    sim = DiscordSim()
    sim.port = port
    async with sim:
        guild = sim.add_guild("Studio")
        channel = guild.add_channel("renders")
        moods = {"kick": guild.remove_bot, "invite": guild.add_bot}
        ada = sim.add_user("Ada")
        print(f"DISCORD_API_URL={sim.base_url}\nDISCORD_TOKEN={sim.token}", flush=True)
        showing = asyncio.create_task(_show(sim, channel))
        try:
            async for line in _lines():
                if mood := moods.get(line[0]):
                    mood()
                else:
                    await _type(sim, ada, channel, line)
            await asyncio.Event().wait()  # without a terminal it is only served
        finally:
            showing.cancel()


async def _lines() -> AsyncIterator[list[str]]:
    """Yield the words of each line of the input that has some, until it ends."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        for line in iter(sys.stdin.readline, ""):
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")

    # Not in asyncio's pool of threads, for whose ends an exit would wait.
    threading.Thread(target=read, daemon=True).start()
    while line := await lines.get():
        if words := line.split():
            yield words


async def _type(sim: DiscordSim, ada: User, channel: Channel, line: list[str]) -> None:
    command, *ids = line
    try:
        if ids:
            use = await sim.slash(ada, channel, "veo", command, id=" ".join(ids))
        else:
            use = await sim.slash(ada, channel, "veo", command)
        await use.acknowledged()
    except Exception as error:
        print(f"! {type(error).__name__}: {error}", flush=True)
    else:
        if use.ephemeral:
            print(f"(only you see this) {use.text}", flush=True)


async def _show(sim: DiscordSim, channel: Channel) -> None:
    """Print each message of the channel whenever it has changed."""
    shown: dict[int, str] = {}
    while True:
        for message in sim.messages(channel):
            if shown.get(message.id) != message.text:
                shown[message.id] = message.text
                print(f"--- message {message.id}\n{message.text}", flush=True)
        await asyncio.sleep(0.2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port to serve on (default: a free one)")
    try:
        asyncio.run(serve(parser.parse_args().port))
    except OSError as error:
        sys.exit(f"it cannot be served: {os.strerror(error.errno or 0)}; choose another --port")
    except KeyboardInterrupt:
        pass
