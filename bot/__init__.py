"""A Discord bot that follows Veo renders on a card in the channel and posts the result once."""

__version__ = "0.1.0"

USER_AGENT = f"veo-watch-bot/{__version__}"
"""Sent to the task API and to video hosts, some of which reject the default names of HTTP libraries."""
