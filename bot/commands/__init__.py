"""Slash commands, the message menu and autocomplete: answered within Discord's three seconds."""
