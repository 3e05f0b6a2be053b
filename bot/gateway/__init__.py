"""The discord.py client: connecting to Discord and staying connected."""
