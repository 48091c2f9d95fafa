"""Where progress goes. Front ends show it on the resource's own line; tests collect it."""

from typing import Protocol


class Reporter(Protocol):
    """Receives what happens while a verb runs."""

    def info(self, text: str) -> None:
        """Something worth keeping: a step that is done."""
        ...

    def warn(self, text: str) -> None:
        """Something the user should know."""
        ...

    def progress(self, text: str) -> None:
        """What is happening just now; the next text takes its place."""
        ...


class Silent:
    """Reports nothing."""

    def info(self, text: str) -> None:
        """Nothing."""

    def warn(self, text: str) -> None:
        """Nothing."""

    def progress(self, text: str) -> None:
        """Nothing."""
