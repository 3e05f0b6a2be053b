"""A Discord bot that follows Veo renders on a card in the channel and posts the result once."""

__version__ = "0.1.0"
