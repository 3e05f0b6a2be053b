"""The bot without Discord and without Veo: a simulated task API for the demo and the tests."""
