"""Who else is here: a bot that runs on the same data, another program on the health server's port."""

import errno

from bot.check.findings import Finding
from bot.config import Settings
from bot.monitoring.address import shown, try_to_have, why_not
from bot.store.lock import is_held


def neighbour_findings(settings: Settings) -> list[Finding]:
    """Say whether the bot runs already, and whether its port is to be had; both beside a running bot."""
    running = is_held(settings.database_path)
    text = "yes, a second one on this data would end with exit code 5" if running else "no"
    return [Finding("already running", ok=True, text=text), _port(settings, running=running)]


def _port(settings: Settings, *, running: bool) -> Finding:
    subject, host, port = "health server", settings.http_host, settings.http_port
    if port is None:
        return Finding(subject, ok=True, text="off")
    address = shown(host, port)
    try:
        try_to_have(host, port)
    except OSError as error:
        if running and error.errno == errno.EADDRINUSE:
            return Finding(
                subject, ok=True, text=f"{address} is taken, by the running bot unless HTTP_PORT was changed"
            )
        return Finding(subject, ok=False, text=why_not(host, port, error))
    text = f"{address} is free" if port else f"a free port of {host}, which the log names"
    return Finding(subject, ok=True, text=text)
