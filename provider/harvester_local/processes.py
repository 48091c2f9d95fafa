"""Programs that outlive the process which started them: start, recognise, stop.

A program is known by its pid and the moment it started, and carries a mark in its environment. Both are needed: a pid
alone may belong to somebody else by now, and a program started in the instant before a crash is in no record at all.
Nothing here knows what a program is for.
"""

import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "HARVESTER_LOCAL_INSTANCE"
"""Environment variable that every started program carries; its value is one instance's own."""
STOP_SECONDS = 4.0
"""How long programs may take to end after SIGTERM before they get SIGKILL."""
LONGEST_PAUSE = 0.1
"""Seconds between two looks at processes that shall end."""
OWNER_CHECK_SECONDS = 5.0
"""The kernel tells of an owner's end at once; where it cannot, it is looked for this often."""
CLOCK_SLACK = 1.0
"""Seconds by which two readings of one start time may differ: psutil derives it from the adjustable clock."""


@dataclass(frozen=True)
class Handle:
    """A started program: its pid and its start in seconds since the epoch."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "Handle":
        """Handle of a process that exists now. Raises psutil.NoSuchProcess."""
        return cls(pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The running process, or None when it has ended or the pid has become somebody else's."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < CLOCK_SLACK
        except psutil.NoSuchProcess:
            return None
        return process if same and not _has_ended(process) else None

    def exit_code(self) -> int | None:
        """Exit code of an ended child of this very process (negative: the signal); None where it cannot be known."""
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return None
        return os.waitstatus_to_exitcode(status) if pid else None


def start(command: Sequence[str], log: Path, mark: str, environment: Mapping[str, str] | None = None) -> Handle:
    """Start a program detached, in a session of its own, with both outputs appended to `log`.

    `environment` is added to this process's own. Raises OSError when the program cannot be run.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        # posix_spawn and not Popen: a Popen object expects its maker to wait for the end of the program.
        pid = os.posix_spawnp(
            command[0],
            list(command),
            {**os.environ, **(environment or {}), MARK: mark},
            file_actions=[(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, descriptor, 1), (os.POSIX_SPAWN_DUP2, descriptor, 2)],
            setsid=True,
        )
    finally:
        os.close(descriptor)
        os.close(null)
    return Handle.of(pid)


def marked(mark: str) -> list[psutil.Process]:
    """All running processes that carry the mark, this one left out."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                found.append(process)
        except psutil.Error:  # ended meanwhile, or somebody else's
            continue
    return found


def stop(processes: Iterable[psutil.Process], seconds: float = STOP_SECONDS) -> None:
    """End processes: SIGTERM to all, then SIGKILL to those still there after `seconds`. Returns when all have ended."""
    everyone = list(processes)
    for process in everyone:
        _signal(process, signal.SIGTERM)
    stubborn = still_running(everyone, seconds)
    for process in stubborn:
        _signal(process, signal.SIGKILL)
    still_running(stubborn, seconds)


def still_running(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until all have ended, at most `seconds`; return those that have not.

    An ended process that nobody has waited for yet (a zombie, as under a container's first process) has ended.
    """
    end = time.monotonic() + seconds
    pause = 0.005
    while running := [process for process in processes if not _has_ended(process)]:
        if time.monotonic() > end:
            break
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
    return running


def wait_for_end(handle: Handle) -> None:
    """Return when the process has ended; at once when it has already."""
    while process := handle.process():
        with suppress(psutil.TimeoutExpired):
            process.wait(timeout=OWNER_CHECK_SECONDS)


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)  # psutil compares the start time again before it sends
    except psutil.NoSuchProcess:
        return
