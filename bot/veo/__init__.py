"""The task API: its answers as values and typed errors, and a thin client."""
