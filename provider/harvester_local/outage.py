"""A program of a running local Harvester that crashes and comes back, for tests of what uses the cluster meanwhile.

It is killed outright, and started again by the command line it had, with the data it left.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psutil
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from harvester_local import processes
from harvester_local.errors import LocalError
from harvester_local.layout import Layout
from harvester_local.ports import PortLease
from harvester_local.programs import TOOLS
from harvester_local.startup import await_ready
from harvester_local.state import State

END_SECONDS = 10.0
STARTS = 5


@contextmanager
def outage(layout: Layout, state: State, name: str) -> Iterator[None]:
    """Within the block that program is not there; after it, it serves again. Raises LocalError when it does not run or cannot come back."""
    process = state.processes[name].process() if name in state.processes else None
    if process is None or name not in TOOLS:
        raise LocalError(f"{name}: no program of this local Harvester that runs and can be missing: choose one of {', '.join(TOOLS)}")
    command = process.cmdline()
    ports = [each.laddr.port for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    process.kill()
    processes.still_running([process], END_SECONDS)
    with PortLease() as lease:  # nobody's outgoing connection gets one of them meanwhile
        for port in ports:
            _once_closed(lease.hold, port)
        state.processes[name].exit_code()  # an ended child of this process leaves the process table
        try:
            yield
        finally:
            _start_again(command, layout, state, name)


@retry(stop=stop_after_delay(END_SECONDS), wait=wait_fixed(0.01), retry=retry_if_exception_type(OSError), reraise=True)
def _once_closed(hold: Callable[[int], int], port: int) -> None:
    """Hold a port as soon as its former server has closed it: a killed program can end before all its threads do."""
    hold(port)


def _start_again(command: list[str], layout: Layout, state: State, name: str) -> None:
    """Start it, several times where need be: who knocks at a free port of loopback can get it for a moment (TCP's simultaneous open)."""
    for left in reversed(range(STARTS)):
        handle = processes.start(command, layout.log(name), state.instance)
        replace(state, processes={**state.processes, name: handle}).write(layout.state)
        try:
            await_ready(name, handle, layout, state.ports)
        except LocalError:
            if not left or handle.process() is not None:
                raise
        else:
            return
