"""All of Discord: commands, cards and results, and the one place that sends and edits."""
