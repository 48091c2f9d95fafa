"""A program of a running local Harvester that crashes and comes back, for tests of what uses the cluster meanwhile.

It is killed outright, and started again by the command line it had, with the data it left.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from harvester_local import processes
from harvester_local.errors import LocalError
from harvester_local.layout import Layout
from harvester_local.programs import TOOLS
from harvester_local.startup import await_ready
from harvester_local.state import State

END_SECONDS = 10.0


@contextmanager
def outage(layout: Layout, state: State, name: str) -> Iterator[None]:
    """Within the block that program is not there; after it, it serves again. Raises LocalError when it does not run or cannot come back."""
    process = state.processes[name].process() if name in state.processes else None
    if process is None or name not in TOOLS:
        raise LocalError(f"{name}: no program of this local Harvester that runs and can be missing: choose one of {', '.join(TOOLS)}")
    command = process.cmdline()
    process.kill()
    processes.still_running([process], END_SECONDS)
    state.processes[name].exit_code()  # an ended child of this process leaves the process table
    try:
        yield
    finally:
        handle = processes.start(command, layout.log(name), state.instance)
        replace(state, processes={**state.processes, name: handle}).write(layout.state)
        await_ready(name, handle, layout, state.ports)
