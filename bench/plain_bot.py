"""A plain discord.py bot for the same job, written in an hour: what the real one is measured beside.

`/veo watch id` posts a card; a loop asks the task API every five seconds and edits the card through the interaction (after
its 15 minutes through the channel); at the end one message says so. It remembers nothing, and keeps no limits but discord.py's.
"""

import asyncio
import os
from typing import Any

import aiohttp
import discord
from discord import app_commands

EVERY = 5.0
API = f"{os.environ['VEO_API_BASE_URL']}/v1/videos/tasks"
discord.http.Route.BASE = os.environ["DISCORD_API_URL"]
client = discord.AutoShardedClient(intents=discord.Intents(guilds=True))
tree = app_commands.CommandTree(client)
veo = app_commands.Group(name="veo", description="Veo renders", guild_only=True)
tree.add_command(veo)
loops: set[asyncio.Task[None]] = set()


async def ask(session: aiohttp.ClientSession, task_id: str) -> dict[str, Any] | None:
    """Return the task API's answer, or None where there is none that can be used."""
    try:
        async with session.get(f"{API}/{task_id}", raise_for_status=True) as response:
            return dict(await response.json())
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None


def card(task_id: str, task: dict[str, Any] | None) -> str:
    if task is None:
        return f"`{task_id}`: no answer yet"
    over = task["state"] in {"succeeded", "error"}
    return f"`{task_id}`: **{task['state']}**" + ("" if over else f"\n{task['progress']} %")


async def follow(session: aiohttp.ClientSession, interaction: discord.Interaction, task_id: str) -> None:
    shown = card(task_id, await ask(session, task_id))
    message_id = (await interaction.response.send_message(shown)).message_id
    channel: Any = interaction.channel
    edit: Any = interaction.edit_original_response
    while True:
        await asyncio.sleep(EVERY)
        task = await ask(session, task_id)
        text = card(task_id, task)
        if task is not None and text != shown:
            try:
                await edit(content=text)
            except discord.HTTPException:  # the token has ended
                edit = channel.get_partial_message(message_id).edit
                await edit(content=text)
            shown = text
        if task is not None and task["state"] in {"succeeded", "error"}:
            links = "\n".join(video["url"] for video in task["data"]["videos"])
            await channel.send(f"{interaction.user.mention} {text}\n{links or task['message']}")
            return


async def main() -> None:
    async with aiohttp.ClientSession(headers={"Authorization": os.environ["VEO_API_KEY"]}) as session, client:

        @veo.command(description="Follow a render")
        async def watch(interaction: discord.Interaction, id: str) -> None:  # noqa: A002 it is what people type
            loops.add(following := asyncio.create_task(follow(session, interaction, id)))
            following.add_done_callback(loops.discard)

        client.setup_hook = tree.sync  # type: ignore[method-assign, assignment]
        await client.start(os.environ["DISCORD_TOKEN"])


if __name__ == "__main__":
    asyncio.run(main())
