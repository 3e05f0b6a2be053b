"""What the parts of the bot count as they go; who keeps the numbers and shows them is not theirs to know."""

from typing import Final, Protocol


class Meter(Protocol):
    """Takes numbers and returns at once; times are seconds, and what is named is one of a few words."""

    def looked(self, outcome: str, seconds: float) -> None:
        """Count a look at a task: a state of the API's, `missing`, or a trouble."""

    def late(self, seconds: float) -> None:
        """Note how long after its due time a look began."""

    def edited(self) -> None:
        """Count an edit of a card that was sent."""

    def spared(self) -> None:
        """Count an edit that was never sent, because a newer form took its place."""

    def announced(self, ending: str, seconds: float | None) -> None:
        """Count a result in its channel, so long after the API's end of the task, if that is known."""

    def asked_discord(self, route: str, outcome: str) -> None:
        """Count a request to Discord."""

    def limited(self, scope: str) -> None:
        """Count a 429 of Discord."""

    def stored(self, seconds: float) -> None:
        """Note how long a transaction took, its wait for others included."""


class Unmetered:
    """Counts nothing."""

    def looked(self, outcome: str, seconds: float) -> None:
        pass

    def late(self, seconds: float) -> None:
        pass

    def edited(self) -> None:
        pass

    def spared(self) -> None:
        pass

    def announced(self, ending: str, seconds: float | None) -> None:
        pass

    def asked_discord(self, route: str, outcome: str) -> None:
        pass

    def limited(self, scope: str) -> None:
        pass

    def stored(self, seconds: float) -> None:
        pass


UNMETERED: Final[Meter] = Unmetered()
