"""What people do: watch, follow, stop, look, talk; with events that come twice or late."""

import asyncio
import random

from simulation.world import World


async def watch(world: World) -> None:
    task = _some_task(world)
    # Often more than one. Not drawn from the world's chance, see below.
    drawn = random.Random(f"tasks {len(world.invocations)} {task}")
    others = drawn.sample(sorted(world.lives), k=drawn.choice((0, 0, 0, 1, 2, min(4, len(world.lives)))))
    await _type(world, "watch", " ".join(dict.fromkeys([task, *others])))


async def watch_several(world: World) -> None:
    tasks = world.rng.sample(sorted(world.lives), k=min(3, len(world.lives)))
    await _type(world, "watch", " ".join(tasks))


async def status(world: World) -> None:
    await _type(world, "status", _some_task(world))


async def stop(world: World) -> None:
    await _type(world, "stop", _some_task(world))


async def look_at_list(world: World) -> None:
    await _type(world, "list", "")


async def follow(world: World) -> None:
    await _press(world, "notify")


async def press_stop(world: World) -> None:
    await _press(world, "stop")


async def talk(world: World) -> None:
    """Fill a channel's history, sometimes with what looks like a result."""
    channel = world.rng.choice(world.channels)
    for _ in range(world.rng.choice((1, 5, 40))):
        channel.post(world.rng.choice(world.people), f"Is `{_some_task(world)}` done?")


def _some_task(world: World) -> str:
    return world.rng.choice(sorted(world.lives))


async def _type(world: World, command: str, task_id: str) -> None:
    channel = world.rng.choice(world.channels)
    if channel.deleted or (channel.guild is not None and not channel.guild.bot_present):
        return
    world.note(f"{command}: {task_id} in {channel.name}")
    if command == "stop":
        world.stopped.add(channel.id)
    options = {"id": task_id} if task_id else {}
    # Names, and new names for what is watched already. Not drawn from the world's chance: the seeds that are
    # known to need a safeguard go on as they did.
    drawn = random.Random(len(world.invocations))
    if command == "watch" and drawn.random() < 0.3:
        options["name"] = drawn.choice(("Shot 12", "镜头", f"`{task_id[:36]}`", "*" * 80))
    try:
        use = await world.here.sim.slash(
            world.rng.choice(world.people),
            channel,
            "veo",
            command,
            deliveries=world.rng.choice((1, 1, 1, 2)),
            **options,
        )
    except LookupError:  # its commands are not registered yet
        return
    world.invocations.append(use)
    if world.rng.random() < 0.1:  # the gateway says it again, after others

        async def again() -> None:
            world.here.sim.redeliver(use)

        world.after(world.rng.uniform(0.1, 30), again)


async def _press(world: World, action: str) -> None:
    cards = [card for card in world.cards() if any(action in b["custom_id"] for b in card.buttons)]
    if not cards:
        return
    card = world.rng.choice(cards)
    custom_id = next(b["custom_id"] for b in card.buttons if action in b["custom_id"])
    world.note(f"press {action}: {card.id}")
    if action == "stop":
        world.stopped.add(card.channel.id)
    person = world.rng.choice(world.people)
    deliveries = world.rng.choice((1, 1, 2))
    await asyncio.sleep(0)
    await world.here.sim.click(person, card, custom_id=custom_id, deliveries=deliveries, stale=True)


ACTS = {
    watch: 9,
    watch_several: 2,
    status: 1,
    stop: 0.4,
    look_at_list: 0.5,
    follow: 2,
    press_stop: 0.4,
    talk: 1,
}
