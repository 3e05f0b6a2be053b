"""A Discord on real sockets, for tests: REST v10 and the gateway on one port of 127.0.0.1.

    async with DiscordSim() as sim:
        guild = sim.add_guild("Studio")
        channel = guild.add_channel("renders")
        ada = sim.add_user("Ada")
        ...start the bot with sim.token and sim.base_url, in this loop or as a child process...
        await sim.wait_ready()
        use = await sim.slash(ada, channel, "veo", "watch", id="8c1")
        card = await use.answered()

discord.py talks to it when `discord.http.Route.BASE` is `sim.base_url` and
`discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY` is `yarl.URL(sim.gateway_url)`; in the same loop
`sim.discord.client.running(client, sim)` does that. Everything in the simulator waits on the loop and
reads the clock that it was given, so it also runs under a virtual one:
`DiscordSim(clock=lambda: 1_767_225_600 + loop.time())`; a bot in a child process needs the real one
(`ShiftedClock` moves deadlines closer all the same).

Where to look: `sim` (starting and stopping), `persons` (what people do), `control` (moods, faults,
records, waiting), `guild`, `channel`, `message`, `invocation` (what a test looks at); `forms`,
`components`, `mentions`, `posting` (Discord's rules); `rest*`, `routing`, `limits`, `faults`, `gateway`,
`stream` (the wire).
"""

from .channel import Channel
from .errors import ApiError
from .faults import Fault
from .guild import Guild
from .ids import ManualClock, ShiftedClock
from .invocation import Invocation
from .limits import Limits, Rate
from .message import Attachment, Edit, Message
from .people import Role, User
from .permissions import BOT_DEFAULT, MEMBER_DEFAULT, Permission
from .records import Request
from .sim import DiscordSim

__all__ = [
    "BOT_DEFAULT",
    "MEMBER_DEFAULT",
    "ApiError",
    "Attachment",
    "Channel",
    "DiscordSim",
    "Edit",
    "Fault",
    "Guild",
    "Invocation",
    "Limits",
    "ManualClock",
    "Message",
    "Permission",
    "Rate",
    "Request",
    "Role",
    "ShiftedClock",
    "User",
]
