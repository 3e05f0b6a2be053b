"""What goes wrong around the bot. Each trouble ends by itself or is healed at the end; losses stay."""

from collections.abc import Awaitable, Callable
from typing import Any

from simulation.crashes import MOMENTS, CrashingDatabase
from simulation.supervisor import Supervisor
from simulation.world import DAMAGED, World, drawn_bad_answer, drawn_poison

from sim.discord import Fault, Permission
from sim.discord.permissions import BOT_DEFAULT
from sim.task_api.answers import Answer

SPOILED: tuple[dict[str, Any], ...] = (
    {"drop": True},
    {"status": 503},
    {"status": 500},
    {"status": 502},
    {"status": 429, "retry_after": 3.0},
    {"status": 429, "via": False},
    {"status": 200, "body": "<html>", "content_type": "text/html"},
    {"delay": 20.0},
)
"""How a request to Discord, or its answer, goes wrong."""

Trouble = Callable[[World, Supervisor], Awaitable[None]]


async def crash(world: World, machine: Supervisor) -> None:
    """Crash now, or at one of the next moments that matter."""
    if world.rng.random() < 0.3:
        machine.crash()
    else:
        moment = world.rng.choices(list(MOMENTS), list(MOMENTS.values()))[0]
        machine.trap.arm(moment, world.rng.choice((0, 0, 1, 3, 6)))


async def crash_again_and_again(world: World, machine: Supervisor) -> None:
    for _ in range(4):

        async def strike() -> None:
            await crash(world, machine)

        world.after(world.rng.uniform(0, 60), strike)


async def stop(world: World, machine: Supervisor) -> None:
    machine.stop()


async def set_clock(world: World, machine: Supervisor) -> None:
    """Set the machine's clock, forwards or backwards; the bot sees it at its next start."""
    jump = world.rng.choice((-1, 1)) * world.rng.choice((1.0, 120.0, 3_600.0, 20_000.0))
    world.note(f"clock: {jump:+.0f} s")
    machine.here.clock_error += jump
    world.jumps += abs(jump)
    machine.crash()


async def bad_answers(world: World, machine: Supervisor) -> None:
    """Let the task API answer badly about one task for a while."""
    task_id = world.rng.choice(sorted(world.lives))
    world.badly_answered.add(task_id)
    bad = [drawn_bad_answer(world.rng) for _ in range(world.rng.randrange(1, 8))]
    world.here.api.set(task_id, [*bad, None])


async def unknown_for_a_while(world: World, machine: Supervisor) -> None:
    task_id = world.rng.choice(sorted(world.lives))
    world.disturbed.add(task_id)
    world.badly_answered.add(task_id)
    missing = Answer.json({"message": "task not found"}, 404)
    world.here.api.set(task_id, [missing] * world.rng.randrange(1, 3) + [None])


async def api_outage(world: World, machine: Supervisor) -> None:
    lasts = world.rng.choice((5.0, 60.0, 600.0, 3_600.0))
    world.note(f"api outage: {lasts:.0f} s")
    world.stall(lasts)
    if world.rng.random() < 0.3:
        await world.here.api.stop()
    else:
        answer = drawn_bad_answer(world.rng)
        world.here.api.fail_all(answer)
        world.damage += lasts if answer == DAMAGED else 0

    async def over() -> None:
        world.here.api.recover()
        await world.here.api.start()

    world.after(lasts, over)


async def poisoned_tasks(world: World, machine: Supervisor) -> None:
    """Let somebody watch many tasks that are answered badly for as long as the trouble lasts."""
    first, bad = len(world.poisoned), [drawn_poison(world.rng) for _ in range(world.rng.choice((3, 10, 25)))]
    channel = world.rng.choice(world.channels)
    if channel.deleted or channel.guild is None or not channel.guild.bot_present:
        return
    task_ids = [f"bad00000-0000-4000-8000-{first + n:012}" for n in range(len(bad))]
    world.note(f"poisoned: {len(bad)} tasks in {channel.name}")
    for task_id, answer in zip(task_ids, bad, strict=True):
        world.here.api.set(task_id, answer)
    world.poisoned.update(task_ids)
    for start in range(0, len(task_ids), 10):
        ids = " ".join(task_ids[start : start + 10])
        person = world.rng.choice(world.people)
        try:
            use = await world.here.sim.slash(person, channel, "veo", "watch", id=ids)
        except LookupError:  # its commands are not registered yet
            return
        world.invocations.append(use)


async def bad_requests(world: World, machine: Supervisor) -> None:
    """Let requests to Discord go wrong, before or after their effect."""
    method = world.rng.choice(("POST", "POST", "PATCH", "GET", "DELETE", None))
    spoiled = world.rng.choice(SPOILED)
    fault = Fault(
        method,
        world.rng.choice(("*", "/channels/*", "/interactions/*", "/webhooks/*")),
        when="before" if spoiled.get("status") == 429 else world.rng.choice(("before", "after")),
        times=world.rng.choice((1, 2, 5, None)),
        probability=world.rng.choice((0.2, 0.5, 1.0)),
        **spoiled,
    )
    world.note(f"bad requests: {fault}")
    world.here.sim.fault(fault)

    async def over() -> None:
        if fault in world.here.sim.rest.faults:
            world.here.sim.rest.faults.remove(fault)

    world.after(world.rng.choice((2.0, 20.0, 200.0)), over)


async def discord_outage(world: World, machine: Supervisor) -> None:
    world.here.sim.rest_down = world.rng.choice((True, "drop"))

    async def over() -> None:
        world.here.sim.rest_down = False

    world.after(world.rng.choice((5.0, 60.0, 900.0)), over)


async def gateway_trouble(world: World, machine: Supervisor) -> None:
    sim = world.here.sim
    if not sim.gateway.connections:
        return
    match world.rng.randrange(4):
        case 0:
            await sim.drop_gateway()
        case 1:
            await sim.invalidate_sessions(resumable=world.rng.random() < 0.5)
        case 2:
            await sim.request_reconnect()
        case _:
            sim.gateway_down = True
            await sim.drop_gateway()

            async def over() -> None:
                sim.gateway_down = False

            world.after(world.rng.choice((3.0, 60.0)), over)


async def delete_a_card(world: World, machine: Supervisor) -> None:
    if cards := world.cards():
        card = world.rng.choice(cards)
        world.note(f"deleted: {card.id}")
        card.delete()


async def edge_refusals(world: World, machine: Supervisor) -> None:
    """Let the edge refuse everything in channels, with codes that say nothing (discord-api-docs#6473)."""
    status, code = world.rng.choice(((403, 0), (404, 0), (403, 99999), (404, 99999), (401, 0)))
    fault = world.here.sim.fault(
        Fault(
            world.rng.choice((None, None, "POST", "PATCH", "GET")),
            "/channels/*",
            status=status,
            code=code,
            times=None,
            probability=world.rng.choice((0.5, 1.0, 1.0)),
        )
    )
    world.note(f"edge refusals: {fault}")

    async def over() -> None:
        if fault in world.here.sim.rest.faults:
            world.here.sim.rest.faults.remove(fault)

    world.after(world.rng.choice((10.0, 60.0, 600.0)), over)


async def access_paused(world: World, machine: Supervisor) -> None:
    """Take the bot's permission to send away, or put it into a timeout, for a while."""
    channel = world.rng.choice([c for c in world.channels if c.parent is None])
    guild = channel.guild
    assert guild is not None
    lasts = world.rng.choice((5.0, 60.0, 400.0, 4_000.0))
    timeout = world.rng.random() < 0.3
    world.note(f"access paused: {'everywhere' if timeout else channel.name} for {lasts:.0f} s")
    if timeout:
        guild.time_out_bot(world.here.clock() + 86_400.0)
    elif not channel.deleted:
        channel.restrict_bot(int(world.rng.choice((BOT_DEFAULT & ~Permission.SEND_MESSAGES, 0))))

    async def over() -> None:
        if timeout:
            guild.time_out_bot(None)
        elif not channel.deleted:
            channel.restrict_bot(None)

    world.after(lasts, over)


async def server_unavailable(world: World, machine: Supervisor) -> None:
    guild = world.a_guild()
    guild.outage()

    async def over() -> None:
        guild.outage(over=True)

    world.after(world.rng.choice((5.0, 60.0, 600.0)), over)


async def sleep(world: World, machine: Supervisor) -> None:
    """Let the machine sleep; with some luck the bot crashes soon after."""
    seconds = world.rng.choice((60.0, 3_600.0, 8 * 3_600.0))
    world.note(f"sleep: {seconds:.0f} s")
    world.jumps += seconds
    await machine.here.suspend(seconds)
    if world.rng.random() < 0.5:
        await crash(world, machine)


async def close_a_channel(world: World, machine: Supervisor) -> None:
    """Take a channel away, for a while or for good."""
    channel = world.rng.choice(world.channels)
    if channel.deleted:
        return
    kind = world.rng.choice(("hidden", "hidden for a while", "deleted", "archived", "locked"))
    world.note(f"{kind}: {channel.name}")
    match kind:
        case "deleted" if channel.parent is None and sum(not c.deleted for c in world.channels) > 1:
            world.closed.update({channel.id, *(c.id for c in world.channels if c.parent is channel)})
            channel.delete()
        case "archived" | "locked" if channel.is_thread:
            world.closed.add(channel.id)
            channel.set_state(archived=True, locked=kind == "locked")
        case "hidden for a while" | "hidden" if channel.parent is None:
            channel.restrict_bot(0)
            if kind == "hidden for a while":

                async def over() -> None:
                    channel.restrict_bot(None)

                world.after(world.rng.choice((5.0, 60.0)), over)


async def kick(world: World, machine: Supervisor) -> None:
    """Remove the bot from its server, and invite it again a little later."""
    guild = world.a_guild()
    world.closed.update(channel.id for channel in world.channels if channel.guild is guild)
    guild.remove_bot()

    async def back() -> None:
        guild.add_bot()

    world.after(world.rng.choice((5.0, 60.0)), back)


async def full_disk(world: World, machine: Supervisor) -> None:
    world.disk.full = True
    world.disk.broken = world.rng.random() < 0.5
    world.stall(120.0)
    fill(machine)

    async def over() -> None:
        world.disk.full = world.disk.broken = False
        fill(machine)

    lasts = world.rng.choice((2.0, 20.0, 120.0))
    if world.has_several_bots and world.disk.broken:
        world.unsaved.append((world.here.clock(), world.here.clock() + lasts))
    world.after(lasts, over)


async def slow_uplink(world: World, machine: Supervisor) -> None:
    """Let uploads share a line on which a video may take longer than it is given."""
    world.here.sim.uplink.speed = world.rng.choice((1_000.0, 10_000.0, 100_000.0))

    async def over() -> None:
        world.here.sim.uplink.speed = None

    world.after(world.rng.choice((20.0, 120.0, 600.0)), over)


def fill(machine: Supervisor) -> None:
    """Let the running bot's database meet the disk as it is now."""
    if isinstance(machine.here.database, CrashingDatabase):
        machine.here.database.fill()


TROUBLES: dict[Trouble, float] = {
    crash: 6,
    crash_again_and_again: 2,
    stop: 1,
    set_clock: 0.5,
    bad_answers: 3,
    unknown_for_a_while: 0.5,
    api_outage: 1,
    poisoned_tasks: 1,
    bad_requests: 6,
    discord_outage: 1,
    gateway_trouble: 2,
    delete_a_card: 0.5,
    close_a_channel: 0.5,
    edge_refusals: 2,
    access_paused: 1,
    server_unavailable: 1,
    sleep: 0.5,
    kick: 0.2,
    full_disk: 1,
    slow_uplink: 1,
}
