"""The task API: what it says, as values and typed errors, and the thin client that asks it."""
