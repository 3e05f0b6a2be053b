"""A simulated Discord on real sockets: REST v10 and the gateway on one port of 127.0.0.1.

    async with DiscordSim() as sim:
        guild = sim.add_guild("Studio")
        channel = guild.add_channel("renders")
        ada = sim.add_user("Ada")
        ...start the bot with sim.token and sim.base_url, in this loop or as a child process...
        await sim.wait_ready()
        use = await sim.slash(ada, channel, "veo", "watch", id="8c1")
        card = await use.answered()

discord.py connects to it when `discord.http.Route.BASE` is `sim.base_url` and
`discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY` is `yarl.URL(sim.gateway_url)`; in the same loop
`sim.discord.clients.running(client, sim)` does that. The simulator waits only on the loop and reads only the
clock it is given, so it also runs in virtual time: `DiscordSim(clock=lambda: 1_767_225_600 + loop.time())`.
A bot in a child process needs real time; `ShiftedClock` can still bring deadlines forward.

Where to find things: `sim` (start and stop), `actions` (what people do), `control` (outages, faults, records,
waiting), `guild`, `channel`, `message`, `invocation` (what a test inspects); `forms`, `components`,
`mentions`, `posting` (Discord's rules); `rest*`, `routing`, `limits`, `faults`, `gateway`, `stream` (wire).
"""

from .channel import Channel
from .errors import ApiError
from .faults import Fault
from .guild import Guild
from .ids import ManualClock, ShiftedClock
from .invocation import Invocation
from .limits import Limits, Rate
from .message import Attachment, Edit, Message
from .permissions import BOT_DEFAULT, MEMBER_DEFAULT, Permission
from .records import Request
from .sim import DiscordSim
from .users import Role, User

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
