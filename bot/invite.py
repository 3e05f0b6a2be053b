"""The link that adds the bot to a server, with exactly the permissions that it needs."""

from typing import Final

PERMISSIONS: Final = {
    "View Channels": 1 << 10,
    "Send Messages": 1 << 11,
    "Embed Links": 1 << 14,
    "Attach Files": 1 << 15,
    "Read Message History": 1 << 16,
    "Send Messages in Threads": 1 << 38,
}
"""Discord's permission bits by the names that its settings show."""


def invite_link(application_id: object) -> str:
    return (
        f"https://discord.com/oauth2/authorize?client_id={application_id}"
        f"&scope=bot+applications.commands&permissions={sum(PERMISSIONS.values())}"
    )
