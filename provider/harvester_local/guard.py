"""A process that waits for the end of another one, the owner, and then stops the local Harvester the owner left behind.

A context manager cannot clean up after `kill -9`; this can. It is started before everything else, and ends with the
Harvester it guards. Run as `python -m harvester_local.guard FOLDER PID STARTED MARK`.
"""

import sys
from pathlib import Path

from filelock import FileLock

from harvester_local.layout import Layout
from harvester_local.processes import Handle, marked, stop, wait_for_end
from harvester_local.state import State
from harvester_local.teardown import stop_all


def command(layout: Layout, owner: Handle, mark: str) -> list[str]:
    """Command line of a guard."""
    return [sys.executable, "-m", "harvester_local.guard", str(layout.folder), str(owner.pid), repr(owner.started), mark]


def main(folder: str, pid: str, started: str, mark: str) -> None:
    """Wait for the owner's end, then stop what carries the mark."""
    layout = Layout(Path(folder))
    wait_for_end(Handle(int(pid), float(started)))
    if not layout.folder.exists():
        stop(marked(mark))  # somebody removed the folder of a running Harvester
        return
    with FileLock(layout.lock):
        state = State.read(layout.state)
        if state and state.instance == mark:
            stop_all(layout, state)


if __name__ == "__main__":
    main(*sys.argv[1:])
