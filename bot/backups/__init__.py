"""Backup, restore and the list of watches: what the command line does with the data."""
