"""A Discord bot that follows Veo renders on a card in the channel and posts the result once."""

__version__ = "0.1.0"

USER_AGENT = f"veo-watch-bot/{__version__}"
"""What the task API and the hosts of videos see: some refuse the names of libraries."""
