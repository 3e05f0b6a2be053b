"""A simulated Discord for a bot in another process: `.venv/bin/python -m sim.discord`.

It prints the settings that point a bot at it, then what the channel shows, and reads one command per line:
`watch ID`, `status ID`, `stop ID` and `list` use the bot's commands as a person; `kick` and `invite` remove
the bot from the server and add it again. Ctrl-C ends it.
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
        membership = {"kick": guild.remove_bot, "invite": guild.add_bot}
        ada = sim.add_user("Ada")
        print(f"DISCORD_API_URL={sim.base_url}\nDISCORD_TOKEN={sim.token}", flush=True)
        showing = asyncio.create_task(_show(sim, channel))
        try:
            async for line in _lines():
                if change := membership.get(line[0]):
                    change()
                else:
                    await _type(sim, ada, channel, line)
            await asyncio.Event().wait()  # end of input: keep serving
        finally:
            showing.cancel()


async def _lines() -> AsyncIterator[list[str]]:
    """Yield the words of each non-empty input line until the input ends."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        for line in iter(sys.stdin.readline, ""):
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")

    # Not in asyncio's thread pool: a blocked read there would delay the exit.
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
    """Print every message of the channel whenever it changes."""
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
        sys.exit(f"cannot serve: {os.strerror(error.errno or 0)}; choose another --port")
    except KeyboardInterrupt:
        pass
