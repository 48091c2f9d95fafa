"""Where progress goes. Front ends show it on the resource's own line; tests collect it."""

import asyncio
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


class FromThread:
    """Has what is said in another thread reported on the event loop that runs where this is made."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._loop = asyncio.get_running_loop()

    def info(self, text: str) -> None:
        """Something worth keeping."""
        self._loop.call_soon_threadsafe(self._reporter.info, text)

    def warn(self, text: str) -> None:
        """Something the user should know."""
        self._loop.call_soon_threadsafe(self._reporter.warn, text)

    def progress(self, text: str) -> None:
        """What is happening just now."""
        self._loop.call_soon_threadsafe(self._reporter.progress, text)
