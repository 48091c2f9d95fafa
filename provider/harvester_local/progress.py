"""Telling a person at a terminal, or a log, how far something is.

A step says when it starts and when it ends. In between a terminal sees the seconds pass on the last line, and a log
gets a line every half minute, so that neither looks dead. Nothing here knows what the steps are.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[str], None]

TERMINAL_SECONDS = 1.0
LOG_SECONDS = 30.0
ERASE_LINE = "\r\x1b[K"


def to_stderr(line: str) -> None:
    """Print one line of progress."""
    sys.stderr.write(f"{ERASE_LINE if sys.stderr.isatty() else ''}{line}\n")
    sys.stderr.flush()


def _to_terminal(line: str) -> None:
    """Show a line that the next one replaces."""
    sys.stderr.write(f"{ERASE_LINE}{line}")
    sys.stderr.flush()


class Progress:
    """Reports steps line by line. `every` is the pause between signs of life, in seconds; None chooses it."""

    def __init__(self, report: Report, every: float | None = None) -> None:
        self.report = report
        self._live = live = report is to_stderr and sys.stderr.isatty()
        self._alive = _to_terminal if live else report
        self._every = every or (TERMINAL_SECONDS if live else LOG_SECONDS)

    @contextmanager
    def step(self, subject: str, doing: str, done: str, detail: str = "") -> Iterator[None]:
        """Report `subject: doing detail`, signs of life, and at the end of the block `subject: done in N s`.

        Nothing is reported at the end when the block raises: whoever catches the error tells.
        """
        began = time.monotonic()
        self.report(f"{subject}: {doing}{detail}")
        over = threading.Event()
        pulse = threading.Thread(target=self._pulse, args=(over, began, f"{subject}: {doing}"), daemon=True)
        pulse.start()
        try:
            yield
        finally:
            over.set()
            pulse.join()
            if self._live:
                _to_terminal("")  # nothing may be printed behind the last sign of life
        self.report(f"{subject}: {done} in {time.monotonic() - began:.0f} s")

    def _pulse(self, over: threading.Event, began: float, what: str) -> None:
        while not over.wait(self._every):
            self._alive(f"{what}, {time.monotonic() - began:.0f} s")
