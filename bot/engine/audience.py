"""What the tracker needs of those who show watches to people."""

from typing import Protocol

from bot.core.watch import CardState, Watch


class Audience(Protocol):
    """Shows what the tracker knows. Its methods return at once; the work is done in the background."""

    def show(self, state: CardState) -> None:
        """Update a card to its state."""

    def announce(self, state: CardState, watch: Watch) -> None:
        """Update a card after a watch has ended, and post its result."""

    def summarize(self, state: CardState) -> None:
        """Post the summary of a card with several tasks, after its results."""
