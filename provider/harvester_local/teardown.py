"""The end of a local Harvester: every process of it, and no other.

Used by `down`, by a start that failed, by the clean-up after a crash and by the guard. Whoever calls it holds the
folder's lock. It needs no certificates and no tools, so that stopping works when starting does not.
"""

import os
from dataclasses import replace

from harvester_local import processes
from harvester_local.layout import Layout
from harvester_local.state import State


def stop_all(layout: Layout, state: State) -> State:
    """Stop all processes of `state` and those its record missed; return and write the state without them."""
    layout.ready.unlink(missing_ok=True)
    running = [process for handle in state.processes.values() if (process := handle.process())]
    recorded = [process for process in running if process.pid != os.getpid()]  # the guard is in the record itself
    strays = [process for process in processes.marked(state.instance) if process not in recorded]
    # Clients first: a control plane whose API server goes away under it fills its log with errors that are none.
    processes.stop([*reversed(recorded), *strays])
    for handle in state.processes.values():
        handle.exit_code()  # an ended child of this process leaves the process table
    stopped = replace(state, processes={}, ready=False)
    stopped.write(layout.state)
    return stopped
