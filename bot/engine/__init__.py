"""Tracks what is watched, polls it, and applies the answers."""
