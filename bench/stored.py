"""Watches that the bot finds in its data when it starts: so many that beginning them by command would take an hour."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.seen import StoredCard, Watched
from bot.store.sqlite import SqliteDatabase
from bot.store.store import Store
from sim.discord.message import IS_COMPONENTS_V2, Message

if TYPE_CHECKING:
    from bench.scene import Scene


async def store_watches(scene: "Scene", folder: Path) -> None:
    """Put a scene's cards into the bot's data and into their channels, before the bot runs."""
    load = scene.load
    database = SqliteDatabase(folder / "bot.db", executor=None)
    await database.open()
    try:
        store = Store(database)
        for number in range(load.watches // load.tasks_a_card):
            user, channel = scene.place.of(number)
            assert channel.guild is not None
            renders = [scene.draw(fresh=False) for _ in range(load.tasks_a_card)]
            message = Message(channel.world, channel, channel.world.bot)
            message.flags = IS_COMPONENTS_V2
            channel.messages[message.id] = message
            now = time.time()
            await store.add_card(
                guild_id=channel.guild.id,
                channel_id=channel.id,
                message_id=message.id,
                starter_id=user.id,
                language="en",
                task_ids=[render.id for render in renders],
                now=now,
                known=[render.id for render in renders],
            )
            for render in renders:
                scene.add(Watched(render, StoredCard(message, now), channel, number))
    finally:
        await database.close()
