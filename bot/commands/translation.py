"""The commands in each reader's language, by Discord's own means: what the catalogues have is translated.

They have descriptions, and the names of menus, which are read and pressed. What is typed they have not:
`/veo watch` keeps its name in every language, as our sentences and other people call it. In a sentence
Discord shows a command's name as it was written, and its search found no subcommands under a localised one.
"""

import discord
from discord import app_commands

from bot.messages import LANGUAGES, language_for, say


class CatalogueTranslator(app_commands.Translator):
    """Finds a text of the command tree in the catalogues by its English."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        _context: app_commands.TranslationContextTypes,
    ) -> str | None:
        translated = say(language_for(locale.value), string.message)
        return None if translated == string.message else translated


def channel_language(interaction: discord.Interaction, card_language: str) -> str:
    """Return the operator's choice, else the server's where it could choose (Community), else the asker's.

    In a direct message nobody reads but the asker.
    """
    if interaction.guild_id is not None and card_language in LANGUAGES:
        return card_language
    guild = interaction.guild
    if guild is not None and "COMMUNITY" in guild.features and interaction.guild_locale is not None:
        return language_for(interaction.guild_locale.value)
    return language_for(interaction.locale.value)
