"""Renders cards and results: values become texts and layouts, within Discord's limits."""
